// The page's side: one socket that comes back by itself, and what it says, shown.
// Whatever people wrote goes through `textContent` and nowhere else.
"use strict";

const PING_EVERY = 2_000; // ms
const SILENCE = 10_000; // ms without an answer to a ping: the connection is dead
const FIRST_DELAY = 500; // ms until the first new attempt, doubled up to
const LONGEST_DELAY = 15_000; // ms
const STABLE = 5_000; // ms a connection has to last for the delay to start again
const UNHEARD = 50; // messages kept until the server has them
const LINES = 500; // lines shown

const element = (id) => document.getElementById(id);
const make = (tag, className, ...children) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children); // strings become text
  return made;
};

const me = { name: "", room: "", id: 0 };
const people = new Map();
const shown = new Map(); // key of a message → its line
const unheard = new Map(); // key → { room, text } of what the server may not have
let entered = false;
let unread = 0; // messages since the page was last looked at

// ---- The connection -------------------------------------------------------------------------

let socket = null;
let attempts = 0;
let openedAt = 0;
let joined = false;
let retryAt = 0;
let timers = [];

function connect() {
  stopTimers();
  state("connecting", attempts ? "reconnecting" : "connecting");
  element("banner-text").textContent = "Connecting again…";
  const url = new URL("/socket", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const opening = new WebSocket(url);
  socket = opening;
  opening.onopen = () => {
    openedAt = performance.now();
    showCompression(opening.extensions);
    join();
    ping(opening);
    timers.push(setInterval(() => ping(opening), PING_EVERY));
  };
  opening.onmessage = (event) => {
    if (opening === socket) receive(JSON.parse(event.data));
  };
  opening.onclose = () => {
    if (opening === socket) lost();
  };
}

function lost() {
  socket = null;
  joined = false;
  if (openedAt && performance.now() - openedAt > STABLE) attempts = 0;
  openedAt = 0;
  stopTimers();
  // Less up to half at random, so that everyone does not come back at once.
  const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** Math.min(attempts, 10));
  retryAt = performance.now() + delay * (1 - Math.random() / 2);
  attempts += 1;
  state("waiting", "offline");
  element("latency").textContent = "– ms";
  element("compression").hidden = true;
  countDown();
  timers.push(setInterval(countDown, 200));
}

function countDown() {
  const left = retryAt - performance.now();
  if (left <= 0) return connect();
  element("banner-text").textContent = `Connection lost. Next attempt in ${Math.ceil(left / 1000)} s.`;
  element("banner").hidden = false;
}

function retryNow() {
  if (!socket && entered) connect();
}

function stopTimers() {
  timers.forEach(clearInterval);
  timers = [];
}

function send(request) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(request));
}

function join() {
  send({ type: "join", room: me.room, name: me.name });
}

let waitingSince = 0; // for an answer to a ping

function ping(open) {
  const now = performance.now();
  if (open.readyState !== WebSocket.OPEN) return;
  if (waitingSince > openedAt && now - waitingSince > SILENCE) {
    // Nobody is there to answer a Close either.
    open.onclose = open.onmessage = null;
    open.close();
    return lost();
  }
  if (waitingSince <= openedAt) waitingSince = now;
  send({ type: "ping", at: now });
}

function pong(at) {
  waitingSince = 0;
  const latency = performance.now() - at;
  const digits = latency < 10 ? 1 : 0;
  element("latency").textContent = `${latency.toFixed(digits)} ms`;
}

// ---- What the server says -------------------------------------------------------------------

function receive(reply) {
  switch (reply.type) {
    case "rooms": return showRooms(reply.rooms);
    case "joined": return isIn(reply);
    case "entered": people.set(reply.id, reply.name); showPeople(); return showEvent(`${reply.name} came in`);
    case "left": people.delete(reply.id); showPeople(); return showEvent(`${reply.name} left`);
    case "said": return showSaid(reply);
    case "pong": return pong(reply.at);
    case "refused": return refused(reply);
  }
}

function isIn({ room, you, people: there, said }) {
  const isNew = me.shownRoom !== room;
  Object.assign(me, { room, id: you, shownRoom: room });
  joined = true;
  people.clear();
  for (const person of there) people.set(person.id, person.name);
  if (isNew) {
    element("messages").replaceChildren();
    shown.clear();
  }
  said.forEach(showSaid);
  // What was on its way when the connection broke: said twice, it is heard once.
  for (const [key, { room: where, text }] of unheard) {
    if (where === room) {
      if (!shown.has(key)) showPending(key, text);
      send({ type: "say", key, text });
    }
  }
  state("connected", "connected");
  element("banner").hidden = true;
  element("room").textContent = room;
  showTitle();
  element("me").replaceChildren("You are ", make("b", "", people.get(you) ?? me.name));
  history.replaceState(null, "", `#${encodeURIComponent(room)}`);
  showPeople();
  markRoom();
}

function refused({ key, why }) {
  if (key && unheard.has(key)) {
    unheard.delete(key);
    const line = shown.get(key);
    line?.classList.replace("pending", "failed");
    const by = line?.querySelector(".by");
    if (by) by.textContent = `not sent: ${why}`;
    line?.classList.remove("same");
    return;
  }
  if (!joined) return leave(why);
  me.room = me.shownRoom; // where one still is
  const notice = element("notice");
  notice.textContent = why;
  notice.hidden = false;
  setTimeout(() => { notice.hidden = true; }, 5_000);
}

// ---- Showing it -----------------------------------------------------------------------------

function state(name, text) {
  element("state").dataset.state = name;
  element("state").textContent = text;
}

function showCompression(extensions) {
  const pill = element("compression");
  pill.hidden = false;
  pill.textContent = extensions ? "compressed" : "not compressed";
  pill.title = extensions || "The server and this browser agreed on no extension";
}

function avatar(name) {
  let hue = 0;
  for (const char of name) hue = (hue * 31 + char.codePointAt(0)) % 8;
  const made = make("span", `avatar hue${hue}`, [...name][0]?.toUpperCase() ?? "?");
  made.setAttribute("aria-hidden", "true");
  return made;
}

function showTitle() {
  if (!document.hidden) unread = 0;
  document.title = `${unread ? `(${unread}) ` : ""}#${me.shownRoom} – socket-flow chat`;
}

function showRooms(rooms) {
  const focused = document.activeElement?.dataset.room;
  element("rooms").replaceChildren(...rooms.map(({ name, people: count }) => {
    const button = make("button", "", make("span", "", `# ${name}`), make("span", "count", String(count)));
    button.dataset.room = name;
    button.setAttribute("aria-label", `${name}, ${count} online`);
    button.onclick = () => go(name);
    return make("li", "", button);
  }));
  markRoom();
  if (focused) element("rooms").querySelector(`[data-room="${CSS.escape(focused)}"]`)?.focus();
}

function markRoom() {
  for (const button of element("rooms").querySelectorAll("button")) {
    if (button.dataset.room === me.shownRoom) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function showPeople() {
  element("people").replaceChildren(...Array.from(people, ([id, name]) => {
    const label = make("span", "", name);
    if (id === me.id) label.append(" ", make("small", "", "(you)"));
    return make("li", "", avatar(name), label);
  }));
  element("count").textContent = element("count-short").textContent = String(people.size);
}

function append(line) {
  const list = element("messages");
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  list.append(line);
  while (list.childElementCount > LINES) {
    shown.delete(list.firstElementChild.dataset.key);
    list.firstElementChild.remove();
  }
  if (isAtEnd || line.classList.contains("mine")) list.scrollTop = list.scrollHeight;
}

function showEvent(text) {
  append(make("li", "event", text));
}

function message({ key, name, text, at }, isMine) {
  const time = make("time", "", new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = new Date(at).toISOString();
  const by = isMine ? make("div", "by", time) : make("div", "by", make("b", "", name), time);
  const line = make("li", "message", avatar(name), by, make("div", "bubble", text));
  const last = element("messages").lastElementChild;
  line.dataset.key = key;
  line.dataset.name = isMine ? "" : name;
  line.dataset.minute = String(Math.floor(at / 120_000));
  if (last?.dataset.name === line.dataset.name && last?.dataset.minute === line.dataset.minute) line.classList.add("same");
  if (isMine) line.classList.add("mine");
  shown.set(key, line);
  append(line);
  return line;
}

function showPending(key, text) {
  message({ key, name: me.name, text, at: Date.now() }, true).classList.add("pending");
}

function showSaid(said) {
  unheard.delete(said.key);
  const line = shown.get(said.key);
  if (line) return line.classList.remove("pending");
  message(said, said.id === me.id);
  if (joined && document.hidden) unread += 1;
  showTitle();
}

// ---- What the person does -------------------------------------------------------------------

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function say(text) {
  const key = newKey();
  unheard.set(key, { room: me.room, text });
  showPending(key, text);
  if (joined) send({ type: "say", key, text });
}

function go(room) {
  closePanels();
  if (room === me.shownRoom) return;
  me.room = room;
  join();
  element("text").focus();
}

function enter(name, room) {
  Object.assign(me, { name, room });
  entered = true;
  remember(sessionStorage, name);
  remember(localStorage, name);
  element("welcome").hidden = true;
  element("app").hidden = false;
  element("text").focus();
  connect();
}

function leave(why) {
  entered = joined = false;
  me.shownRoom = undefined;
  const closing = socket;
  socket = null;
  stopTimers();
  closing?.close();
  element("app").hidden = true;
  element("welcome").hidden = false;
  element("enter-error").textContent = why;
  element("enter-error").hidden = !why;
  element("name").focus();
}

// Storage may be turned off; a name is then asked for each time.
function remember(storage, name) {
  try { storage.setItem("name", name); } catch { /* off */ }
}
function remembered(storage) {
  try { return storage.getItem("name") ?? ""; } catch { return ""; }
}
function roomOfAddress() {
  try { return decodeURIComponent(location.hash.slice(1)); } catch { return ""; }
}

function closePanels() {
  for (const [button, panel] of PANELS) {
    element(panel).classList.remove("open");
    element(button).setAttribute("aria-expanded", "false");
  }
}

const PANELS = [["show-rooms", "rooms-panel"], ["show-people", "people-panel"]];
for (const [button, panel] of PANELS) {
  element(button).onclick = () => {
    const isOpen = element(panel).classList.contains("open");
    closePanels();
    element(panel).classList.toggle("open", !isOpen);
    element(button).setAttribute("aria-expanded", String(!isOpen));
  };
}
element("messages").onclick = closePanels;
addEventListener("keydown", (event) => { if (event.key === "Escape") closePanels(); });

element("enter").onsubmit = (event) => {
  event.preventDefault();
  element("enter-error").hidden = true;
  enter(element("name").value, element("start-room").value);
};

element("new-room").onsubmit = (event) => {
  event.preventDefault();
  const name = element("new-room-name").value;
  element("new-room-name").value = "";
  go(name);
};

const text = element("text");
const grow = () => {
  text.rows = 1;
  while (text.rows < 6 && text.scrollHeight > text.clientHeight) text.rows += 1;
};
text.oninput = grow;
text.onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  element("composer").requestSubmit();
};
element("composer").onsubmit = (event) => {
  event.preventDefault();
  if (!text.value.trim() || unheard.size >= UNHEARD) return;
  say(text.value.trim());
  text.value = "";
  grow();
  text.focus();
};

element("change-name").onclick = () => {
  element("start-room").value = me.shownRoom ?? me.room;
  leave("");
};
element("retry").onclick = retryNow;
addEventListener("online", retryNow);
addEventListener("hashchange", () => { if (entered && roomOfAddress()) go(roomOfAddress()); });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  retryNow();
  if (joined) showTitle();
});

element("name").value = remembered(localStorage);
if (roomOfAddress()) element("start-room").value = roomOfAddress();
// A reload of this tab comes back to where it was.
if (remembered(sessionStorage)) enter(remembered(sessionStorage), element("start-room").value);
