// The views: what each makes of the last event.
"use strict";

const oldest = (queue) => (queue.oldest_seconds === null ? "-" : duration(queue.oldest_seconds));
const allOutputs = (components) => components.flatMap((c) => c.outputs.map((o) => ({ name: c.name, o })));
const allRetrying = (components) => components.flatMap((c) => c.retrying.map((one) => ({ name: c.name, one })));
const failuresOf = (c) => Object.entries(c.failures).filter(([, n]) => n > 0).map(([reason, n]) => reason + " " + count(n)).join(", ");

// ---- overview

const tiles = [
  ["Received", (cs) => rate(sum(cs, (c) => c.per_second.received))],
  ["Done", (cs) => rate(sum(cs, (c) => c.per_second.done))],
  ["Failed attempts", (cs) => rate(sum(cs, (c) => c.per_second.failed)), (cs) => sum(cs, (c) => c.per_second.failed) > 0],
  ["In flight", (cs) => count(sum(cs, (c) => c.in_flight))],
  ["Waiting", (cs, queues) => {
    const known = queues.filter((queue) => queue.ready !== null);
    return known.length ? count(sum(known, (queue) => queue.ready)) : "-";
  }],
  ["Oldest", (cs, queues) => {
    const known = queues.filter((queue) => queue.oldest_seconds !== null);
    return known.length ? duration(Math.max(...known.map((queue) => queue.oldest_seconds))) : "-";
  }],
  ["Dead letters", (cs) => count(sum(cs, (c) => c.counters.dead)), (cs) => sum(cs, (c) => c.per_second.dead) > 0],
];

function showTiles(components, queues) {
  keepChildren(byId("tiles"), tiles, ([name]) => name, ([name]) => make("div", "", make("dt", "", name), make("dd")),
    (tile, [, text, isBad]) => {
      setText(tile.children[1], text(components, queues));
      setClass(tile.children[1], isBad && isBad(components) ? "bad" : "");
    });
}

const figures = [
  ["Received", (c) => rate(c.per_second.received)],
  ["Done", (c) => rate(c.per_second.done)],
  ["Failed", (c) => rate(c.per_second.failed)],
  ["Handler p50", (c) => latency(c.handler_seconds.p50)],
  ["Handler p99", (c) => latency(c.handler_seconds.p99)],
  ["In flight", (c) => count(c.in_flight) + ", " + bytes(c.in_flight_bytes)],
  ["Done, all", (c) => count(c.counters.done)],
  ["Retries", (c) => count(c.counters.retries)],
  ["Dead letters", (c) => count(c.counters.dead)],
];

function makeCard(c) {
  const name = c.name;
  const button = makeButton("");
  button.addEventListener("click", () => askPause(name, button.dataset.verb === "resume", button));
  const list = make("dl", "", ...figures.map(([label]) => make("div", "", make("dt", "", label), make("dd"))));
  return make("article", "card", make("header", "", make("h3", "", name), make("span")), list, make("div", "errors"),
    make("p", "actions", make("span", "", button, " ", make("code"))));
}

function updateCard(card, c) {
  setClass(card, stalls(c) ? "card stalled" : "card");
  const [head, list, errors, actions] = card.children;
  setText(head.children[1], c.ready ? "ready" : c.cause);
  setClass(head.children[1], "pill " + (c.ready ? "good" : isPausedOrStarting(c) ? "warn" : "bad"));
  figures.forEach(([, value], i) => setText(list.children[i].children[1], value(c)));
  keepChildren(errors, c.outputs.filter((o) => !o.up || o.failed > 0), (o) => o.queue + "/" + o.is_dead_letter_queue,
    () => make("p"),
    (place, o) => {
      setClass(place, o.up ? "quiet" : "bad");
      setText(place, "Output " + o.queue + (o.up ? ": " : " is down: ") + count(o.failed) + " failed" +
        (o.last_error ? ", last: " + o.last_error : ""));
    });
  const verb = c.paused ? "resume" : "pause";
  const [button, code] = actions.firstChild.children;
  button.dataset.verb = verb;
  setText(button, verb === "pause" ? "Pause" : "Resume");
  setAttribute(button, "aria-label", button.textContent + " " + c.name);
  setText(code, "volley " + verb + " " + shellWord(c.name));
}

// ---- queues, retries, workers, dead letters

const readColumns = [
  ["Queue", (queue) => queue.name, "name"],
  ["Connector", (queue) => queue.connector],
  ["Read by", (queue) => queue.component],
  ["Waiting", (queue) => count(queue.ready), "number"],
  ["In flight", (queue) => count(queue.in_flight), "number"],
  ["Delayed", (queue) => count(queue.delayed), "number"],
  ["Oldest", oldest, "number"],
  ["Asked at", (queue) => (queue.asked_at === null ? "not yet" : clock(queue.asked_at)), "narrow"],
];

const writtenColumns = [
  ["Queue", ({ o }) => o.queue, "name"],
  ["Connector", ({ o }) => o.connector],
  ["Written by", ({ name }) => name],
  ["State", ({ o }) => (o.up ? "up" : "down"), ({ o }) => (o.up ? "good" : "bad")],
  ["Sent", ({ o }) => count(o.sent), "number"],
  ["Rate", ({ o }) => rate(o.sent_per_second), "number"],
  ["Failed", ({ o }) => count(o.failed), "number"],
  ["Last error", ({ o }) => o.last_error || "-", "long"],
];

let now = 0;  // the engine's clock

const retryColumns = [
  ["Component", ({ name }) => name, "name"],
  ["Message", ({ one }) => (one.partition === null ? one.message : one.message + " of partition " + one.partition)],
  ["Waits for", ({ one }) => one.waits_for.replaceAll("_", "-")],
  ["Attempts", ({ one }) => count(one.attempts), "number"],
  ["Next try", ({ one }) => (one.next_try_at <= now ? "now" : "in " + duration(one.next_try_at - now) + ", " + clock(one.next_try_at)), "narrow"],
  ["Error", ({ one }) => one.error, "long"],
];

const workerColumns = [
  ["Component", (c) => c.name, "name"],
  ["Busy", (c) => c.workers_busy + " of " + c.workers, "number"],
  ["Messages each", (c) => count(c.concurrency), "number"],
  ["Restarts", (c) => count(c.worker_restarts), (c) => (c.worker_restarts > c.workers_recycled ? "number bad" : "number")],
  ["p50", (c) => latency(c.handler_seconds.p50), "number"],
  ["p99", (c) => latency(c.handler_seconds.p99), "number"],
  ["Last success", (c) => (c.last_success_at === null ? "never" : clock(c.last_success_at)), "narrow"],
  ["Failed attempts by reason", (c) => failuresOf(c) || "-", "long"],
];

const deadColumns = [
  ["Queue", ({ o }) => o.queue, "name"],
  ["Connector", ({ o }) => o.connector],
  ["Written by", ({ name }) => name],
  ["State", ({ o }) => (o.up ? "up" : "down"), ({ o }) => (o.up ? "good" : "bad")],
  ["Since the start", ({ o }) => count(o.sent), "number"],
  ["Rate", ({ o }) => rate(o.sent_per_second), "number"],
  ["Last error", ({ o }) => o.last_error || "-", "long"],
];

function showDeadLetters(components) {
  const dead = allOutputs(components).filter(({ o }) => o.is_dead_letter_queue);
  keepTable(byId("dead"), "Dead-letter queues", deadColumns, dead, ({ name, o }) => name + "/" + o.queue,
    "No component has a dead-letter queue.");
  const queues = [...new Set(dead.map(({ o }) => o.queue))];
  byId("dead-twins").hidden = queues.length === 0;
  keepLetters(queues, sum(components, (c) => c.counters.dead));
  const commands = queues.flatMap((queue) => [
    ["List them", "volley dlq list --queue " + shellWord(queue)],
    ["Show one", "volley dlq show ID --queue " + shellWord(queue)],
    ["Send one back to its queue", "volley dlq retry ID --queue " + shellWord(queue)],
    ["Send all back", "volley dlq retry --all --queue " + shellWord(queue)],
    ["Delete one", "volley dlq delete ID --queue " + shellWord(queue)],
  ]);
  keepChildren(byId("dead-commands"), commands, ([, command]) => command,
    ([text, command]) => {
      const code = make("code", "", command), button = makeButton("small", "Copy");
      button.setAttribute("aria-label", "Copy: " + command);
      copyFrom(button, code);
      return make("li", "", make("span", "what", text), code, " ", button);
    }, () => {});
}

// ---- messages in flight: asked for while the view is open

const inFlightColumns = [
  ["Component", ({ name }) => name, "name"],
  ["Message", ({ m }) => (m.partition === null ? m.message : m.message + " of partition " + m.partition)],
  ["State", ({ m }) => m.state.replaceAll("_", " ")],
  ["Attempt", ({ m }) => count(m.attempt), "number"],
  ["Worker", ({ m }) => (m.worker === null ? "-" : String(m.worker)), "number"],
  ["Age", ({ m }) => duration(m.age_seconds), "number"],
  ["Lease left", ({ m }) => (m.lease_left_seconds === null ? "-" : duration(m.lease_left_seconds)),
    ({ m }) => (m.lease_left_seconds !== null && m.lease_left_seconds < 5 ? "number bad" : "number")],
];

const inFlightCounts = [
  ["Component", (c) => c.name, "name"],
  ["In flight", (c) => count(c.in_flight), "number"],
  ["Bytes", (c) => bytes(c.in_flight_bytes), "number"],
  ["Workers busy", (c) => c.workers_busy + " of " + c.workers, "number"],
  ["Wait for another try", (c) => (c.retrying.length < 10 ? count(c.retrying.length) : "10 or more"), "number"],
  ["Input", (c) => (c.paused ? "paused" : c.held_back ? "held back" : "fetches"), (c) => (c.held_back ? "warn" : "")],
];

async function showMessagesInFlight() {
  const { ok, status, answer } = await ask("in_flight");
  const place = byId("in-flight-messages");
  // An engine that does not list them yet still counts them.
  byId("in-flight-list").hidden = status === 404;
  if (!ok) return;
  const rows = answer.components.flatMap((list) => list.messages.map((m) => ({ name: list.name, m })));
  keepTable(place, "Messages in flight", inFlightColumns, rows, (_, index) => index, "No message is in flight.");
}

// ---- configuration

let configurationOf = null;  // the number of the reload after which it was read
let values = [];

const valueColumns = [
  ["Path", (one) => one.path, "name"],
  ["Value", (one) => one.value, "long"],
  ["Origin", (one) => one.origin],
];

function showValues() {
  const wanted = byId("filter").value.toLowerCase();
  const hidesDefaults = byId("hide-defaults").checked;
  const shown = values.filter((one) => !(hidesDefaults && one.origin === "default") && [one.path, one.value, one.origin].some((text) => text.toLowerCase().includes(wanted)));
  keepTable(byId("values"), "Values in force", valueColumns, shown, (one, index) => index + one.path, "No value matches.");
}
byId("filter").addEventListener("input", showValues);
byId("hide-defaults").addEventListener("change", showValues);

async function showConfiguration(number) {
  if (configurationOf === number) return;
  configurationOf = number;
  const { ok, answer } = await ask("configuration");
  if (ok) values = answer.values;
  else configurationOf = null;
  setText(byId("configuration-error"), ok ? "" : answer.error);
  showValues();
}

// ---- log

const logColumns = [
  ["Time", (line) => dateAndTime(line.at), "narrow"],
  ["Level", (line) => line.level, (line) => "narrow " + (line.level === "error" ? "bad" : "warn")],
  ["Line", (line) => line.text, "long"],
];

const views = {
  overview: ({ components, queues }) => {
    showTiles(components, queues);
    showFlow(components, queues);
    showCharts();
    keepChildren(byId("cards"), components, (c) => c.name, makeCard, updateCard);
  },
  queues: ({ components, queues }) => {
    keepTable(byId("read"), "Queues that are read", readColumns, queues, (queue) => queue.component, "No queue is read.");
    keepTable(byId("written"), "Queues that are written", writtenColumns, allOutputs(components),
      ({ name, o }) => name + "/" + o.queue + "/" + o.is_dead_letter_queue, "No queue is written.");
  },
  "in-flight": ({ components }) =>
    keepTable(byId("in-flight-counts"), "Messages in flight by component", inFlightCounts, components, (c) => c.name, "There are no components."),
  retries: ({ components }) =>
    keepTable(byId("retrying"), "Messages that wait for another try", retryColumns, allRetrying(components), (_, index) => index,
      "No message waits for another try."),
  dead: ({ components }) => showDeadLetters(components),
  workers: ({ components }) => keepTable(byId("workers"), "Workers", workerColumns, components, (c) => c.name, "There are no components."),
  configuration: ({ status }) => showConfiguration(status.reload.number),
  log: ({ lines }) =>
    keepTable(byId("log"), "Warnings and errors", logColumns, [...lines].reverse(), (line, index) => index,
      "There are none."),
};

// What the links to the views count.
const badges = {
  "in-flight": ({ components }) => sum(components, (c) => c.in_flight),
  retries: ({ components }) => allRetrying(components).length,
  dead: ({ components }) => sum(components, (c) => c.counters.dead),
  log: ({ lines }) => lines.filter((line) => line.level === "error").length,
};
