// Runs the dashboard's script on a document that has as much of a browser's as it needs, shows it the events of standard input (one
// JSON object a line), presses the button named by the argument, and prints what is on the page and what was asked of the engine.
import { readFileSync } from "node:fs";
import vm from "node:vm";

class Element {
  constructor(tag) {
    Object.assign(this, { tag, className: "", children: [], dataset: {}, attributes: {}, listeners: {}, hidden: false, own: "" });
  }
  append(...parts) {
    for (const part of parts) {
      const child = part instanceof Element ? part : Object.assign(new Element("#text"), { own: String(part) });
      child.parent = this;
      this.nodes.push(child);
    }
  }
  get nodes() { return (this.all ??= []); }
  get children() { return this.nodes.filter((node) => node.tag !== "#text"); }
  set children(_) {}
  get firstChild() { return this.nodes[0]; }
  get textContent() { return this.own + this.nodes.map((node) => node.textContent).join(""); }
  set textContent(text) { this.all = []; this.own = String(text); }
  set innerHTML(_) { throw new Error("markup is never set"); }
  insertBefore(child, before) {
    child.remove();
    const at = before ? this.nodes.indexOf(before) : this.nodes.length;
    this.nodes.splice(at, 0, child);
    child.parent = this;
  }
  remove() { if (this.parent) this.parent.all = this.parent.nodes.filter((node) => node !== this); }
  replaceChildren(...parts) { this.all = []; this.append(...parts); }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  addEventListener(type, listener) { this.listeners[type] = listener; }
  find(wanted) { return wanted(this) ? this : this.nodes.map((node) => node.find(wanted)).find(Boolean); }
}

const page = {};
for (const [, id] of readFileSync(process.argv[2] + "/index.html", "utf8").matchAll(/\bid="([\w-]+)"/g)) page[id] = new Element("div");
let source;
const asked = [];
const context = vm.createContext({
  document: { getElementById: (id) => page[id] ?? null, createElement: (tag) => new Element(tag),
    createElementNS: (_, tag) => new Element(tag), title: "" },
  EventSource: class { static CLOSED = 2; constructor(url) { source = this; this.url = url; this.on = {}; }
    addEventListener(type, listener) { this.on[type] = listener; } },
  fetch: async (url, options) => { asked.push((options?.method ?? "GET") + " " + url); return { ok: true, json: async () => ({ values: [] }) }; },
  setInterval: () => 0, setTimeout: () => 0, confirm: () => true, Intl, Map, Date, Math, JSON, String, encodeURIComponent,
});
vm.runInContext(readFileSync(process.argv[2] + "/dashboard.js", "utf8"), context);
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) source.on.message({ data: line });
for (const label of process.argv.slice(3)) {
  const button = page[label] ?? Object.values(page).map((e) => e.find((one) => one.attributes.aria === label || one.attributes["aria-label"] === label)).find(Boolean);
  (button.listeners.click ?? button.listeners.toggle)({ target: { open: true } });
}
await new Promise((resolve) => setImmediate(resolve));
console.log(JSON.stringify({ url: source.url, title: context.document.title, asked,
  text: Object.fromEntries(Object.entries(page).map(([id, element]) => [id, element.textContent])),
  classes: Object.fromEntries(["flow", "cards", "whys"].map((id) => [id, page[id].children.map((one) => one.className)])) }));
