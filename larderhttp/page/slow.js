// The slow log.

import {el, fill, table, notice, shown, micros, time, textOf} from "./dom.js";
import {get} from "./api.js";

export const title = "Slow log";

export function show(to) {
  const body = el("div");
  fill(to, el("h2", null, "Slow log"), body);
  return every(3000, async signal => {
    const a = await get("slow.json", null, signal);
    const from = Number(a.slower);
    fill(body, el("p", {class: "soft"}, from < 0 ? "Nothing is kept: slowlog-log-slower-than is negative." : "Calls that took " + micros(from) + " or longer, newest first."),
      a.calls.length ? table("Slow calls", [
        {name: "when", cell: c => time(c.at)},
        {name: "took", num: true, cell: c => micros(c.took)},
        {name: "call", class: "wide", cell: c => el("code", {class: "data"}, c.words.map(textOf).join(" "))},
        {name: "client", cell: c => c.addr || "Go"},
        {name: "name", cell: c => textOf(c.name) ? shown(c.name) : ""},
      ], a.calls) : notice("No call was slow."));
  }, body);
}

// every does something now, and again after a while as long as the view is shown.
export function every(ms, what, errors) {
  const control = new AbortController();
  let timer = 0;
  const turn = async () => {
    try {
      if (!document.hidden) await what(control.signal);
    } catch (e) {
      if (!control.signal.aborted) fill(errors, notice(e.message, true));
    }
    if (!control.signal.aborted) timer = setTimeout(turn, ms);
  };
  turn();
  return {stop() { control.abort(); clearTimeout(timer); }};
}
