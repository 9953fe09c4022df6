// Memory, files, replication, databases.

import {el, fill, table, notice, integer, bytes, percent, span, time} from "./dom.js";

export const title = "State";

const facts = (name, pairs) => el("section", {class: "card"}, el("h2", null, name),
  el("dl", {class: "facts"}, pairs.filter(Boolean).map(([k, v]) => el("div", null, el("dt", null, k), el("dd", null, v)))));

export function show(to) {
  let drawn = 0;
  return {
    update(s) {
      if (Date.now() - drawn < 900 && drawn) return;
      drawn = Date.now();
      const m = s.memory, p = s.persistence, r = s.replication, c = s.clients;
      fill(to, el("div", {class: "cards"},
        facts("Memory", [
          ["Store", bytes(m.used)], ["Keys and values", bytes(m.keyspace)], ["Connections", bytes(m.clients)], ["Journal's backlog", bytes(m.backlog)],
          ["Most ever", bytes(m.peak)], ["Process, resident", bytes(m.rss)],
          ["Limit", m.max ? bytes(m.max) + ", " + percent(m.keyspace / m.max) + " used" : "none"], ["Policy", m.policy],
          ["Open snapshots", integer(s.snapshots)]]),
        facts("Persistence", [
          ["State", p.loading ? "loading a file" : p.saving ? "saving in the background" : "at rest"],
          [p.saves ? "Last save" : "Not saved since", time(p.lastSave)], ["Changes since", integer(p.changes)], ["Saves", integer(p.saves)],
          ["Last background save", p.lastTook < 0 ? "none yet" : (p.failed ? "failed, after " : "took ") + span(p.lastTook * 1000)]]),
        facts("Replication", [
          ["Role", r.primary ? "replica of " + r.primary : "primary"], r.primary && ["Link", r.linkUp ? "up" : "down"],
          ["History", el("code", {class: "data"}, r.id)], ["Offset", integer(r.offset)], ["Replicas", integer(r.replicas.length)]]),
        facts("Connections", [
          ["Now", integer(c.connected) + " of " + integer(c.max)], ["Ever", integer(c.received)], ["Refused", integer(c.rejected)], ["Waiting", integer(c.blocked)],
          ["Monitors", integer(c.monitors)], ["Tracking", integer(c.tracking)], ["Bytes in", bytes(c.bytesIn)], ["Bytes out", bytes(c.bytesOut)],
          ["Channels, patterns, shard channels", [c.channels, c.patterns, c.shardChannels].map(integer).join(", ")]])),
        el("h2", null, "Databases"),
        s.keyspace.length ? table("Databases", [
          {name: "database", cell: k => el("a", {href: "#/keys/" + k.db}, "db" + k.db)},
          {name: "keys", num: true, cell: k => integer(k.keys)},
          {name: "that expire", num: true, cell: k => integer(k.expiring)},
          {name: "mean time to live", num: true, cell: k => k.expiring ? span(k.meanTTL) : "–"}], s.keyspace) : notice("There are no keys."),
        r.replicas.length ? [el("h2", null, "Replicas"), table("Replicas", [
          {name: "address", cell: x => x.addr}, {name: "state", cell: x => x.state}, {name: "offset", num: true, cell: x => integer(x.offset)},
          {name: "behind", num: true, cell: x => bytes(Math.max(0, r.offset - x.offset))}, {name: "heard of", num: true, cell: x => span(x.lag * 1000) + " ago"}], r.replicas)] : null);
    },
  };
}
