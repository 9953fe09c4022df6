// What was called, and how long it took.

import {el, fill, table, integer, micros, notice, percent} from "./dom.js";

export const title = "Commands";

export function show(to) {
  const errors = el("div"), body = el("div");
  fill(to, el("h2", null, "Commands"), el("p", {class: "soft"}, "Since the store was opened. Times are those of calls that were timed: commands in words, and of calls by Go those that may last. Percentiles are up to 3 % too long."), body, errors);
  let drawn = 0;
  return {
    update(s) {
      if (Date.now() - drawn < 900 && drawn) return;
      drawn = Date.now();
      const calls = s.commands.reduce((n, c) => n + c.calls, 0);
      const t = us => us ? micros(us) : "–";
      const scroll = body.querySelector(".scroll"), x = scroll ? scroll.scrollLeft : 0;
      fill(body, s.commands.length ? table("Commands by calls", [
        {name: "command", cell: c => el("code", null, c.name)},
        {name: "calls", num: true, cell: c => integer(c.calls)},
        {name: "share", num: true, cell: c => percent(calls ? c.calls / calls : 0)},
        {name: "half", num: true, cell: c => t(c.p50), title: "half of the calls took at most"},
        {name: "99 %", num: true, cell: c => t(c.p99)},
        {name: "99.9 %", num: true, cell: c => t(c.p999)},
        {name: "longest", num: true, cell: c => t(c.longest)},
        {name: "time in all", num: true, cell: c => t(c.time)},
        {name: "failed", num: true, cell: c => integer(c.failed)},
        {name: "rejected", num: true, cell: c => integer(c.rejected)},
      ], s.commands) : notice("Nothing was called yet."));
      body.querySelector(".scroll")?.scrollTo(x, 0);
      fill(errors, s.errors.length ? [el("h2", null, "Error replies"), table("Error replies", [
        {name: "code", cell: e => el("code", null, e.code)}, {name: "count", num: true, cell: e => integer(e.count)}], s.errors)] : null);
    },
  };
}
