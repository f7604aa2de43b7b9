const { room, user: me } = document.body.dataset;
const $ = (id) => document.getElementById(id);

const rf = new RF();
const channel = rf.join(`room.${room}`);

/** A name that keeps its direction of writing to itself. */
function bdi(name) {
  const isolated = document.createElement("bdi");
  isolated.textContent = name;
  return isolated;
}

/* Who is here */

const COLOURS = 8;

function paintAvatar(avatar, id, name) {
  const sum = [...id].reduce((total, letter) => (total * 31 + letter.codePointAt(0)) >>> 0, 7);
  avatar.dataset.colour = sum % COLOURS;
  avatar.textContent = name.split(" ").map((word) => [...word][0]).slice(0, 2).join("").toUpperCase();
}

function showPeople() {
  const first = ({ id }) => Number(id !== me);
  const people = channel.members.sort((a, b) => first(a) - first(b) || a.name.localeCompare(b.name));
  $("count").textContent = `· ${people.length}`;
  $("people").replaceChildren(...people.map(({ id, name }) => {
    const person = $("person").content.cloneNode(true);
    paintAvatar(person.querySelector(".avatar"), id, name);
    person.querySelector(".name").append(bdi(name), id === me ? " (you)" : "");
    return person;
  }));
}

channel
  .here(showPeople)
  .joining(({ id, name }) => {
    showPeople();
    const last = $("lines").lastElementChild;
    if (last?.dataset.left === id) last.remove(); // only reloaded the page
    else addLine(bdi(name), " came in");
  })
  .leaving(({ id, name }) => {
    showPeople();
    stopTyping(id);
    addLine(bdi(name), " left").dataset.left = id;
  });

/* Messages, kept for this tab so that a reload or a look into another room loses nothing */

const KEPT = 50;
const TOGETHER = 5 * 60; // seconds within which one person's messages stand under one name
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const storage = `${me} ${room}`;
const kept = JSON.parse(sessionStorage.getItem(storage) ?? "[]");

function keep(said) {
  // One's own can come twice: as the answer, and from the room if it was sent without a connection.
  if (said.id && kept.some(({ id }) => id === said.id)) return;
  kept.push(said);
  sessionStorage.setItem(storage, JSON.stringify(kept.slice(-KEPT)));
  show(said);
}

const show = (said) => (said.missed ? addGap() : addMessage(said));

function addGap() {
  addLine("Some messages may be missing here").classList.add("gap");
}

function addMessage({ user, text, at }) {
  const fragment = $("message").content.cloneNode(true);
  const line = fragment.firstElementChild;
  const when = new Date(at * 1000);
  const before = $("lines").lastElementChild?.dataset;
  line.dataset.by = user.id;
  line.dataset.at = at;
  line.classList.toggle("mine", user.id === me);
  line.classList.toggle("more", before?.by === user.id && at - before.at < TOGETHER);
  paintAvatar(line.querySelector(".avatar"), user.id, user.name);
  line.querySelector(".name").append(user.id === me ? "You" : bdi(user.name));
  line.querySelector("time").textContent = clock.format(when);
  line.querySelector("time").dateTime = when.toISOString();
  line.querySelector("time").title = when.toLocaleString();
  line.querySelector(".text").textContent = text;
  append(line, user.id === me);
}

function addLine(...words) {
  const line = document.createElement("li");
  line.className = "happened";
  line.append(...words);
  return append(line);
}

const atEnd = () => $("log").scrollTop > -80; // 0 is the end, less is further up
const showEnd = () => ($("log").scrollTop = 0);

function append(line, follow = false) {
  $("newer").hidden = atEnd() || follow;
  $("empty").hidden ||= "by" in line.dataset;
  $("lines").append(line);
  if ($("newer").hidden) showEnd();
  return line;
}

$("newer").addEventListener("click", showEnd);
$("log").addEventListener("scroll", () => ($("newer").hidden ||= atEnd()));

kept.forEach(show);
channel
  .listen("message", (message) => {
    stopTyping(message.user.id);
    keep(message);
  })
  .missed(() => kept.at(-1)?.missed || keep({ missed: true }));

/* Typing */

const TYPING = 4000; // ms a whisper counts; the typist repeats it every two seconds
const typists = new Map();
let whispered = 0;

$("text").addEventListener("input", () => {
  if (Date.now() - whispered < TYPING / 2 || !$("text").value) return;
  whispered = Date.now();
  channel.whisper("typing");
});

channel.listenForWhisper("typing", (_, { userId }) => {
  if (userId === me) return;
  clearTimeout(typists.get(userId));
  typists.set(userId, setTimeout(stopTyping, TYPING, userId));
  showTyping();
});

function stopTyping(id) {
  clearTimeout(typists.get(id));
  if (typists.delete(id)) showTyping();
}

function showTyping() {
  const names = channel.members.filter(({ id }) => typists.has(id)).map(({ name }) => name);
  const who = names.flatMap((name, index) => (index ? [" and ", bdi(name)] : [bdi(name)]));
  const typing = names.length && ` ${names.length > 1 ? "are" : "is"} typing…`;
  $("typing").replaceChildren(...(names.length > 2 ? ["Several people"] : who), typing || "");
}

/* Asking the server */

/** POST to this room: the answer with its `content`; null when the server can't be reached. */
async function post(path, fields = {}) {
  const headers = { "X-Socket-ID": rf.socketId };
  const body = new URLSearchParams(fields);
  try {
    const response = await fetch(`/rooms/${room}/${path}`, { method: "POST", headers, body });
    // The connection may break between an answer's head and its body, too.
    response.content = response.ok ? await response.json() : null;
    return response;
  } catch {
    return null;
  }
}

const seconds = (response) => Number(response.headers.get("Retry-After") ?? 1);

function whyNot(response) {
  if (!response) return "Not sent: the server can't be reached. Your words are still here.";
  if (response.status === 503) {
    return "Not sent: the link between servers is down. Your words are still here; try again in a moment.";
  }
  if (response.status === 429) {
    return `You are quick! Sending works again in ${seconds(response)} s. Your words are still here.`;
  }
  if (response.status === 403) return "Your visit has ended. Reload the page to come in again.";
  return "Not sent: something went wrong. Your words are still here.";
}

const note = (text = "") => ($("note").textContent = text);

/* Sending */

let sending = false;
let waiting = false; // to be sent again at once: Enter was pressed meanwhile

$("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const written = $("text").value;
  if (!written.trim()) return;
  if (sending) {
    waiting = true;
    return;
  }
  sending = true;
  const response = await post("messages", { text: written });
  const more = waiting;
  sending = waiting = false;
  note(response?.ok ? "" : whyNot(response));
  if (!response?.ok) return;
  keep(response.content);
  whispered = 0;
  const { value } = $("text"); // with what has been typed since
  if (value.startsWith(written)) $("text").value = value.slice(written.length);
  if (more) $("composer").requestSubmit();
});

$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
});

/* Waving, five times a minute */

let waveTimer;

$("wave").addEventListener("click", async () => {
  if ($("wave").ariaDisabled === "true") return;
  const response = await post("wave");
  if (response?.status === 429) return countDown(seconds(response));
  if (!response?.ok) return note(whyNot(response).replace("sent", "waved").split(" Your words")[0]);
  note();
  addWave(response.content);
  showQuota(response.headers);
});

channel.listen("wave", addWave);

function addWave({ user }) {
  const last = $("lines").lastElementChild;
  const line = last?.dataset.waves === user.id ? last : addLine();
  const times = Number(line.dataset.times ?? 0) + 1;
  Object.assign(line.dataset, { waves: user.id, times });
  const who = user.id === me ? "You" : bdi(user.name);
  line.replaceChildren(who, ` waved${times > 1 ? ` ${times} times` : ""}`);
}

function showQuota(headers) {
  const [limit, left] = ["Limit", "Remaining"].map((name) => headers.get(`X-RateLimit-${name}`));
  const reset = Number(headers.get("RateLimit")?.match(/;t=(\d+)/)?.[1] ?? 60);
  $("quota").textContent = `${left} of ${limit} left`;
  clearTimeout(waveTimer);
  waveTimer = setTimeout(freeToWave, reset * 1000);
}

function countDown(left) {
  clearTimeout(waveTimer);
  if (left <= 0) return freeToWave();
  $("wave").ariaDisabled = "true";
  $("quota").textContent = `again in ${left} s`;
  waveTimer = setTimeout(countDown, 1000, left - 1);
}

function freeToWave() {
  $("wave").ariaDisabled = "false";
  $("quota").textContent = "5 a minute";
}

/* The connection, in plain words */

const WORDS = {
  connecting: ["Connecting…"],
  connected: ["Connected"],
  reconnecting: ["Reconnecting…", "The connection was lost. What is said meanwhile comes once it is back."],
  interrupted: ["Interrupted", "The link between servers is down; it is being restored."],
  failed: ["Disconnected", "The server does not let this page in. Reload it to try again."],
  closed: ["Disconnected"],
  offline: ["Offline", "You are offline. The chat goes on as soon as the network is back."],
};

function showState() {
  const state = navigator.onLine ? rf.state : "offline";
  const [word, explanation = ""] = WORDS[state];
  $("state").textContent = word;
  $("state").dataset.state = state;
  $("state").title = rf.transport === "sse" ? "Without WebSockets, which your network blocks: nobody sees you typing" : "";
  $("explanation").textContent = explanation;
  if (state === "connected") note();
}

rf.on("state", showState);
for (const event of ["online", "offline"]) addEventListener(event, showState);
for (const avatar of document.querySelectorAll("[data-avatar]")) {
  paintAvatar(avatar, me, avatar.nextElementSibling.textContent);
}
showState();
