// What a key holds, by its type.

import {el, fill, add, table, tableRow, notice, button, integer, bytes, span, ago, time, shown, textOf, bytesOf, hex2, visibleLines} from "./dom.js";
import {get, state} from "./api.js";
import * as edit from "./edit.js";

let control = null;

// showKey shows a key; changed is called when the list of keys is not right any more.
export async function showKey(to, db, key, changed) {
  if (control) control.abort();
  const mine = control = new AbortController();
  const ask = params => get("value.json", {db, key, ...params}, mine.signal);
  const again = () => showKey(to, db, key, changed);
  try {
    const v = await ask();
    fill(to, heading(v, db, again, changed), views[v.type](v, {db, key, ask, again}));
  } catch (e) {
    if (!mine.signal.aborted) fill(to, notice(e.message, true));
  }
}

function heading(v, db, again, changed) {
  const facts = [
    [v.type === "string" ? "length" : "elements", v.type === "string" ? bytes(v.elements) : integer(v.elements)],
    ["encoding", v.encoding], ["memory", bytes(v.memory)],
    ["expires", v.expires ? "in " + span(v.expires - v.now) + ", " + time(v.expires) : "never"],
    v.frequency !== undefined ? ["use", "counter at " + v.frequency] : ["last used", ago(v.idle) + " ago"],
  ];
  return el("div", {class: "heading"},
    el("h2", {class: "keyname"}, el("span", {class: "type " + v.type}, v.type), " ", shown(v.name)),
    el("dl", {class: "facts wideFacts"}, facts.map(([k, x]) => el("div", null, el("dt", null, k), el("dd", null, x)))),
    el("div", {class: "row"}, button("Refresh", again),
      state.writes ? [
        button("Rename", () => edit.rename(db, v, changed)), button("Expiry", () => edit.expiry(db, v, again)),
        button("Delete", () => edit.remove(db, v, changed), {class: "danger"})] : null));
}

// pages is a table that has further pages behind it.
function pages(caption, columns, first, next, more) {
  const t = table(caption, columns, first), body = t.querySelector("tbody"), foot = el("p", {class: "row"});
  const step = cursor => {
    fill(foot, cursor ? button("More", async () => {
      try {
        const [rows, n] = await more(cursor);
        add(body, rows.map(r => tableRow(columns, r)));
        step(n);
      } catch (e) {
        if (e.name !== "AbortError") add(foot, notice(e.message, true));
      }
    }) : null);
  };
  step(next);
  return [t, foot];
}

// order is a button that turns a list around.
function order(o, name, draw) {
  let back = false;
  const body = el("div");
  const turn = button("", async () => {
    back = !back;
    turn.textContent = back ? "Last first" : "First first";
    fill(body, draw(await o.ask(back ? {back: 1} : null), back));
  });
  turn.textContent = "First first";
  turn.title = "turns the order around";
  return [turn, body];
}

const actions = (name, cell) => state.writes ? [{name: "", cell}] : [];

const views = {string, list, hash, set, zset, stream};

const modes = [["text", "Text"], ["json", "JSON"], ["hex", "Hex"]];

function string(v, o) {
  const out = el("pre", {class: "data value", tabindex: "0", "aria-label": "Value"}), choice = el("div", {class: "choice", role: "group", "aria-label": "Shown as"});
  const range = el("div", {class: "row"});
  let part = v.string, mode;
  const whole = () => part.offset === 0 && bytesOf(part.data).length === v.elements;
  const asText = () => new TextDecoder("utf-8", {fatal: whole()}).decode(bytesOf(part.data));
  const asJSON = () => {
    if (!whole()) throw new Error("only a part of the value is here");
    const text = asText();
    JSON.parse(text);
    return indent(text);
  };
  const can = f => { try { return f(); } catch { return null; } };
  const guess = () => {
    const t = can(asText);
    if (t === null) return "hex";
    return /^\s*[{\[]/.test(t) && can(asJSON) !== null ? "json" : /[\u0000-\u0008\u000e-\u001f\ufffd]/.test(t) ? "hex" : "text";
  };
  function draw() {
    fill(choice, modes.map(([m, text]) => button(text, () => { mode = m; draw(); },
      {"aria-pressed": String(m === mode), disabled: (m === "json" && can(asJSON) === null) || (m === "text" && can(asText) === null)})));
    fill(out, mode === "hex" ? hexDump(bytesOf(part.data), part.offset) : mode === "json" ? visibleLines(asJSON()) : visibleLines(asText()));
    const size = bytesOf(part.data).length, step = 16384;
    const to = async offset => {
      try {
        const a = await o.ask({offset});
        if (!a.string) return o.again();
        part = a.string;
        if (mode === "json") mode = "text";
        draw();
      } catch (e) {
        if (e.name !== "AbortError") add(range, notice(e.message, true));
      }
    };
    fill(range, whole() ? null : ["Bytes " + integer(part.offset) + " to " + integer(part.offset + size) + " of " + integer(v.elements) + ". ",
      button("Earlier", () => to(Math.max(0, part.offset - step)), {disabled: part.offset === 0}),
      button("Later", () => to(part.offset + step), {disabled: part.offset + size >= v.elements})]);
  }
  mode = guess();
  draw();
  const hll = part.hll && notice(part.hll.corrupt ? "This looks like a HyperLogLog, but is corrupt." :
    "A HyperLogLog, " + part.hll.encoding + ": about " + integer(part.hll.count) + " distinct elements.");
  const editable = state.writes && whole() && can(asText) !== null;
  return [hll, el("div", {class: "row"}, choice, editable ? button("Edit", () => edit.text(o, v, asText())) : null), out, range];
}

// indent lays out JSON without reading its numbers, which may have more digits than
// JavaScript's.
function indent(text) {
  let out = "", depth = 0, quoted = false;
  const line = () => "\n" + "  ".repeat(Math.min(depth, 40));
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      out += c;
      if (c === "\\") out += text[++i];
      else if (c === '"') quoted = false;
    } else if (/\s/.test(c)) {
      continue;
    } else if (c === "{" || c === "[") {
      const rest = /^\s*[}\]]/.exec(text.slice(i + 1, i + 100));
      if (rest) { out += c + (c === "{" ? "}" : "]"); i += rest[0].length; } else { depth++; out += c + line(); }
    } else if (c === "}" || c === "]") {
      depth--;
      out += line() + c;
    } else {
      quoted = c === '"';
      out += c === "," ? c + line() : c === ":" ? ": " : c;
    }
  }
  return out;
}

function hexDump(data, offset) {
  const lines = [];
  for (let i = 0; i < data.length; i += 16) {
    const row = Array.from(data.subarray(i, i + 16));
    const hex = row.map(hex2);
    lines.push((offset + i).toString(16).padStart(8, "0") + "  " + (hex.slice(0, 8).join(" ") + "  " + hex.slice(8).join(" ")).padEnd(49) +
      " " + row.map(b => b >= 32 && b < 127 ? String.fromCharCode(b) : "·").join(""));
  }
  return lines.join("\n");
}

function list(v, o) {
  const columns = [{name: "index", num: true, cell: e => integer(e.index)}, {name: "value", class: "wide", cell: e => shown(e.value)},
    ...actions("", e => edit.actions(edit.element(o, "index " + e.index, e.value, t => ["LSET", o.name, String(e.index), t])))];
  const draw = (a, back) => a.list ? pages("Elements", columns, a.list, a.next, async cursor => {
    const n = await o.ask(back ? {cursor, back: 1} : {cursor});
    return [n.list || [], n.next];
  }) : notice("The key holds another type now.");
  o.name = edit.words(o.key);
  const [turn, body] = order(o, "list", draw);
  fill(body, draw(v, false));
  return [el("div", {class: "row"}, turn, state.writes ? [button("Push at the front", () => edit.push(o, "LPUSH")), button("Push at the end", () => edit.push(o, "RPUSH"))] : null), body];
}

function hash(v, o) {
  o.name = edit.words(o.key);
  const columns = [{name: "field", class: "wide", cell: f => shown(f.field)}, {name: "value", class: "wide", cell: f => shown(f.value)},
    {name: "expires in", num: true, cell: f => f.expires ? span(f.expires - v.now) : "–"},
    ...actions("", f => edit.actions(edit.element(o, "field " + textOf(f.field), f.value, t => ["HSET", o.name, edit.wordOf(f.field), t], f.field.n),
      edit.drop(o, f.field, () => ["HDEL", o.name, edit.wordOf(f.field)])))];
  return [state.writes ? el("div", {class: "row"}, button("Set a field", () => edit.pair(o, "HSET", "Field", "Value"))) : null,
    pages("Fields", columns, v.hash, v.next, async cursor => {
      const n = await o.ask({cursor});
      return [n.hash || [], n.next];
    })];
}

function set(v, o) {
  o.name = edit.words(o.key);
  const columns = [{name: "member", class: "wide", cell: m => shown(m)},
    ...actions("", m => edit.actions(edit.drop(o, m, () => ["SREM", o.name, edit.wordOf(m)])))];
  return [state.writes ? el("div", {class: "row"}, button("Add a member", () => edit.push(o, "SADD"))) : null,
    pages("Members", columns, v.set, v.next, async cursor => {
      const n = await o.ask({cursor});
      return [n.set || [], n.next];
    })];
}

function zset(v, o) {
  o.name = edit.words(o.key);
  // Scores of places are great integers, all of them.
  let places = v.zset.length > 0 && v.zset.every(e => e.place && Number(e.score) > 2 ** 40);
  const columns = () => [{name: "rank", num: true, cell: e => integer(e.rank)}, {name: "member", class: "wide", cell: e => shown(e.member)},
    {name: "score", num: true, cell: e => e.score},
    ...(places ? [{name: "longitude, latitude", num: true, cell: e => e.place ? e.place.lon.toFixed(5) + ", " + e.place.lat.toFixed(5) : "–"}] : []),
    ...actions("", e => edit.actions(edit.score(o, e), edit.drop(o, e.member, () => ["ZREM", o.name, edit.wordOf(e.member)])))];
  let now = v, way = false;
  const draw = (a, back) => {
    now = a;
    way = back;
    return a.zset ? pages("Members", columns(), a.zset, a.next, async cursor => {
      const n = await o.ask(back ? {cursor, back: 1} : {cursor});
      return [n.zset || [], n.next];
    }) : notice("The key holds another type now.");
  };
  const [turn, body] = order(o, "zset", draw);
  const geo = button("As places", () => {
    places = !places;
    geo.setAttribute("aria-pressed", String(places));
    fill(body, draw(now, way));
  }, {"aria-pressed": String(places), title: "reads scores as GEOADD writes them"});
  fill(body, draw(v, false));
  return [el("div", {class: "row"}, turn, geo, state.writes ? button("Add a member", () => edit.pair(o, "ZADD", "Score", "Member")) : null), body];
}

function stream(v, o) {
  o.name = edit.words(o.key);
  const s = v.stream;
  const when = id => time(Number(id.split("-")[0]));
  const columns = [{name: "ID", cell: e => el("span", {class: "data id", title: when(e.id)}, e.id)},
    {name: "fields", class: "wide", cell: e => el("dl", {class: "pairs"}, e.fields.map(([k, x]) => el("div", null, el("dt", null, shown(k)), el("dd", null, shown(x)))),
      e.more ? el("div", {class: "cut"}, integer(e.more) + " more fields") : null)},
    ...actions("", e => edit.actions(edit.drop(o, {s: e.id}, () => ["XDEL", o.name, e.id])))];
  const pending = el("div", {id: "pending"});
  const showPending = async g => {
    try {
      const a = await o.ask({group: g.key});
      fill(pending, el("h3", null, "Pending entries of ", shown(g.name)), a.pending && a.pending.length ? pages("Pending entries", [
        {name: "ID", cell: p => el("span", {class: "data id", title: when(p.id)}, p.id)}, {name: "consumer", class: "wide", cell: p => shown(p.consumer)},
        {name: "delivered", num: true, cell: p => span(a.now - p.delivered) + " ago"}, {name: "times", num: true, cell: p => integer(p.deliveries)},
      ], a.pending, a.next, async cursor => {
        const n = await o.ask({group: g.key, cursor});
        return [n.pending || [], n.next];
      }) : notice("Nothing is pending."));
    } catch (e) {
      if (e.name !== "AbortError") fill(pending, notice(e.message, true));
    }
  };
  const unknown = n => n < 0 ? "not known" : integer(n);
  const since = ms => ms < 0 ? "never" : span(v.now - ms) + " ago";
  return [
    el("dl", {class: "facts wideFacts"}, [["first ID", s.firstId], ["last ID", s.lastId], ["greatest deleted ID", s.maxDeletedId], ["ever added", integer(s.added)], ["nodes", integer(s.nodes)]]
      .map(([k, x]) => el("div", null, el("dt", null, k), el("dd", {class: "data"}, x)))),
    el("h3", null, "Groups"),
    s.groups.length ? [s.groups.map(g => el("section", {class: "card group"},
      el("div", {class: "row"}, el("h4", null, shown(g.name)), el("span", {class: "soft"}, "last delivered ", el("span", {class: "data"}, g.lastId), ", read " + unknown(g.read) + ", lag " + unknown(g.lag)),
        button(integer(g.pending) + " pending", () => showPending(g), {disabled: g.pending === 0})),
      g.consumers.length ? table("Consumers of " + textOf(g.name), [
        {name: "consumer", class: "wide", cell: c => shown(c.name)}, {name: "pending", num: true, cell: c => integer(c.pending)},
        {name: "seen", num: true, cell: c => since(c.seen)}, {name: "active", num: true, cell: c => since(c.active)}], g.consumers) : el("p", {class: "soft"}, "No consumers."),
      g.allConsumers > g.consumers.length ? notice(integer(g.allConsumers - g.consumers.length) + " more consumers are not shown.") : null)),
    s.allGroups > s.groups.length ? notice(integer(s.allGroups - s.groups.length) + " more groups are not shown.") : null, pending] : el("p", {class: "soft"}, "No groups."),
    el("h3", null, "Entries, newest first"),
    state.writes ? el("div", {class: "row"}, button("Add an entry", () => edit.entry(o))) : null,
    pages("Entries", columns, s.entries, v.next, async cursor => {
      const n = await o.ask({cursor});
      return [n.stream ? n.stream.entries : [], n.next];
    }),
  ];
}
