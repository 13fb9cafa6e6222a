// Writing: text, commands, files, replying, editing.

import { make } from "./entities.js";
import { bytes, summary } from "./log.js";
import { listenForSpeech } from "./recorder.js";

const $ = (id) => document.getElementById(id);

export class Composer {
  constructor(hooks) {
    this.hooks = hooks; // { send, upload, sound, edit, lastOwn, tell }
    this.commands = [];
    this.files = [];
    this.replyTo = null;
    this.quoted = "";
    this.editing = null;
    this.text = $("text");
    this.list = $("commands");
    this.isPhone = matchMedia("(pointer: coarse)").matches;
    this.listen();
  }

  listen() {
    $("composer").addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    this.text.addEventListener("input", () => { this.grow(); this.suggest(); });
    this.text.addEventListener("keydown", (event) => this.onKey(event));
    this.text.addEventListener("paste", (event) => this.addFiles(event.clipboardData?.files));
    $("attach").addEventListener("click", () => $("files").click());
    $("files").addEventListener("change", (event) => { this.addFiles(event.target.files); event.target.value = ""; });
    $("menu").addEventListener("click", () => this.toggleCommands());
    $("context-close").addEventListener("click", () => this.clearContext());
    this.listenDrop($("drop"));
    listenForSpeech($("record"), (blob, seconds) => this.speak(blob, seconds), (text) => this.hooks.tell(text));
  }

  // A recording goes out at once, as a reply when one was begun.
  speak(blob, seconds) {
    const { replyTo } = this;
    this.clearContext();
    return this.hooks.sound(blob, seconds, "voice", replyTo);
  }

  listenDrop(area) {
    for (const kind of ["dragenter", "dragover"]) area.addEventListener(kind, (event) => { event.preventDefault(); area.classList.add("dropping"); });
    for (const kind of ["dragleave", "drop"]) area.addEventListener(kind, (event) => { event.preventDefault(); if (event.type === "drop" || event.target === area || !area.contains(event.relatedTarget)) area.classList.remove("dropping"); });
    area.addEventListener("drop", (event) => this.addFiles(event.dataTransfer?.files));
  }

  onKey(event) {
    if (!this.list.hidden && this.onListKey(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !this.isPhone) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Escape") this.clearContext();
    else if (event.key === "ArrowUp" && !this.text.value) {
      const own = this.hooks.lastOwn();
      if (own) { event.preventDefault(); this.edit(own); }
    }
  }

  async submit() {
    const text = this.text.value.trim();
    const { replyTo, editing, files, quoted } = this;
    if (!text && !files.length) return;
    this.text.value = "";
    this.files = [];
    this.drawChips();
    this.clearContext();
    this.hideCommands();
    this.grow();
    const isSound = !text && files.length === 1 && /^audio\//.test(files[0].type);
    const ok = editing ? await this.hooks.edit(editing, text)
      : isSound ? await this.hooks.sound(files[0], 0, "audio", replyTo)
      : files.length ? await this.hooks.upload(files, text, replyTo)
      : await this.hooks.send(text, replyTo, replyTo ? quoted : "");
    if (!ok) { this.text.value = text; this.files = files; this.drawChips(); this.grow(); }
  }

  grow() {
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
  }

  // --- replying and editing ---

  reply(message, quote = "") {
    this.quoted = quote;
    this.editing = null;
    this.replyTo = message.id;
    this.showContext(message.from === "me" ? "Reply to yourself" : "Reply", quote || summary(message));
  }

  edit(message) {
    this.replyTo = null;
    this.editing = message.id;
    this.text.value = message.text;
    this.showContext("Edit message", summary(message));
    this.grow();
  }

  showContext(title, text) {
    $("context-title").textContent = title;
    $("context-text").textContent = text;
    $("context").hidden = false;
    this.text.focus();
  }

  clearContext() {
    if (this.editing) this.text.value = "";
    this.replyTo = this.editing = null;
    this.quoted = "";
    $("context").hidden = true;
  }

  // --- files ---

  addFiles(list) {
    if (!list?.length) return;
    this.files = [...this.files, ...list].slice(0, 10);
    this.drawChips();
    this.text.focus();
  }

  drawChips() {
    $("chips").replaceChildren(...this.files.map((file, index) => {
      const chip = make("button", "", `${file.name} · ${bytes(file.size)}  ✕`);
      chip.type = "button";
      chip.setAttribute("aria-label", `Remove ${file.name}`);
      chip.addEventListener("click", () => { this.files.splice(index, 1); this.drawChips(); });
      return chip;
    }));
  }

  // --- commands ---

  suggest() {
    const match = /^\/(\w*)$/.exec(this.text.value);
    const found = match ? this.commands.filter((c) => c.command.startsWith(match[1].toLowerCase())) : [];
    // What is typed in full comes first: Enter after "/skill" must not send "/skills".
    this.drawCommands(found.sort((a, b) => isWhole(b, match[1]) - isWhole(a, match[1])));
  }

  toggleCommands() {
    if (this.list.hidden) this.drawCommands(this.commands);
    else this.hideCommands();
    this.text.focus();
  }

  drawCommands(found) {
    this.list.replaceChildren(...found.map((command, index) => {
      const item = document.createElement("li");
      item.role = "option";
      item.setAttribute("aria-selected", String(index === 0));
      item.append(make("b", "", `/${command.command}`), make("span", "", command.description));
      item.addEventListener("mousedown", (event) => { event.preventDefault(); this.take(item, true); });
      return item;
    }));
    this.list.hidden = !found.length;
  }

  hideCommands() {
    this.list.hidden = true;
  }

  onListKey(event) {
    const items = [...this.list.children];
    const current = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const next = (current + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length;
      items.forEach((item, index) => item.setAttribute("aria-selected", String(index === next)));
      items[next].scrollIntoView({ block: "nearest" });
    } else if (event.key === "Tab") this.take(items[current], false);
    else if (event.key === "Enter") this.take(items[current], true);
    else if (event.key === "Escape") this.hideCommands();
    else return false;
    event.preventDefault();
    return true;
  }

  take(item, isFinal) {
    const command = item.querySelector("b").textContent;
    this.hideCommands();
    if (isFinal) {
      this.text.value = "";
      this.hooks.send(command, null);
    } else {
      this.text.value = `${command} `;
      this.text.focus();
    }
    this.grow();
  }
}

function isWhole(command, typed) {
  return command.command === typed.toLowerCase();
}
