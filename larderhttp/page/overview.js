// Charts, and the figures that one looks at first.

import {el, fill, button, bytes, integer, short, micros, percent, span} from "./dom.js";
import {Chart} from "./charts.js";

export const title = "Overview";

const windows = [[60e3, "1 min"], [5 * 60e3, "5 min"], [10 * 60e3, "10 min"]];
let window = windows[0][0];

const rate = name => s => s.rates ? s[name] : null;
const late = name => s => s.latency ? s.latency[name] : null;

export function show(to) {
  const tiles = el("dl", {class: "tiles"});
  const choice = el("div", {class: "choice", role: "group", "aria-label": "Time shown"});
  const charts = [
    new Chart({title: "Operations a second", format: short, lines: [{name: "all", value: rate("ops")}],
      note: "Calls by Go, and commands in words."}),
    new Chart({title: "Latency of timed calls", format: micros,
      lines: [{name: "half", value: late("p50")}, {name: "99 %", value: late("p99")}, {name: "99.9 %", value: late("p999")}],
      note: "Took at most. Brief calls by Go are not timed."}),
    new Chart({title: "Memory", format: bytes, binary: true,
      lines: [{name: "store", value: s => s.memory}, {name: "process", value: s => s.rss}], note: "The store's own count, and what of the process is resident."}),
    new Chart({title: "Hit rate", format: percent, most: 1,
      lines: [{name: "of lookups", value: s => s.rates && s.hits + s.misses > 0 ? s.hits / (s.hits + s.misses) : null}],
      note: "Lookups that found their key; nothing while there are none."}),
    new Chart({title: "Expired and evicted a second", format: short,
      lines: [{name: "expired", value: rate("expired")}, {name: "evicted", value: rate("evicted")}], note: "Keys."}),
    new Chart({title: "Network", format: n => bytes(n) + "/s", binary: true,
      lines: [{name: "in", value: rate("in")}, {name: "out", value: rate("out")}], note: "Calls by Go need none."}),
  ];
  let last = null;
  const draw = () => { if (last) for (const c of charts) c.draw(last[1], window); };
  const choose = () => fill(choice, windows.map(([ms, text]) =>
    button(text, () => { window = ms; choose(); draw(); }, {"aria-pressed": String(ms === window)})));
  choose();
  fill(to, tiles, choice, el("div", {class: "charts"}, charts.map(c => c.node)));

  return {
    update(s, samples) {
      last = [s, samples];
      const keys = s.keyspace.reduce((n, k) => n + k.keys, 0), now = samples[samples.length - 1];
      fill(tiles, [
        ["Keys", integer(keys), s.keyspace.length > 1 ? "in " + s.keyspace.length + " databases" : integer(s.keyspace.reduce((n, k) => n + k.expiring, 0)) + " expire"],
        ["Operations a second", now && now.rates ? short(now.ops) : "–", short(s.commands.reduce((n, c) => n + c.calls, 0)) + " in all"],
        ["Memory", bytes(s.memory.used), s.memory.max ? percent(s.memory.keyspace / s.memory.max) + " of " + bytes(s.memory.max) : "no limit"],
        ["Hit rate", s.hits + s.misses ? percent(s.hitRate) : "–", short(s.misses) + " missed"],
        ["Expired", short(s.expired), short(s.evicted) + " evicted"],
        ["Clients", integer(s.clients.connected), integer(s.clients.blocked) + " wait"],
        ["Up for", span(s.uptime * 1000), s.memory.policy],
      ].map(([name, value, more]) => el("div", {class: "tile"}, el("dt", null, name), el("dd", null, value), el("dd", {class: "soft"}, more))));
      draw();
    },
  };
}
