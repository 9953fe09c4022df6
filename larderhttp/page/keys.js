// The browser of keys: a list that is asked for a page at a time, and what one holds.

import {el, fill, add, table, tableRow, notice, button, integer, bytes, span, shown} from "./dom.js";
import {get, keyLink, keyOfText, state} from "./api.js";
import {showKey} from "./value.js";
import {addKey} from "./edit.js";

export const title = "Keys";

// databases is a choice of one of the databases.
export function databases(change) {
  const choice = el("select", {id: "db", onchange: () => { state.db = Number(choice.value); change(); }},
    Array.from({length: state.databases}, (_, i) => el("option", {value: i, selected: i === state.db}, "db" + i)));
  return el("span", {class: "field"}, el("label", {for: "db"}, "Database"), choice);
}

const types = ["string", "list", "hash", "set", "zset", "stream"];

// A pattern without special characters is looked for anywhere in a key.
const glob = s => s === "" || /[*?\[\\]/.test(s) ? s : "*" + s + "*";

const left = (k, now) => k.expires ? span(k.expires - now) : "–";

const columns = [
  {name: "key", class: "wide", cell: k => el("a", {href: keyLink(state.db, k.key), "data-key": k.key}, shown(k.name))},
  {name: "type", cell: k => el("span", {class: "type " + k.type}, k.type)},
  {name: "length", num: true, cell: k => k.type === "string" ? bytes(k.elements) : integer(k.elements), title: "elements, or bytes of a string"},
  {name: "memory", num: true, cell: k => bytes(k.memory)},
  {name: "expires in", num: true, cell: k => left(k, Date.now())},
];

export function show(to, parts) {
  const list = el("div"), detail = el("div", {class: "detail", id: "detail", tabindex: "-1"});
  const match = el("input", {id: "match", type: "search", placeholder: "part of the key, or a pattern: user:*", autocomplete: "off", spellcheck: "false"});
  const type = el("select", {id: "type"}, el("option", {value: ""}, "any type"), types.map(t => el("option", {value: t}, t)));
  let control = null, shownKey, cursor = "0", looked = 0, count = 0, body = null, foot = null;

  async function load(more) {
    if (control) control.abort();
    const mine = control = new AbortController();
    if (!more) { cursor = "0"; looked = count = 0; }
    try {
      // A page may come back empty although there are more: the server looks at so many
      // keys at a time and no more. It is asked on until there is something to show.
      for (;;) {
        const a = await get("keys.json", {db: state.db, match: glob(match.value), type: type.value, cursor}, mine.signal);
        looked += a.looked;
        count += a.keys.length;
        cursor = a.cursor;
        draw(a, more);
        more = true;
        if (a.keys.length || cursor === "0") break;
      }
    } catch (e) {
      if (!mine.signal.aborted) fill(list, notice(e.message, true));
    }
  }

  function draw(a, more) {
    if (!more) {
      const t = table("Keys", columns, []);
      body = t.querySelector("tbody");
      foot = el("p", {class: "row", role: "status"});
      fill(list, t, foot);
    }
    add(body, a.keys.map(k => tableRow(columns, k)));
    fill(foot, cursor === "0" && count === 0 ? "No key fits." : integer(count) + (count === 1 ? " key" : " keys") + " shown, " + integer(looked) + " of about " + integer(a.total) + " looked at.",
      cursor !== "0" ? button("More", () => load(true), {id: "more"}) : null,
      cursor !== "0" && a.keys.length === 0 ? button("Stop", () => control.abort()) : null);
    mark();
  }

  function mark() {
    for (const a of list.querySelectorAll("a[data-key]")) {
      if (a.dataset.key === shownKey) a.setAttribute("aria-current", "true");
      else a.removeAttribute("aria-current");
    }
  }

  // go shows what the address says.
  function go(parts) {
    const db = Number(parts[0] || state.db);
    if (Number.isInteger(db) && db >= 0 && db < state.databases && db !== state.db) {
      state.db = db;
      to.querySelector("#db").value = db;
      load();
    }
    shownKey = parts.length > 1 ? parts[1] : undefined;
    to.classList.toggle("one", shownKey !== undefined);
    mark();
    if (shownKey === undefined) fill(detail, el("p", {class: "soft empty"}, "Choose a key to see what it holds."));
    else showKey(detail, state.db, shownKey, () => load());
  }

  if (parts.length > 0 && Number(parts[0]) < state.databases) state.db = Number(parts[0]) || 0;
  fill(to, el("form", {class: "row", role: "search", onsubmit: e => { e.preventDefault(); load(); }},
    databases(() => { location.hash = "#/keys/" + state.db; load(); }), el("label", {for: "match", class: "hidden"}, "Find keys"), match,
    el("label", {for: "type", class: "hidden"}, "Type"), type, el("button", {type: "submit"}, "Find"),
    button("Open", () => { location.hash = keyLink(state.db, keyOfText(match.value)); }, {title: "open the key of exactly this name"}),
    state.writes ? button("New key", () => addKey(state.db, () => load())) : null),
  el("div", {class: "browser"}, el("div", {class: "list"}, list), detail));
  type.addEventListener("change", () => load());
  load();
  go(parts);
  return {go, stop() { if (control) control.abort(); }};
}
