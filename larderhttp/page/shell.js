// Commands by hand, on a page that may write.

import {el, fill, add, notice, micros, textOf} from "./dom.js";
import {command, state} from "./api.js";
import {databases} from "./keys.js";

export const title = "Commands by hand";

const past = [];

export function show(to) {
  const out = el("div", {class: "shell", role: "log", "aria-label": "Replies", tabindex: "0"});
  const line = el("input", {id: "line", class: "data", autocomplete: "off", spellcheck: "false", placeholder: 'HGETALL "user:1"', "aria-label": "Command"});
  let at = past.length;
  line.addEventListener("keydown", e => {
    const step = {ArrowUp: -1, ArrowDown: 1}[e.key];
    if (!step) return;
    e.preventDefault();
    at = Math.max(0, Math.min(past.length, at + step));
    line.value = past[at] || "";
  });
  const submit = async e => {
    e.preventDefault();
    const text = line.value.trim();
    if (!text) return;
    past.push(text);
    at = past.length;
    line.value = "";
    const entry = el("div", {class: "exchange"}, el("div", {class: "data asked"}, "db" + state.db + "> " + text));
    add(out, entry);
    try {
      const a = await command(state.db, split(text));
      add(entry, el("pre", {class: a.reply.t === "error" ? "data bad" : "data"}, reply(a.reply, "")), a.cut ? notice("Some of it is left out.") : null,
        el("div", {class: "soft"}, micros(a.took)));
    } catch (err) {
      add(entry, notice(err.message, true));
    }
    while (out.children.length > 100) out.firstChild.remove();
    out.scrollTop = out.scrollHeight;
  };
  fill(to, el("p", {class: "soft"}, "Words are split at blanks; quotes keep them together, and \"\\xff\" is a byte. What would wait for a key answers at once."),
    out, el("form", {class: "row", onsubmit: submit}, databases(() => {}), line, el("button", {type: "submit"}, "Run")));
  line.focus();
}

// split cuts a line into words as redis-cli does. Words with escapes of bytes are bytes.
export function split(text) {
  const words = [];
  let i = 0;
  while (i < text.length) {
    while (/\s/.test(text[i] || "")) i++;
    if (i >= text.length) break;
    const bytes = [], put = s => bytes.push(...new TextEncoder().encode(s));
    while (i < text.length && !/\s/.test(text[i])) {
      const quote = text[i];
      if (quote !== '"' && quote !== "'") {
        const c = String.fromCodePoint(text.codePointAt(i));
        put(c);
        i += c.length;
        continue;
      }
      for (i++; ; ) {
        if (i >= text.length) throw new Error("a quote is not closed");
        if (text[i] === quote) { i++; break; }
        const hex = /^\\x([0-9a-fA-F]{2})/.exec(text.slice(i, i + 4));
        if (quote === '"' && hex) { bytes.push(parseInt(hex[1], 16)); i += 4; continue; }
        if (text[i] === "\\" && i + 1 < text.length && (quote === '"' || text[i + 1] === "'")) {
          put(quote === '"' ? {n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07"}[text[i + 1]] || text[i + 1] : "'");
          i += 2;
          continue;
        }
        const c = String.fromCodePoint(text.codePointAt(i));
        put(c);
        i += c.length;
      }
    }
    words.push(Uint8Array.from(bytes));
  }
  return words;
}

function reply(r, indent) {
  const list = (items, one) => items.length === 0 ? "(empty)" : items.map((x, i) => {
    const head = (i + 1) + ") ";
    return (i ? indent : "") + head + one(x, indent + " ".repeat(head.length));
  }).join("\n") + (r.n > items.length ? "\n" + indent + "… " + r.n + " in all" : "");
  switch (r.t) {
    case "string": return r.v.s !== undefined && r.v.s.includes("\n") && indent === "" ? r.v.s.replace(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e\u2066-\u2069]/g, "") : '"' + textOf(r.v) + '"';
    case "integer": return "(integer) " + r.v;
    case "double": return "(double) " + r.v;
    case "boolean": return r.v ? "(true)" : "(false)";
    case "error": return "(error) " + r.v;
    case "list": return list(r.v || [], reply);
    case "map": return list(r.v || [], ([k, v], more) => reply(k, more) + " => " + reply(v, more));
  }
  return "(nil)";
}
