// Charts of the samples, as SVG.

import {el, fill, add} from "./dom.js";

const ns = "http://www.w3.org/2000/svg";
function svg(tag, attrs, ...children) {
  const e = document.createElementNS(ns, tag);
  for (const [k, v] of Object.entries(attrs)) if (v !== null) e.setAttribute(k, v);
  return add(e, ...children);
}

const height = 150, left = 62, right = 8, top = 8, bottom = 20;

// ceiling is the least round number that is not below n.
function ceiling(n) {
  if (n <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 2.5, 5, 10].map(m => m * unit).find(m => m >= n * 0.999);
}
function ceilingBytes(n) {
  let unit = 1024;
  while (unit * 1024 <= n) unit *= 1024;
  return [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].map(m => m * unit).find(m => m >= n) || n;
}

// A Chart shows lines, {name, value(sample), dash}, over time. A value of null is a gap.
export class Chart {
  constructor({title, lines, format, binary, most, note}) {
    Object.assign(this, {title, lines, format, binary, most, note});
    this.legend = el("dl", {class: "legend"});
    this.picture = svg("svg", {class: "plot", role: "img", height, tabindex: "0"});
    this.readout = el("p", {class: "readout", "aria-live": "polite"});
    this.node = el("section", {class: "card chart"}, el("h2", null, title), this.legend, this.picture, this.readout);
    this.at = null;
    this.picture.addEventListener("pointermove", e => this.point(e.clientX - this.picture.getBoundingClientRect().left));
    this.picture.addEventListener("pointerleave", () => { this.at = null; this.mark(); });
    this.picture.addEventListener("blur", () => { this.at = null; this.mark(); });
    this.picture.addEventListener("keydown", e => {
      const step = {ArrowLeft: -1, ArrowRight: 1}[e.key];
      if (!step || !this.shown || !this.shown.length) return;
      e.preventDefault();
      const i = this.at === null ? this.shown.length : this.shown.indexOf(this.at);
      this.at = this.shown[Math.max(0, Math.min(this.shown.length - 1, i + step))];
      this.mark();
    });
  }

  point(x) {
    if (!this.shown || !this.shown.length) return;
    let best = null;
    for (const s of this.shown) if (best === null || Math.abs(this.x(s.at) - x) < Math.abs(this.x(best.at) - x)) best = s;
    this.at = best;
    this.mark();
  }

  // draw shows the samples of the last so many milliseconds.
  draw(samples, window) {
    const width = Math.max(240, this.picture.clientWidth || 420);
    const end = samples.length ? samples[samples.length - 1].at : Date.now();
    this.shown = samples.filter(s => s.at >= end - window);
    if (this.at && !this.shown.includes(this.at)) this.at = null;
    let peak = 0;
    for (const s of this.shown) for (const l of this.lines) peak = Math.max(peak, l.value(s) || 0);
    const ceil = this.most || (this.binary ? ceilingBytes(peak) : ceiling(peak));
    this.x = at => left + (width - left - right) * (1 - (end - at) / window);
    this.y = v => top + (height - top - bottom) * (1 - v / ceil);

    const parts = [];
    for (let i = 0; i <= 4; i += 2) {
      const v = ceil * i / 4, y = this.y(v);
      parts.push(svg("line", {x1: left, x2: width - right, y1: y, y2: y, class: "grid"}),
        svg("text", {x: left - 6, y: y + 4, class: "axis", "text-anchor": "end"}, this.format(v)));
    }
    for (let i = 0; i <= 4; i++) {
      const ago = window * (4 - i) / 4 / 1000;
      parts.push(svg("text", {x: this.x(end - ago * 1000), y: height - 4, class: "axis", "text-anchor": i === 4 ? "end" : i ? "middle" : "start"},
        ago === 0 ? "now" : ago < 60 ? "−" + ago + " s" : "−" + (ago % 60 ? (ago / 60).toFixed(1) : ago / 60) + " min"));
    }
    this.lines.forEach((l, i) => {
      let d = "", area = "", first = null, last = null;
      const close = () => {
        if (first !== null) area += `L${last} ${this.y(0)}L${first} ${this.y(0)}Z`;
        first = null;
      };
      for (const s of this.shown) {
        const v = l.value(s);
        if (v === null || v === undefined) { close(); continue; }
        const x = this.x(s.at).toFixed(1), point = `${x} ${this.y(Math.min(v, ceil)).toFixed(1)}`;
        d += (first === null ? "M" : "L") + point;
        area += (first === null ? "M" : "L") + point;
        if (first === null) { first = x; d += "l0.01 0"; }
        last = x;
      }
      close();
      if (i === 0 && d) parts.push(svg("path", {d: area, class: "area c0"}));
      if (d) parts.push(svg("path", {d, class: "line c" + i}));
    });
    this.cross = svg("line", {y1: top, y2: height - bottom, class: "cross", visibility: "hidden"});
    parts.push(this.cross);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    fill(this.picture, parts);

    const now = this.shown[this.shown.length - 1];
    const values = this.lines.map(l => this.text(l, now));
    this.picture.setAttribute("aria-label", this.title + ". Now: " + this.lines.map((l, i) => l.name + " " + values[i]).join(", ") +
      ". Left and right arrows read earlier values.");
    fill(this.legend, this.lines.map((l, i) => el("div", null, el("dt", {class: "key c" + i}, l.name), el("dd", null, values[i]))));
    this.mark();
  }

  text(line, sample) {
    const v = sample ? line.value(sample) : null;
    return v === null || v === undefined ? "–" : this.format(v);
  }

  mark() {
    if (!this.cross) return;
    this.cross.setAttribute("visibility", this.at ? "visible" : "hidden");
    if (!this.at) { this.readout.textContent = this.note || ""; return; }
    const x = this.x(this.at.at);
    this.cross.setAttribute("x1", x);
    this.cross.setAttribute("x2", x);
    this.readout.textContent = new Date(this.at.at).toLocaleTimeString() + ": " + this.lines.map(l => l.name + " " + this.text(l, this.at)).join(", ");
  }
}
