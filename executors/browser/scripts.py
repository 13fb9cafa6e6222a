"""The scripts that run in a page, in a world of their own: the page's scripts cannot change them.

Each is a function that gets the element as `this`. What it returns is the page's word all the same.
"""

# Whether a click on the middle of the element would land on it; else what lies above it.
HIT = """function() {
  if (!this.isConnected) return {gone: true};
  const box = this.getBoundingClientRect();
  if (!box.width && !box.height) return {hidden: true};
  const x = box.x + box.width / 2, y = box.y + box.height / 2;
  const hit = this.getRootNode().elementFromPoint(x, y);
  if (!hit || this.contains(hit) || hit.contains(this)) return {ok: true};
  const label = hit.closest && hit.closest('label');
  if (label && label.control === this) return {ok: true};
  return {above: (hit.tagName + ' ' + (hit.innerText || '')).slice(0, 120)};
}"""

CLICK = "function() { this.click(); }"

# Selects what is in a field, so that what is typed takes its place.
READY = """function(isSecret) {
  if (!this.isConnected) return {gone: true};
  if (this.disabled || this.readOnly) return {locked: true};
  this.focus();
  if (isSecret && this.removeAttribute) this.removeAttribute('maxlength');
  const kind = (this.type || '').toLowerCase();
  if (['date','time','datetime-local','month','week','color','range'].includes(kind)) return {kind};
  const others = ['checkbox','radio','file','submit','button','image','reset'];
  if (others.includes(kind)) return {wrong: kind};
  if (this.select) { this.select(); return {}; }
  if (!this.isContentEditable) return {wrong: this.tagName.toLowerCase()};
  const range = document.createRange();
  range.selectNodeContents(this);
  const chosen = getSelection(); chosen.removeAllRanges(); chosen.addRange(range);
  return {};
}"""

# Whether a field holds a text; what can be edited otherwise is believed.
HOLDS = """function(text) {
  const plain = s => s.replace(/\\s+/g, ' ').trim();
  return typeof this.value !== 'string' || plain(this.value).includes(plain(text));
}"""

SET = """function(value) {
  const proto = Object.getPrototypeOf(this);
  Object.getOwnPropertyDescriptor(proto, 'value').set.call(this, value);
  this.dispatchEvent(new Event('input', {bubbles: true}));
  this.dispatchEvent(new Event('change', {bubbles: true}));
  return this.value;
}"""

SELECT = """function(wanted) {
  const list = this.tagName === 'OPTION' ? this.closest('select') : this;
  if (!list || list.tagName !== 'SELECT') return {wrong: this.tagName.toLowerCase()};
  if (list.disabled) return {locked: true};
  const all = [...list.options];
  const fits = (o, w) => o.label.trim() === w || o.value === w;
  const missing = wanted.filter(w => !all.some(o => fits(o, w)));
  if (missing.length) return {missing, all: all.slice(0, 50).map(o => o.label.trim())};
  if (list.multiple) all.forEach(o => { o.selected = wanted.some(w => fits(o, w)); });
  else list.value = all.find(o => fits(o, wanted[0])).value;
  list.dispatchEvent(new Event('input', {bubbles: true}));
  list.dispatchEvent(new Event('change', {bubbles: true}));
  return {};
}"""

TABLE = """function(cap) {
  const top = this.closest('table,[role=table],[role=grid],[role=treegrid]') || this;
  const isOwn = e => e.closest('table,[role=table],[role=grid],[role=treegrid]') === top;
  const rows = [...top.querySelectorAll('tr,[role=row]')].filter(isOwn);
  const said = e => e.innerText || e.textContent || '';
  const text = e => said(e).replace(/\\s+/g, ' ').trim().slice(0, 2000);
  const cells = r => [...r.querySelectorAll(
    'td,th,[role=cell],[role=gridcell],[role=columnheader],[role=rowheader]')]
    .filter(e => e.closest('tr,[role=row]') === r);
  const carried = [];
  const grid = [];
  for (const row of rows.slice(0, cap)) {
    const line = [];
    const take = () => {
      while (carried[line.length] && carried[line.length].left > 0) {
        carried[line.length].left -= 1;
        line.push(carried[line.length].text);
      }
    };
    for (const cell of cells(row)) {
      take();
      const said = text(cell);
      const wide = Math.min(cell.colSpan || 1, 100), high = Math.min(cell.rowSpan || 1, 1000);
      for (let i = 0; i < wide; i++) {
        carried[line.length] = {left: high - 1, text: said};
        line.push(i ? '' : said);
      }
    }
    take();
    grid.push(line);
  }
  return {rows: grid, count: rows.length};
}"""


WHERE = "[scrollY, innerHeight, document.documentElement.scrollHeight]"
TURN = {
    "expression": "new Promise(r => requestAnimationFrame(() => setTimeout(r, 20)))",
    "awaitPromise": True,
}
STATE = {"expression": "document.readyState", "returnByValue": True}
