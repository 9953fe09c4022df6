// Elements and texts. What comes from the store becomes text nodes and attributes of
// text, and never markup: nothing here takes HTML.

// el makes an element. Attributes that begin with "on" are listeners, "class" and the
// like are as in HTML; null and false leave one out. Children are nodes or texts.
export function el(tag, attrs, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? "" : value);
  }
  add(e, ...children);
  return e;
}

export function add(to, ...children) {
  for (const c of children.flat(Infinity)) {
    if (c !== null && c !== undefined && c !== false) to.append(c);
  }
  return to;
}

export function fill(to, ...children) {
  to.replaceChildren();
  return add(to, ...children);
}

export const button = (text, onclick, attrs) => el("button", {type: "button", onclick, ...attrs}, text);

// table makes a table. Columns are {name, num, cell(row), title}; a cell is a node or a text.
export function table(caption, columns, rows, attrs) {
  const head = el("tr", null, columns.map(c => el("th", {scope: "col", class: c.num && "num", title: c.title}, c.name)));
  const body = el("tbody", null, rows.map(r => tableRow(columns, r)));
  return el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": caption},
    el("table", attrs, el("caption", {class: "hidden"}, caption), el("thead", null, head), body));
}

export const tableRow = (columns, row) =>
  el("tr", null, columns.map(c => el("td", {class: [c.num && "num", c.class].filter(Boolean).join(" ") || null}, c.cell(row))));

export function notice(text, bad) {
  return el("p", {class: bad ? "notice bad" : "notice", role: bad ? "alert" : null}, text);
}

// Bytes and text.

export function bytesOf(base64) {
  const s = atob(base64.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(s, c => c.charCodeAt(0));
}

export function base64url(bytes) {
  let s = "";
  for (const b of bytes) s += String.fromCharCode(b);
  return btoa(s).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export const utf8 = s => new TextEncoder().encode(s);

// Characters that are not seen, or that turn the text around them, are shown as escapes.
const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const escapes = {"\n": "\\n", "\r": "\\r", "\t": "\\t"};
const escaped = c => escapes[c] || (c.charCodeAt(0) < 256 ? "\\x" + hex2(c.charCodeAt(0)) : "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
export const hex2 = n => n.toString(16).padStart(2, "0");
export const visible = s => s.replace(unseen, escaped);
export const visibleLines = s => s.replace(unseen, c => c === "\n" || c === "\t" ? c : escaped(c));

// textOf is a text of the server's JSON, {s}, {b} or neither, as it is shown.
export function textOf(t) {
  if (t.s !== undefined) return visible(t.s);
  if (t.b === undefined) return "";
  return Array.from(bytesOf(t.b), b => b >= 32 && b < 127 && b !== 92 ? String.fromCharCode(b) : "\\x" + hex2(b)).join("");
}

// shown is textOf as an element that tells what is special about it.
export function shown(t, attrs) {
  const s = textOf(t);
  return el("span", {...attrs, class: "data"}, s === "" ? el("i", {class: "soft"}, "empty") : s,
    t.n ? el("span", {class: "cut"}, " … " + bytes(t.n) + " in all") : null);
}

// Numbers and times.

export const number = n => n.toLocaleString("en", {maximumFractionDigits: n < 10 ? 2 : n < 100 ? 1 : 0});
export const integer = n => n.toLocaleString("en", {maximumFractionDigits: 0});

export function bytes(n) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let u = 0;
  while (Math.abs(n) >= 1024 && u < 4) { n /= 1024; u++; }
  return (u ? n.toFixed(n < 10 ? 2 : 1) : integer(n)) + " " + units[u];
}

export function short(n) {
  const units = ["", " K", " M", " G"];
  let u = 0;
  while (Math.abs(n) >= 1000 && u < 3) { n /= 1000; u++; }
  return number(n) + units[u];
}

export function micros(us) {
  if (us === 0) return "0";
  if (us < 1000) return number(us) + " µs";
  if (us < 1e6) return number(us / 1000) + " ms";
  return number(us / 1e6) + " s";
}

export function span(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 1) return Math.round(s * 1000) + " ms";
  if (s < 90) return number(s < 10 ? s : Math.floor(s)) + " s";
  const parts = [[86400 * 365, "y"], [86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  let rest = Math.floor(s), out = [];
  for (const [n, unit] of parts) {
    if (rest >= n && out.length < 2) { out.push(Math.floor(rest / n) + " " + unit); rest %= n; } else if (out.length) break;
  }
  return out.join(" ");
}

// ago is a time that is known in whole seconds.
export const ago = seconds => seconds < 1 ? "less than 1 s" : span(seconds * 1000);

export function time(ms) {
  const d = new Date(ms);
  return isNaN(d) ? "far away" : d.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
}

export const percent = share => (100 * share).toFixed(1) + " %";
