// Text and entities as DOM nodes. Everything becomes text nodes: a bot's text can never become markup.

const TAGS = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code" };
const LINK = /^(https?|tg|mailto):/i;

export function renderText(text, entities, onCommand) {
  const sorted = [...(entities || [])].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const root = document.createDocumentFragment();
  fill(root, text, 0, text.length, sorted, onCommand);
  return root;
}

function fill(parent, text, start, end, entities, onCommand) {
  let at = start;
  for (let i = 0; i < entities.length; ) {
    const entity = entities[i];
    const stop = Math.min(entity.offset + entity.length, end);
    const inner = [];
    let next = i + 1;
    while (next < entities.length && entities[next].offset < stop) inner.push(entities[next++]);
    if (entity.offset > at) parent.append(text.slice(at, entity.offset));
    const content = text.slice(entity.offset, stop);
    const [outer, hole] = element(entity, content, onCommand);
    if (hole) fill(hole, text, entity.offset, stop, inner, onCommand);
    parent.append(outer);
    at = Math.max(at, stop);
    if (isBlock(entity) && text[at] === "\n" && at < end) at += 1; // a block ends its own line
    i = next;
  }
  if (at < end) parent.append(text.slice(at, end));
}

// Returns the node to insert and the node that takes the content (null when it is filled already).
function element(entity, content, onCommand) {
  if (entity.type === "pre") return [codeBlock(content, entity.language), null];
  if (entity.type === "text_link" || entity.type === "url") return link(entity.url || content, content);
  if (entity.type === "bot_command") {
    const button = make("button", "command");
    button.type = "button";
    button.addEventListener("click", () => onCommand(content));
    return [button, button];
  }
  if (entity.type === "spoiler" || entity.type.endsWith("blockquote")) return foldable(entity.type);
  const node = document.createElement(TAGS[entity.type] || "span");
  return [node, node];
}

function isBlock({ type }) {
  return type === "pre" || type.endsWith("blockquote");
}

function link(address, content) {
  const target = LINK.test(address) ? address : "https://" + content;
  const node = document.createElement("a");
  node.href = target;
  node.target = "_blank";
  node.rel = "noopener noreferrer";
  return [node, node];
}

function foldable(type) {
  const isSpoiler = type === "spoiler";
  const node = isSpoiler ? make("span", "spoiler") : document.createElement("blockquote");
  if (type === "expandable_blockquote") node.className = "fold";
  if (type !== "blockquote") node.addEventListener("click", () => node.classList.add("open"));
  return [node, node];
}

function codeBlock(content, language) {
  const figure = make("figure", "code");
  const caption = document.createElement("figcaption");
  const label = document.createElement("span");
  label.textContent = language || "code";
  const copy = document.createElement("button");
  copy.type = "button";
  copy.textContent = "Copy";
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(content);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  caption.append(label, copy);
  const pre = document.createElement("pre");
  const code = document.createElement("code");
  code.textContent = content.replace(/\n$/, "");
  pre.append(code);
  figure.append(caption, pre);
  return figure;
}

export function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}
