// The page: what is shown is said by the part of the address behind #. Figures are asked
// for once a second while the page can be seen, and not otherwise.

import {el, fill, notice} from "./dom.js";
import {get, state} from "./api.js";
import * as overview from "./overview.js";
import * as keys from "./keys.js";
import * as top from "./top.js";
import * as commands from "./commands.js";
import * as slow from "./slow.js";
import * as clients from "./clients.js";
import * as server from "./server.js";
import * as shell from "./shell.js";

const views = {overview, keys, top, commands, slow, clients, server};
const $ = id => document.getElementById(id);

const keep = 10 * 60 * 1000; // milliseconds of samples
const samples = [];
let latest = null, current = null, paused = false, timer = 0, since = 0;

function tabs(active) {
  fill($("tabs"), Object.entries(views).map(([name, v]) =>
    el("li", null, el("a", {href: "#/" + name, "aria-current": name === active && "page"}, v.title))));
}

function route() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const name = Object.hasOwn(views, parts[0]) ? parts[0] : "overview";
  tabs(name);
  if (current && current.name === name && current.view.go) {
    current.view.go(parts.slice(1));
    return;
  }
  if (current && current.view.stop) current.view.stop();
  const node = el("div", {class: "view", id: "view-" + name});
  fill($("main"), node);
  current = {name, view: views[name].show(node, parts.slice(1)) || {}};
  document.title = state.name + " · " + views[name].title;
  tell();
}

function tell() {
  if (latest && current && current.view.update) current.view.update(latest, samples);
}

function status(text, bad) {
  if ($("status").textContent !== text) $("status").textContent = text;
  $("status").className = bad ? "bad" : "";
}

async function poll() {
  clearTimeout(timer);
  if (paused || document.hidden) return;
  const begun = performance.now();
  try {
    const s = await get("stats.json", {since});
    if (s.samples.length && s.samples[s.samples.length - 1].seq < since || s.uptime < (latest ? latest.uptime - 60 : 0)) samples.length = 0;
    samples.push(...s.samples);
    if (samples.length) {
      const last = samples[samples.length - 1];
      since = last.seq;
      while (samples[0].at < last.at - keep) samples.shift();
    }
    const first = latest === null;
    latest = s;
    Object.assign(state, {name: s.name, writes: s.writes, token: s.token || "", databases: s.databases});
    if (first) begin();
    status("live");
    tell();
  } catch (e) {
    status(e.message, true);
    since = 0; // the program may have been started again, and counts anew
    samples.length = 0;
  }
  clearTimeout(timer);
  timer = setTimeout(poll, Math.max(100, 1000 - (performance.now() - begun)));
}

function begin() {
  $("name").textContent = state.name;
  $("mode").textContent = state.writes ? "writes allowed" : "read-only";
  $("mode").className = state.writes ? "tag warn" : "tag";
  $("mode").hidden = false;
  if (state.writes) views.shell = shell;
  route();
}

function pause(on) {
  paused = on;
  $("pause").setAttribute("aria-pressed", String(on));
  $("pause").textContent = on ? "Resume" : "Pause";
  if (on) { clearTimeout(timer); status("paused"); } else poll();
}

$("pause").addEventListener("click", () => pause(!paused));
addEventListener("hashchange", () => { if (latest) route(); });
document.addEventListener("visibilitychange", poll);
let again = 0;
addEventListener("resize", () => { clearTimeout(again); again = setTimeout(tell, 100); });
fill($("main"), notice("Asking the store …"));
poll();
