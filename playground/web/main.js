// Puts the page together: state from the server, live events, and what the user does.

import { Composer } from "./composer.js";
import { make } from "./entities.js";
import { Log } from "./log.js";

const $ = (id) => document.getElementById(id);
const bot = { name: "Bot", username: "" };
let unread = 0;
let typingUntil = 0;

const log = new Log($("log"), {
  press: (message, data) => post("api/press", { message_id: message.id, data }),
  command: (text) => post("api/send", { text }),
  open: openMenu,
  reply: (message) => composer.reply(message),
  fileUrl: (id) => `api/file/${encodeURIComponent(id)}`,
  botName: () => bot.name,
});

const composer = new Composer({
  send: (text, replyTo, quote) => post("api/send", { text, ...(replyTo ? { reply_to: replyTo } : {}), ...(quote ? { quote } : {}) }),
  edit: (id, text) => post("api/edit", { message_id: id, text }),
  upload,
  sound,
  tell: (text) => toast(text),
  lastOwn: () => [...log.messages.values()].reverse().find((m) => m.from === "me" && m.text),
});

const share = (kind, content, text = "") => post("api/share", { kind, content, text });

// What a phone shares with a tap; here it is asked for in words.
$("share").addEventListener("change", (event) => {
  const kind = event.target.value;
  event.target.value = "";
  const ask = (question, usual) => prompt(question, usual) ?? "";
  if (kind === "dice") return share("dice", { emoji: "🎲", value: 1 + Math.floor(Math.random() * 6) });
  const said = kind === "contact" ? ask("Name, phone number", "Ada Lovelace, +441234567")
    : kind === "poll" ? ask("Question? option, option", "Tea or coffee? tea, coffee")
    : ask("Latitude, longitude", "52.52, 13.405");
  if (!said) return undefined;
  const [first, ...rest] = said.split(",").map((part) => part.trim());
  if (kind === "contact") return share("contact", { first_name: first, phone_number: rest.join(" ") });
  if (kind === "poll") {
    const [question, options = ""] = said.split("?");
    return share("poll", { id: "1", type: "regular", question: `${question}?`, total_voter_count: 0, is_closed: false, is_anonymous: true, options: options.split(",").map((text) => ({ text: text.trim(), voter_count: 0 })) });
  }
  const place = { latitude: Number(first), longitude: Number(rest[0]) };
  return share("location", kind === "live" ? { ...place, live_period: 900 } : place);
});

async function post(path, body) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    if (!answer.ok) toast((await answer.text()) || "That did not work.");
    return answer.ok;
  } catch {
    toast("The playground does not answer. Is AgentAI running?");
    return false;
  }
}

async function upload(files, caption, replyTo) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name);
  if (caption) form.append("caption", caption);
  if (replyTo) form.append("reply_to", replyTo);
  try {
    const answer = await fetch("api/upload", { method: "POST", body: form });
    if (!answer.ok) toast((await answer.text()) || "The file was not sent.");
    return answer.ok;
  } catch {
    toast("The playground does not answer. Is AgentAI running?");
    return false;
  }
}

async function sound(blob, seconds, kind, replyTo) {
  const form = new FormData();
  form.append("file", blob, blob.name || "voice.webm");
  form.append("kind", kind);
  form.append("seconds", String(Math.round(seconds)));
  if (replyTo) form.append("reply_to", replyTo);
  try {
    const answer = await fetch("api/sound", { method: "POST", body: form });
    if (!answer.ok) toast((await answer.text()) || "The recording was not sent.");
    return answer.ok;
  } catch {
    toast("The playground does not answer. Is AgentAI running?");
    return false;
  }
}

// --- live events ---

// What happens while the state is on its way is newer than it, and is applied after it.
let loading = 0;
const waiting = [];

async function load() {
  loading += 1;
  try {
    show(await (await fetch("api/state")).json());
  } finally {
    loading -= 1;
    if (!loading) waiting.splice(0).forEach((happen) => happen());
  }
}

function show(state) {
  Object.assign(bot, state.bot);
  document.title = bot.name;
  $("bot-name").textContent = bot.name;
  $("avatar").textContent = bot.name.slice(0, 1).toUpperCase();
  composer.commands = state.commands || [];
  log.reset(state.messages);
  showWelcome();
  presence();
}

function listen() {
  const events = new EventSource("api/events");
  events.addEventListener("open", () => load().catch(() => presence("reconnecting…")));
  events.addEventListener("error", () => presence("reconnecting…"));
  on(events, "message", arrived);
  on(events, "edit", (message) => log.change(message));
  on(events, "delete", ({ id }) => { log.remove(id); showWelcome(); });
  on(events, "action", () => { typingUntil = Date.now() + 6000; presence(); setTimeout(presence, 6100); });
  on(events, "callback", answered);
  on(events, "commands", (commands) => (composer.commands = commands));
}

function on(events, kind, act) {
  events.addEventListener(kind, (event) => {
    const happen = () => act(JSON.parse(event.data));
    if (loading) waiting.push(happen);
    else happen();
  });
}

function arrived(message) {
  const follow = log.isFollowing || message.from === "me";
  if (message.from === "bot") typingUntil = 0;
  log.add(message);
  presence();
  showWelcome();
  if (follow) log.toEnd();
  else if (message.from === "bot") { unread += 1; showDown(); }
}

function answered({ message_id: id, text, alert }) {
  log.answered(id);
  if (!text) return;
  if (!alert) return toast(text);
  $("alert-text").textContent = text;
  $("alert").showModal();
}

function presence(trouble) {
  const isTyping = Date.now() < typingUntil;
  $("presence").textContent = trouble || (isTyping ? "typing…" : "bot");
  $("presence").classList.toggle("active", !trouble && isTyping);
}

// --- small things ---

function showWelcome() {
  $("welcome").hidden = log.messages.size > 0;
}

function showDown() {
  $("down").hidden = log.isFollowing;
  if (log.isFollowing) unread = 0;
  $("unread").textContent = unread || "";
}

let toastTimer = 0;
function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($("toast").hidden = true), 3500);
}

function openMenu(message, x, y) {
  const choices = [["Reply", () => composer.reply(message)]];
  if (message.text) choices.push(["Copy text", () => navigator.clipboard.writeText(message.text)]);
  const chosen = getSelection().toString().trim();
  if (chosen && message.text.includes(chosen)) choices.push(["Quote selection", () => composer.reply(message, chosen)]);
  if (message.text) choices.push(["Forward as from somebody", () => share("forward_origin", { type: "hidden_user", sender_user_name: "Somebody", date: Math.floor(Date.now() / 1000) }, message.text)]);
  if (message.from === "me" && message.text) choices.push(["Edit", () => composer.edit(message)]);
  const menu = $("bubble-menu");
  menu.replaceChildren(...choices.map(([label, act]) => {
    const item = document.createElement("li");
    item.role = "none";
    const button = make("button", "", label);
    button.role = "menuitem";
    button.addEventListener("click", () => { menu.hidden = true; act(); });
    item.append(button);
    return item;
  }));
  menu.hidden = false;
  menu.style.left = `${Math.min(x, innerWidth - menu.offsetWidth - 8)}px`;
  menu.style.top = `${Math.min(y, innerHeight - menu.offsetHeight - 8)}px`;
  menu.querySelector("button").focus();
}

document.addEventListener("click", (event) => { if (!event.target.closest("#bubble-menu")) $("bubble-menu").hidden = true; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") $("bubble-menu").hidden = true; });
$("log").addEventListener("scroll", showDown, { passive: true });
$("down").addEventListener("click", () => log.toEnd());
$("start").addEventListener("click", () => {
  const payload = new URLSearchParams(location.search).get("start");
  post("api/send", { text: payload ? `/start ${payload}` : "/start" });
});

listen();
composer.text.focus();
