// The page: one connection, one turn at a time, and the keys and buttons.

import { Connection } from "./connection.js";
import { Permissions } from "./permission.js";
import { TurnView } from "./turn.js";

const TOKEN = "trio_copilot.token"; // in sessionStorage: each tab has its own

const byId = (id) => document.getElementById(id);
const log = byId("log");
const composer = byId("composer");
const prompt = byId("prompt");
const send = byId("send");
const stop = byId("stop");
const door = byId("door");
const latest = byId("latest");

let connection = null;
let ready = false;
let turns = 0; // so far; the number of a turn is its id
let turn = null; // the open one: { id, view }
let atEnd = true; // whether the end of the log is in view
let sessions = 0;

const permissions = new Permissions(
  (request, decision, reason) =>
    connection.send({ type: "answer", request, decision, reason }),
  (text) => turn?.view.note(text),
);

// -- the connection

async function begin() {
  const token = takeToken();
  if (!token) return ask("");
  const { websocket } = await (await fetch("config.json")).json();
  if (!websocket) return state("lost", "This server has no WebSocket");
  connection = new Connection(socketUrl(websocket), token, {
    ready: greet,
    message: receive,
    lost: lose,
    refused: (why) => {
      sessionStorage.removeItem(TOKEN);
      ask(why);
    },
  });
}

// A page that was loaded over TLS may not open a socket without TLS.
function socketUrl(url) {
  return location.protocol === "https:" ? url.replace(/^ws:/, "wss:") : url;
}

// The token is in the fragment, which no server sees, and is taken out of the address.
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(TOKEN, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN);
}

function ask(why) {
  byId("door-reason").textContent = why;
  door.hidden = false;
  composer.hidden = true;
  state("lost", "Not connected");
  byId("token").focus();
}

function greet({ model = "", warning }) {
  ready = true;
  byId("model").textContent = model;
  door.hidden = true;
  composer.hidden = false;
  connected(!warning);
  if (sessions++) remark("This is a new session: the agent does not know the conversation above.");
  if (warning) remark(warning);
  update();
}

// Being connected is not enough: without an account every prompt fails.
function connected(loggedIn) {
  state(loggedIn ? "ready" : "lost", loggedIn ? "Connected" : "Not logged in");
}

function lose(why) {
  if (ready) announce(`${why}. Reconnecting.`);
  ready = false;
  state("lost", `${why}: reconnecting`);
  permissions.forget();
  turn?.view.lost(why);
  turn = null;
  update();
}

function state(name, words) {
  const shown = byId("connection");
  shown.dataset.state = name;
  shown.textContent = words;
}

// -- messages of the server

const OF_TURN = new Set([
  ...["start", "delta", "reasoning", "tool_call", "tool_progress", "tool_result"],
  ...["correction", "retry", "notice", "usage", "end"],
]);

function receive(message) {
  const { type } = message;
  if (type === "permission") permissions.ask(message);
  else if (type === "permission_closed") permissions.closed(message);
  else if (type === "error") complain(message);
  else if (OF_TURN.has(type) && message.turn === turn?.id) {
    const words = turn.view[type]?.(message);
    if (type === "end") {
      end(words);
      if (message.reason === "complete") connected(true);
      if (message.error?.kind === "authentication") connected(false);
    }
  }
}

function complain({ message, turn: about }) {
  if (about && about === turn?.id) {
    end(turn.view.end({ reason: "error", error: { message } }));
  } else {
    remark(message);
  }
}

function end(words) {
  turn = null;
  announce(words);
  update();
}

// -- what the user does

function submit() {
  const text = prompt.value;
  if (!ready || turn || !text.trim()) return;
  byId("welcome")?.remove();
  turn = { id: String(++turns), view: new TurnView(text, follow) };
  connection.send({ type: "prompt", turn: turn.id, text });
  log.append(turn.view.element);
  prompt.value = "";
  atEnd = true;
  announce("The agent is working.");
  update();
  follow();
}

function stopTurn() {
  if (!turn) return;
  connection.send({ type: "stop", turn: turn.id });
  if (document.activeElement === stop) prompt.focus(); // the button is about to go
  stop.disabled = true;
}

function update() {
  const hadFocus = document.activeElement === stop;
  stop.hidden = !turn;
  stop.disabled = false;
  send.hidden = Boolean(turn);
  send.disabled = !ready || !prompt.value.trim();
  if (hadFocus && !turn) prompt.focus();
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
  prompt.focus();
});
prompt.addEventListener("input", update);
prompt.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
stop.addEventListener("click", stopTurn);
document.addEventListener("keydown", (event) => {
  const decides = document.querySelector("dialog[open]");
  if (event.key === "Escape" && !event.isComposing && !decides) stopTurn();
});
door.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, byId("token").value.trim());
  byId("token").value = "";
  state("connecting", "Connecting");
  begin();
});
addEventListener("hashchange", () => {
  if (location.hash.includes("token=")) location.reload();
});

// -- what the page shows

function remark(text) {
  const line = document.createElement("p");
  line.className = "remark";
  line.textContent = text;
  log.append(line);
  follow();
}

function announce(text) {
  byId("status").textContent = text;
}

// Keep the end in view, unless the reader has scrolled away from it.
function follow() {
  if (atEnd) log.scrollTop = log.scrollHeight;
}

log.addEventListener("scroll", () => {
  atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  latest.hidden = atEnd;
});
new ResizeObserver(follow).observe(log);
latest.addEventListener("click", () => {
  atEnd = true;
  latest.hidden = true; // nothing may be left to scroll
  follow();
  prompt.focus();
});

update();
begin();
