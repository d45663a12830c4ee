// The dashboard: shows each event of api/v1/events. What comes from outside is only ever set as text.
"use strict";

const byId = (id) => document.getElementById(id);

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// Changes nothing that is already right, so that screen readers and selections are left alone.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function setClass(element, className) {
  if (element.className !== className) element.className = className;
}

// Keeps one child per item, by key, in the order of the items.
function keepChildren(parent, items, keyOf, create, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item, index) => {
    const key = String(keyOf(item, index));
    let child = known.get(key);
    known.delete(key);
    if (!child) {
      child = create(item);
      child.dataset.key = key;
    }
    update(child, item);
    return child;
  });
  for (const child of known.values()) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] || null);
  });
}

// ---- figures

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const count = (n) => (n === null ? "-" : whole.format(n));
const rate = (n) => (n > 0 && n < 10 ? n.toFixed(1) : whole.format(n)) + "/s";

function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor((s % 86400) / 3600) + " h";
}
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString();
const bytes = (n) => (n < 1024 ? n + " B" : n < 1048576 ? Math.round(n / 1024) + " KiB" : (n / 1048576).toFixed(1) + " MiB");

// ---- requests

const shellWord = (text) => (/^[\w.\/-]+$/.test(text) ? text : "'" + text.replaceAll("'", "'\\''") + "'");

function notice(text) {
  const place = byId("notice");
  setText(place, text);
  place.hidden = text === "";
}

async function request(path, done) {
  try {
    const response = await fetch("api/v1/" + path, { method: "POST" });
    const answer = await response.json();
    notice(response.ok ? done : answer.error || "status " + response.status);
  } catch (error) {
    notice("The engine does not answer: " + error.message);
  }
}

async function showConfiguration() {
  try {
    const response = await fetch("api/v1/configuration");
    const answer = await response.json();
    if (!response.ok) return notice(answer.error);
    byId("values").replaceChildren(
      ...answer.values.map((one) =>
        make("tr", "", make("td", "", one.path), make("td", "", one.value), make("td", "", one.origin))));
  } catch (error) {
    notice("The engine does not answer: " + error.message);
  }
}

// ---- the parts of the page

function stalls(component) {
  return !component.ready && component.cause !== "starting";
}

function showStatus(status) {
  const state = byId("state");
  setText(state, status.state);
  setClass(state, "state " + status.state);
  const level = status.log.level === "info" ? "" : ", log level " + status.log.level +
    (status.log.until === null ? "" : " until " + clock(status.log.until));
  setText(byId("facts"), "up " + duration(status.uptime_seconds) + ", version " + status.version + level +
    (status.file === null ? "" : ", " + status.file));
  document.title = (status.ready ? "" : "\u26a0 ") + status.app + " - Volley";
  const verdict = status.reload;
  const when = verdict.ended_at === null ? "" : " at " + clock(verdict.ended_at);
  setText(byId("reload-verdict"),
    verdict.state === "none" ? "" : "Last reload: " + verdict.state + when + (verdict.text ? ": " + verdict.text : ""));
}

function showWhys(components) {
  keepChildren(byId("whys"), components.filter((c) => c.why !== null), (c) => c.name,
    () => make("p", "why"),
    (place, c) => {
      setClass(place, "why " + c.cause);
      setText(place, c.name + ": " + c.why);
    });
}

function showFlow(components, queues) {
  const waiting = new Map(queues.map((queue) => [queue.component, queue]));
  keepChildren(byId("flow"), components, (c) => c.name,
    () => {
      const row = make("div", "row", make("span", "box input", make("span"), " ", make("small")),
        make("span", "edge in"), make("span", "box component"), make("div", "outputs"));
      return row;
    },
    (row, c) => {
      setClass(row, stalls(c) ? "row stalled" : "row");
      const [input, edge, box, outputs] = row.children;
      setText(input.children[0], c.input);
      const queue = waiting.get(c.name);
      const waits = queue && queue.ready !== null ? count(queue.ready) + " waiting" : "";
      setText(input.children[1], [c.connector, waits].filter(Boolean).join(", "));
      setText(edge, "\u2192 " + rate(c.per_second.received) + " \u2192");
      setText(box, c.name + (c.paused ? " (paused)" : ""));
      keepChildren(outputs, c.outputs, (o) => o.queue + "/" + o.is_dead_letter_queue,
        () => make("span", "", make("span", "edge"), " ", make("span", "box")),
        (line, o) => {
          setText(line.children[0], "\u2192 " + rate(o.sent_per_second) + " \u2192");
          setText(line.children[1], o.queue + " (" + o.connector + (o.is_dead_letter_queue ? ", dead letters" : "") + ")");
          setClass(line.children[1], o.up ? "box" : "box down");
        });
    });
}

const history = new Map();
const seconds = 120;

function drawSpark(line, name, value) {
  const values = history.get(name) || [];
  values.push(value);
  if (values.length > seconds) values.shift();
  history.set(name, values);
  const top = Math.max(1, ...values);
  line.setAttribute("points",
    values.map((v, i) => (i + seconds - values.length) + "," + (30 - (28 * v) / top).toFixed(1)).join(" "));
}

const figures = [
  ["Received", (c) => rate(c.per_second.received)],
  ["Done", (c) => rate(c.per_second.done)],
  ["Failed", (c) => rate(c.per_second.failed)],
  ["In flight", (c) => count(c.in_flight) + ", " + bytes(c.in_flight_bytes)],
  ["Workers busy", (c) => c.workers_busy + " of " + c.workers + (c.concurrency > 1 ? " × " + c.concurrency : "")],
  ["Restarts", (c) => count(c.worker_restarts)],
  ["Done, all", (c) => count(c.counters.done)],
  ["Dead letters", (c) => count(c.counters.dead)],
  ["Retries", (c) => count(c.counters.retries)],
];

function makeCard(c) {
  const spark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  spark.setAttribute("class", "spark");
  spark.setAttribute("viewBox", "0 0 " + (seconds - 1) + " 32");
  spark.setAttribute("preserveAspectRatio", "none");
  spark.setAttribute("role", "img");
  spark.setAttribute("aria-label", "Messages received per second, the last two minutes");
  spark.append(document.createElementNS("http://www.w3.org/2000/svg", "polyline"));
  const list = make("dl", "", ...figures.map(([name]) => make("div", "", make("dt", "", name), make("dd"))));
  const button = make("button");
  button.type = "button";
  const name = c.name;
  const card = make("article", "card", make("header", "", make("h3", "", name), make("span")), list, spark,
    make("div", "errors"), make("p", "actions", make("span", "", button, " ", make("code"))));
  button.addEventListener("click", () => {
    const verb = button.dataset.verb;
    request("components/" + encodeURIComponent(name) + "/" + verb,
      verb === "pause" ? name + " is paused: what is in flight goes on." : name + " goes on.");
  });
  return card;
}

function updateCard(card, c) {
  setClass(card, stalls(c) ? "card stalled" : "card");
  const [head, list, spark, errors, actions] = card.children;
  setText(head.children[1], c.ready ? "ready" : c.cause);
  setClass(head.children[1], c.ready ? "good" : c.cause === "paused" || c.cause === "starting" ? "warn" : "bad");
  figures.forEach(([, value], i) => setText(list.children[i].children[1], value(c)));
  drawSpark(spark.firstChild, c.name, c.per_second.received);
  keepChildren(errors, c.outputs.filter((o) => !o.up || o.failed > 0), (o) => o.queue + "/" + o.is_dead_letter_queue,
    () => make("p"),
    (place, o) => {
      setClass(place, o.up ? "" : "bad");
      setText(place, "output " + o.queue + ": " + count(o.failed) + " failed" + (o.last_error ? ", last: " + o.last_error : ""));
    });
  const verb = c.paused ? "resume" : "pause";
  const [button, code] = actions.firstChild.children;
  button.dataset.verb = verb;
  setText(button, verb === "pause" ? "Pause" : "Resume");
  button.setAttribute("aria-label", button.textContent + " " + c.name);
  setText(code, "volley " + verb + " " + shellWord(c.name));
}

function showRetrying(components) {
  const rows = components.flatMap((c) => c.retrying.map((one) => [c.name, one]));
  byId("no-retrying").hidden = rows.length > 0;
  keepChildren(byId("retrying"), rows, (_, index) => index,
    () => make("tr", "", ...[0, 1, 2, 3, 4, 5].map(() => make("td"))),
    (row, [name, one]) => {
      const where = one.partition === null ? one.message : one.message + " of partition " + one.partition;
      const waits = one.waits_for.replaceAll("_", "-");
      [name, where, waits, String(one.attempts), clock(one.next_try_at), one.error].forEach((text, i) =>
        setText(row.children[i], text));
    });
}

function showLog(lines) {
  const last = lines.slice(-20).reverse();
  byId("no-log").hidden = last.length > 0;
  keepChildren(byId("log"), last, (_, index) => index,
    () => make("tr", "", make("td", "narrow"), make("td"), make("td")),
    (row, line) => {
      setText(row.children[0], new Date(line.at * 1000).toLocaleString());
      setText(row.children[1], line.level);
      setClass(row.children[1], "narrow " + (line.level === "error" ? "bad" : "warn"));
      setText(row.children[2], line.text);
    });
}

function show(event) {
  const components = [...event.components].sort((a, b) => a.name.localeCompare(b.name));
  showStatus(event.status);
  showWhys(components);
  showFlow(components, event.queues);
  keepChildren(byId("cards"), components, (c) => c.name, makeCard, updateCard);
  showRetrying(components);
  showLog(event.lines);
}

// ---- the connection

let lastEvent = 0;

function connect() {
  const source = new EventSource("api/v1/events");
  source.addEventListener("message", (message) => {
    lastEvent = Date.now();
    show(JSON.parse(message.data));
  });
  // The browser tries again by itself, except after an answer that is no stream.
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(connect, 3000);
  });
}

// Figures that are old must not look as if they were new.
setInterval(() => {
  const old = (Date.now() - lastEvent) / 1000;
  if (old < 5) return;
  const state = byId("state");
  setText(state, lastEvent === 0 ? "no connection" : "no connection for " + duration(old));
  setClass(state, "state stalled");
}, 1000);

byId("reload").addEventListener("click", () => request("reload", "The configuration is read again; the verdict appears below."));
byId("debug").addEventListener("click", () => request("log?level=debug&for=10m", "The log level is debug for 10 min."));
byId("drain").addEventListener("click", () => {
  if (confirm("Drain and end the engine? It finishes what is in flight, and its process ends."))
    request("drain", "The engine drains, and ends once what is in flight is finished.");
});
byId("configuration").addEventListener("toggle", (event) => {
  if (event.target.open) showConfiguration();
});
connect();
