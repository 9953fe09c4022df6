// What stands out: big keys, long ones, and those that are used most.

import {el, fill, table, notice, integer, bytes, percent, ago, shown} from "./dom.js";
import {get, keyLink, state} from "./api.js";
import {databases} from "./keys.js";

export const title = "Big and hot";

export function show(to) {
  const body = el("div", {"aria-live": "polite"});
  const db = databases(() => load());
  const sample = el("select", {id: "sample", onchange: () => load()},
    [1000, 20000, 200000].map(n => el("option", {value: n, selected: n === 20000}, integer(n) + " keys")));
  let control = null;
  async function load() {
    if (control) control.abort();
    const mine = control = new AbortController();
    try {
      const a = await get("top.json", {db: state.db, sample: sample.value}, mine.signal);
      draw(a);
    } catch (e) {
      if (!mine.signal.aborted) fill(body, notice(e.message, true));
    }
  }
  const name = {name: "key", class: "wide", cell: k => el("a", {href: keyLink(state.db, k.key)}, shown(k.name))};
  const type = {name: "type", cell: k => el("span", {class: "type " + k.type}, k.type)};
  const memory = {name: "memory", num: true, cell: k => bytes(k.memory)};
  const length = {name: "elements", num: true, cell: k => k.type === "string" ? "–" : integer(k.elements)};
  function draw(a) {
    const all = a.sampled >= a.total, sum = a.types.reduce((n, t) => n + t.memory, 0);
    const use = a.use === "frequency"
      ? ["Most used", "By the LFU counter of policy " + a.policy + ": logarithmic, to 255, and halved and lowered with time.", {name: "frequency", num: true, cell: k => integer(k.frequency)}]
      : ["Last used", "When a key was used last. How often is known only under an LFU policy, and the policy is " + a.policy + ". A key that was just written is as young as one that was read.", {name: "ago", num: true, cell: k => ago(k.idle)}];
    fill(body,
      el("p", {class: "soft"}, all ? "All " + integer(a.sampled) + " keys were looked at." : "A sample of " + integer(a.sampled) + " of " + integer(a.total) + " keys; each time another one."),
      a.sampled === 0 ? notice("There are no keys.") : [
        el("section", {class: "card"}, el("h2", null, "Memory by type"), el("div", {class: "bars"}, a.types.map(t => el("div", {class: "bar"},
          el("span", {class: "type " + t.type}, t.type), el("meter", {min: 0, max: Math.max(1, sum), value: t.memory, "aria-label": t.type}),
          el("span", {class: "num"}, bytes(t.memory) + ", " + percent(sum ? t.memory / sum : 0) + ", " + integer(t.keys) + (t.keys === 1 ? " key" : " keys")))))),
        el("div", {class: "columns"},
          el("section", {class: "card"}, el("h2", null, "Biggest"), el("p", {class: "soft"}, "By memory, with the key's share of the table."), table("Biggest keys", [name, type, length, memory], a.biggest)),
          el("section", {class: "card"}, el("h2", null, "Longest"), el("p", {class: "soft"}, "By elements."), a.longest.length ? table("Longest keys", [name, type, length, memory], a.longest) : notice("There are only strings.")),
          el("section", {class: "card"}, el("h2", null, use[0]), el("p", {class: "soft"}, use[1]), table(use[0], [name, type, use[2]], a.used)))]);
  }
  fill(to, el("form", {class: "row", onsubmit: e => { e.preventDefault(); load(); }}, db,
    el("label", {for: "sample"}, "Sample"), sample, el("button", {type: "submit"}, "Look again")), body);
  load();
  return {stop() { if (control) control.abort(); }};
}
