// Who is connected, and who listens.

import {el, fill, table, notice, shown, integer, bytes, span, textOf} from "./dom.js";
import {get} from "./api.js";
import {every} from "./slow.js";

export const title = "Clients";

export function show(to) {
  const body = el("div");
  fill(to, el("h2", null, "Clients"), body);
  return every(2000, async signal => {
    const a = await get("clients.json", null, signal);
    const f = (c, name) => c[name] ? textOf(c[name]) : "";
    const channels = (name, list) => list.length ? [el("h2", null, name), table(name, [
      {name: "channel", class: "wide", cell: c => shown(c.name)}, {name: "subscribers", num: true, cell: c => integer(c.subscribers)}], list)] : null;
    fill(body,
      a.clients.length ? table("Connections", [
        {name: "id", num: true, cell: c => f(c, "id")},
        {name: "address", cell: c => f(c, "addr")},
        {name: "name", cell: c => f(c, "name")},
        {name: "user", cell: c => f(c, "user")},
        {name: "last command", cell: c => el("code", null, f(c, "cmd"))},
        {name: "db", num: true, cell: c => f(c, "db")},
        {name: "age", num: true, cell: c => span(f(c, "age") * 1000)},
        {name: "idle", num: true, cell: c => span(f(c, "idle") * 1000)},
        {name: "flags", cell: c => el("code", null, f(c, "flags"))},
        {name: "subscribed", num: true, cell: c => integer(Number(f(c, "sub")) + Number(f(c, "psub")) + Number(f(c, "ssub") || 0))},
        {name: "output", num: true, cell: c => bytes(Number(f(c, "omem")))},
        {name: "memory", num: true, cell: c => bytes(Number(f(c, "tot-mem")))},
      ], a.clients) : notice("Nobody is connected. Calls by Go need no connection."),
      a.total > a.clients.length ? notice(integer(a.total - a.clients.length) + " more are not shown.") : null,
      channels("Channels", a.channels), channels("Shard channels", a.shardChannels),
      el("p", {class: "soft"}, integer(a.patterns) + " patterns, " + integer(a.channels.length) + " channels and " + integer(a.shardChannels.length) + " shard channels have subscribers."));
  }, body);
}
