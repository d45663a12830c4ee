// Runs the dashboard's scripts on a document that has as much of a browser's as they need, shows them the events of standard input (one
// JSON object a line), presses the buttons named by the arguments ("#view" opens a view), opens every view, and prints what is on the
// page and what was asked of the engine.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const folder = process.argv[2];
const html = readFileSync(folder + "/index.html", "utf8");
let focused = null;

class Element {
  constructor(tag) {
    Object.assign(this, { tag, className: "", children: [], dataset: {}, attributes: {}, listeners: {}, hidden: false, own: "", value: "",
      isConnected: true });
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
  getAttribute(name) { return this.attributes[name] ?? null; }
  removeAttribute(name) { delete this.attributes[name]; }
  addEventListener(type, listener) { this.listeners[type] = listener; }
  showModal() { this.open = true; }
  close() { this.open = false; }
  focus() { focused = this; }
  find(wanted) { return wanted(this) ? this : this.nodes.map((node) => node.find(wanted)).find(Boolean); }
  // The classes of all elements below.
  looks() { return [this.attributes.class ?? this.className, ...this.nodes.flatMap((node) => node.looks())].filter(Boolean); }
}

const page = {};
for (const [, id] of html.matchAll(/\bid="([\w-]+)"/g)) page[id] = new Element("div");
let source;
const asked = [], listeners = {};
const location = { hash: "" };
const answers = { history: { step_seconds: 5, marks: [], components: [] }, configuration: { values: [], text: "" } };
const context = vm.createContext({
  document: { getElementById: (id) => page[id] ?? null, createElement: (tag) => new Element(tag),
    createElementNS: (_, tag) => new Element(tag), title: "" },
  EventSource: class { static CLOSED = 2; constructor(url) { source = this; this.url = url; this.on = {}; }
    addEventListener(type, listener) { this.on[type] = listener; } },
  fetch: async (url, options) => {
    asked.push((options?.method ?? "GET") + " " + url);
    return { ok: true, json: async () => answers[url.replace("api/v1/", "")] ?? { components: [] } };
  },
  addEventListener: (type, listener) => { listeners[type] = listener; }, scrollTo: () => {}, location,
  setInterval: () => 0, setTimeout: () => 0, Intl, Map, Set, Date, Math, JSON, String, Number, Object, encodeURIComponent,
});
for (const [, script] of html.matchAll(/<script src="([\w.]+)"/g)) vm.runInContext(readFileSync(folder + "/" + script, "utf8"), context);
const settle = () => new Promise((resolve) => setImmediate(resolve));
const go = async (view) => {
  location.hash = view;
  listeners.hashchange();
  await settle();
};
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) source.on.message({ data: line });
for (const label of process.argv.slice(3)) {
  if (label.startsWith("#")) {
    await go(label);
    continue;
  }
  const button = page[label] ?? Object.values(page).map((e) => e.find((one) => one.attributes["aria-label"] === label)).find(Boolean);
  button.listeners.click({ preventDefault: () => {} });
  await settle();
}
const requests = [...asked], twin = page["ask-twin"].textContent;
for (const view of Object.keys(page).filter((id) => id.startsWith("view-"))) await go(view.replace("view-", "#"));
console.log(JSON.stringify({ url: source.url, title: context.document.title, asked: requests, twin, dialog: page.ask.open ?? false,
  text: Object.fromEntries(Object.entries(page).map(([id, element]) => [id, element.textContent])),
  hidden: Object.keys(page).filter((id) => page[id].hidden),
  flow: page.flow.looks(), label: page.flow.firstChild?.attributes["aria-label"],
  classes: Object.fromEntries(["cards", "whys"].map((id) => [id, page[id].children.map((one) => one.className)])) }));
