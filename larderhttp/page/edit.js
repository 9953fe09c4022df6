// Changing keys. All of it is commands, which command.json runs; none of this is reached
// on a page that is read-only.

import {el, fill, button, notice, bytesOf, textOf} from "./dom.js";
import {run, keyLink, keyOfText} from "./api.js";

const dialog = document.getElementById("dialog");

// ask opens a dialog with fields {name, value, area, type, list, optional}, and does something
// with their values. What that throws is shown, and the dialog stays.
function ask(title, fields, verb, what, danger) {
  const inputs = fields.map((f, i) => {
    const attrs = {id: "field" + i, name: f.name, required: f.required, autocomplete: "off", spellcheck: "false"};
    if (f.list) return el("select", attrs, f.list.map(([v, t]) => el("option", {value: v, selected: v === f.value}, t)));
    const input = f.area ? el("textarea", {...attrs, rows: 10}) : el("input", {...attrs, type: f.type || "text", min: f.min});
    input.value = f.value || "";
    return input;
  });
  const error = el("div");
  const go = el("button", {type: "submit", class: danger && "danger"}, verb);
  fill(dialog, el("form", {method: "dialog", onsubmit: async e => {
    e.preventDefault();
    go.disabled = true;
    try {
      await what(...inputs.map(i => i.value));
      dialog.close();
    } catch (err) {
      fill(error, notice(err.message, true));
    }
    go.disabled = false;
  }}, el("h2", {id: "dialog-title"}, title), fields.map((f, i) => el("p", {class: "field"}, el("label", {for: "field" + i}, f.name), inputs[i])), error,
  el("div", {class: "row"}, go, button("Cancel", () => dialog.close()))));
  dialog.showModal();
}

// words is a key as a word of a command, wordOf an element that is whole.
export const words = key => bytesOf(key);
export const wordOf = t => t.s !== undefined ? t.s : bytesOf(t.b || "");

export const actions = (...buttons) => el("span", {class: "actions"}, buttons);

export function rename(db, v, changed) {
  ask("Rename", [{name: "New name", value: v.name.s !== undefined && !v.name.n ? v.name.s : ""}], "Rename", async to => {
    if ((await run(db, "RENAMENX", words(v.key), to)).v !== "1") throw new Error("there is a key of that name");
    changed();
    location.hash = keyLink(db, keyOfText(to));
  });
}

export function expiry(db, v, again) {
  const secs = v.expires ? String(Math.max(1, Math.ceil((v.expires - v.now) / 1000))) : "";
  ask("Expiry", [{name: "Seconds from now; nothing: never", type: "number", min: 1, value: secs}], "Set", async s => {
    if (s === "") await run(db, "PERSIST", words(v.key));
    else if ((await run(db, "EXPIRE", words(v.key), s)).v !== "1") throw new Error("there is no such key any more");
    again();
  });
}

export function remove(db, v, changed) {
  ask("Delete " + textOf(v.name) + "?", [], "Delete", async () => {
    await run(db, "UNLINK", words(v.key));
    changed();
    location.hash = "#/keys/" + db;
  }, true);
}

// text edits a string, whose time of expiry stays.
export function text(o, v, value) {
  ask("Edit", [{name: "Value", area: true, value}], "Save", async to => {
    await run(o.db, "SET", words(o.key), to, "KEEPTTL", "XX");
    o.again();
  });
}

// element is a button that edits a text; what is cut, or no text, cannot be.
export function element(o, name, t, command, cut) {
  const whole = t.s !== undefined && !t.n && !cut;
  return button("Edit", () => ask("Edit " + name, [{name: "Value", area: true, value: t.s}], "Save", async to => {
    await run(o.db, ...command(to));
    o.again();
  }), {disabled: !whole, title: whole ? null : "only whole texts can be edited here"});
}

export function drop(o, t, command) {
  return button("Remove", () => ask("Remove " + textOf(t) + "?", [], "Remove", async () => {
    await run(o.db, ...command());
    o.again();
  }, true), {disabled: Boolean(t.n), title: t.n ? "it is not here whole" : null});
}

export function score(o, e) {
  return button("Score", () => ask("Score of " + textOf(e.member), [{name: "Score", value: e.score}], "Save", async to => {
    await run(o.db, "ZADD", o.name, "XX", to, wordOf(e.member));
    o.again();
  }), {disabled: Boolean(e.member.n)});
}

export function push(o, command) {
  ask(command, [{name: "Value", area: true}], "Add", async value => {
    await run(o.db, command, o.name, value);
    o.again();
  });
}

export function pair(o, command, first, second) {
  ask(command, [{name: first}, {name: second, area: true}], "Set", async (a, b) => {
    await run(o.db, command, o.name, a, b);
    o.again();
  });
}

export function entry(o) {
  ask("XADD", [{name: "ID", value: "*"}, {name: "Field"}, {name: "Value", area: true}], "Add", async (id, field, value) => {
    await run(o.db, "XADD", o.name, id, field, value);
    o.again();
  });
}

const makers = {
  string: (k, a) => ["SET", k, a, "NX"], list: (k, a) => ["RPUSH", k, a], set: (k, a) => ["SADD", k, a],
  hash: (k, a, b) => ["HSET", k, b || "field", a], zset: (k, a, b) => ["ZADD", k, b || "0", a], stream: (k, a, b) => ["XADD", k, "*", b || "field", a],
};

export function addKey(db, changed) {
  ask("New key", [{name: "Key", required: true}, {name: "Type", list: Object.keys(makers).map(t => [t, t]), value: "string"},
    {name: "Value, or the first element", area: true}, {name: "Field of a hash or stream, score of a sorted set"}], "Create", async (key, type, value, extra) => {
    if ((await run(db, "EXISTS", key)).v !== "0") throw new Error("there is a key of that name");
    await run(db, ...makers[type](key, value, extra));
    changed();
    location.hash = keyLink(db, keyOfText(key));
  });
}
