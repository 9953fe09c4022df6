// What is asked of the server. Names are relative to the page, wherever it is mounted.

import {base64url, utf8} from "./dom.js";

export const state = {name: "larder", writes: false, token: "", databases: 1, db: 0};

async function answer(response) {
  let v;
  try {
    v = await response.json();
  } catch {
    throw new Error("the answer cannot be read (" + response.status + ")");
  }
  if (!response.ok) throw new Error(v.error || String(response.status));
  return v;
}

export async function get(name, params, signal) {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(params || {})) {
    if (v !== undefined && v !== null && v !== "") q.set(k, v);
  }
  const s = q.toString();
  return answer(await fetch(s ? name + "?" + s : name, {signal, credentials: "same-origin"}));
}

// command runs a command whose words are texts or bytes.
export async function command(db, words) {
  const body = JSON.stringify({db, words: words.map(w => typeof w === "string" ? {s: w} : {b: base64(w)})});
  return answer(await fetch("command.json", {
    method: "POST", body, credentials: "same-origin",
    headers: {"Content-Type": "application/json", "X-Larder-Token": state.token},
  }));
}

// run is command with an error reply thrown.
export async function run(db, ...words) {
  const a = await command(db, words);
  if (a.reply.t === "error") throw new Error(a.reply.v);
  return a.reply;
}

function base64(bytes) {
  const s = base64url(bytes).replace(/-/g, "+").replace(/_/g, "/");
  return s + "===".slice((s.length + 3) % 4);
}

export const keyLink = (db, key) => "#/keys/" + db + "/" + key;
export const keyOfText = s => base64url(utf8(s));
