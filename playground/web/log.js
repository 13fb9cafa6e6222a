// The list of messages: bubbles, quotes, files, buttons, days.

import { make, renderText } from "./entities.js";

const SVG = "http://www.w3.org/2000/svg";

export class Log {
  constructor(node, hooks) {
    this.node = node;
    this.hooks = hooks; // { press, command, open, fileUrl }
    this.messages = new Map();
    this.rows = new Map();
    this.isFollowing = true; // until somebody scrolls up
    this.lastTop = 0;
    node.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  reset(messages) {
    this.node.replaceChildren();
    this.messages.clear();
    this.rows.clear();
    for (const message of messages) if (!message.deleted) this.add(message);
    this.isFollowing = true;
    this.node.scrollTop = this.node.scrollHeight;
  }

  // A smooth scroll to the end is under way for a while: only moving up ends the following.
  scrolled() {
    if (this.isAtEnd) this.isFollowing = true;
    else if (this.node.scrollTop < this.lastTop) this.isFollowing = false;
    this.lastTop = this.node.scrollTop;
  }

  get isAtEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 60;
  }

  toEnd() {
    this.isFollowing = true;
    this.node.scrollTo({ top: this.node.scrollHeight, behavior: "smooth" });
  }

  add(message) {
    if (this.rows.has(message.id)) return this.change(message);
    const last = [...this.messages.values()].pop();
    const day = dayOf(message);
    if (!last || dayOf(last) !== day) this.node.append(make("div", "day", day));
    const isSame = last && last.from === message.from && message.date - last.date < 300 && dayOf(last) === day;
    if (isSame) this.rows.get(last.id)?.classList.remove("tail");
    this.messages.set(message.id, message);
    const row = make("div", `row tail ${message.from}${isSame ? " same" : ""}`);
    row.dataset.id = message.id;
    this.rows.set(message.id, row);
    this.draw(row, message);
    this.node.append(row);
  }

  change(message) {
    const row = this.rows.get(message.id);
    if (!row) return;
    const { isFollowing } = this;
    this.messages.set(message.id, message);
    row.replaceChildren();
    this.draw(row, message);
    if (isFollowing) this.node.scrollTop = this.node.scrollHeight;
  }

  remove(id) {
    this.rows.get(id)?.remove();
    this.rows.delete(id);
    this.messages.delete(id);
  }

  draw(row, message) {
    const bubble = make("div", "bubble");
    if (message.reply_to) bubble.append(this.quote(message.reply_to));
    if (message.photo) bubble.append(this.photo(message));
    if (message.document) bubble.append(this.file(message.document));
    if (message.sound) bubble.append(this.sound(message.sound));
    for (const line of extras(message)) bubble.append(make("div", "extra", line));
    bubble.append(renderText(message.text || "", message.entities, this.hooks.command), stamp(message));
    bubble.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      this.hooks.open(message, event.clientX, event.clientY);
    });
    bubble.addEventListener("dblclick", () => this.hooks.reply(message));
    row.append(bubble);
    if (message.buttons?.length) row.append(this.keys(message));
  }

  quote(id) {
    const original = this.messages.get(id);
    const button = make("button", "quote");
    button.type = "button";
    button.append(make("strong", "", original?.from === "me" ? "You" : this.hooks.botName()));
    button.append(make("span", "", original ? summary(original) : "Deleted message"));
    button.addEventListener("click", () => this.jump(id));
    return button;
  }

  jump(id) {
    const row = this.rows.get(id);
    if (!row) return;
    row.scrollIntoView({ behavior: "smooth", block: "center" });
    row.classList.remove("flash");
    requestAnimationFrame(() => row.classList.add("flash"));
  }

  photo(message) {
    const image = make("img", "photo");
    image.src = this.hooks.fileUrl(message.photo.file_id);
    image.alt = "Photo";
    image.loading = "lazy";
    image.addEventListener("load", () => this.isFollowing && this.toEnd()); // it has a height only now
    return image;
  }

  sound(sound) {
    const player = make("audio", "sound");
    player.src = this.hooks.fileUrl(sound.file_id);
    player.controls = true;
    player.preload = "metadata";
    player.setAttribute("aria-label", sound.kind === "audio" ? sound.name : "Voice note");
    return player;
  }

  file(document_) {
    const link = make("a", "file");
    link.href = this.hooks.fileUrl(document_.file_id);
    link.download = document_.name;
    const disc = document.createElement("i");
    disc.append(icon("M12 4v11m0 0l-4.5-4.5M12 15l4.5-4.5M5 19h14", "0 0 24 24"));
    const words = document.createElement("span");
    words.append(make("b", "", document_.name), make("small", "", bytes(document_.size)));
    link.append(disc, words);
    return link;
  }

  keys(message) {
    const keys = make("div", "keys");
    for (const line of message.buttons) {
      const row = document.createElement("div");
      for (const key of line) row.append(this.key(message, key));
      keys.append(row);
    }
    return keys;
  }

  key(message, key) {
    if (key.url) {
      const link = make("a", "", key.text);
      link.href = /^https?:/i.test(key.url) ? key.url : "#";
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      return link;
    }
    const button = make("button", "", key.text);
    button.type = "button";
    button.addEventListener("click", () => {
      button.classList.add("busy");
      setTimeout(() => button.classList.remove("busy"), 15000);
      this.hooks.press(message, key.data);
    });
    return button;
  }

  answered(id) {
    for (const key of this.rows.get(id)?.querySelectorAll(".busy") || []) key.classList.remove("busy");
  }
}

// What is no text, in the words of a small client.
function extras(message) {
  const { location: place, venue, contact, poll, dice, sticker, quote, forward_origin: origin } = message.extra || {};
  const lines = [];
  if (origin) lines.push(`Forwarded from ${origin.sender_user_name || "somebody"}`);
  if (quote) lines.push(`“${quote.text}”`);
  if (venue) lines.push(`Place: ${venue.title}, ${venue.address}`);
  else if (place) lines.push(`${place.live_period ? "Live location" : "Location"}: ${place.latitude}, ${place.longitude}`);
  if (contact) lines.push(`Contact: ${contact.first_name} ${contact.phone_number}`);
  if (poll) lines.push(`Poll: ${poll.question}`, ...(poll.options || []).map((o) => `○ ${o.text} (${o.voter_count})`));
  if (dice) lines.push(`${dice.emoji} ${dice.value}`);
  if (sticker) lines.push(`Sticker ${sticker.emoji}`);
  return lines;
}

export function summary(message) {
  return message.text?.replace(/\s+/g, " ").slice(0, 160) || message.document?.name || (message.sound ? "Voice note" : "Photo");
}

function stamp(message) {
  const when = new Date(message.date * 1000);
  const time = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const node = make("span", "stamp", (message.edited ? "edited " : "") + time);
  if (message.from === "me") node.append(icon("M1 6l4 4 8-9", "0 0 14 11"));
  return node;
}

function icon(path, box) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", box);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

function dayOf(message) {
  const day = new Date(message.date * 1000);
  const today = new Date();
  if (day.toDateString() === today.toDateString()) return "Today";
  return day.toLocaleDateString([], { day: "numeric", month: "long", year: day.getFullYear() === today.getFullYear() ? undefined : "numeric" });
}

export function bytes(size) {
  if (size < 1024) return `${size} B`;
  if (size < 1024 * 1024) return `${(size / 1024).toFixed(1)} KB`;
  return `${(size / 1024 / 1024).toFixed(1)} MB`;
}
