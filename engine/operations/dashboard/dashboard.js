// The page: shows each event of api/v1/events in the view that is open.
"use strict";

let last = null;  // the last event

function showStatus(status) {
  const state = byId("state");
  setText(state, status.state);
  setClass(state, "pill " + status.state);
  const level = status.log.level === "info" ? "" : ", log level " + status.log.level +
    (status.log.until === null ? "" : " until " + clock(status.log.until));
  setText(byId("facts"), "up " + duration(status.uptime_seconds) + ", version " + status.version + level +
    (status.file === null ? "" : ", " + status.file));
  document.title = (status.ready ? "" : "\u26a0 ") + status.app + " - Volley";
  const verdict = status.reload;
  const when = verdict.ended_at === null ? "" : " at " + clock(verdict.ended_at);
  setText(byId("reload-verdict"),
    verdict.state === "none" ? "" : "Last reload: " + verdict.state + when + (verdict.text ? ": " + verdict.text : ""));
  setClass(byId("reload-verdict"), verdict.state === "refused" ? "bad" : "quiet");
  showReloadVerdict(verdict);
}

const mostWhys = 6;

// A screen reader speaks what is new here, so nothing in it counts the time.
function showWhys(components) {
  const stuck = components.filter((c) => c.why !== null);
  keepChildren(byId("whys"), stuck.slice(0, mostWhys), (c) => c.name,
    () => make("p", "why"),
    (place, c) => {
      setClass(place, "why " + c.cause);
      setText(place, c.name + ": " + c.why);
    });
  byId("all-clear").hidden = stuck.length > 0;
  const rest = byId("more-whys");
  rest.hidden = stuck.length <= mostWhys;
  setText(rest, "And " + (stuck.length - mostWhys) + " more components: volley why");
}

function showBadges(event) {
  for (const [view, amount] of Object.entries(badges)) {
    const n = amount(event);
    setText(byId("badge-" + view), n > 0 ? count(n) : "");
  }
}

function viewOfAddress() {
  const name = location.hash.slice(1);
  return Object.hasOwn(views, name) ? name : "overview";
}

function showView() {
  const name = viewOfAddress();
  for (const one of Object.keys(views)) {
    byId("view-" + one).hidden = one !== name;
    const link = byId("to-" + one);
    if (one === name) setAttribute(link, "aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (last) views[name](last);
  if (name === "in-flight") showMessagesInFlight();
}

function show(event) {
  const components = [...event.components].sort((a, b) => a.name.localeCompare(b.name));
  last = { ...event, components };
  now = event.status.started_at + event.status.uptime_seconds;
  updateCharts(components, now, event.status.reload);
  showStatus(event.status);
  showWhys(components);
  showBadges(last);
  views[viewOfAddress()](last);
}

// ---- the connection

let lastEvent = 0;

function connect() {
  const source = new EventSource("api/v1/events");
  source.addEventListener("message", (message) => {
    lastEvent = Date.now();
    byId("lost").hidden = true;
    setClass(byId("main"), "");
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
  setText(state, "no connection");
  setClass(state, "pill stalled");
  const lost = byId("lost");
  setText(lost, lastEvent === 0 ? "The engine does not answer." : "The engine does not answer. The figures are from " + clock(lastEvent / 1000) + ".");
  lost.hidden = false;
  byId("all-clear").hidden = true;
  setClass(byId("main"), "old");
}, 1000);

setInterval(() => {
  if (viewOfAddress() === "in-flight") showMessagesInFlight();
}, 2000);

byId("skip").addEventListener("click", (click) => {
  click.preventDefault();
  byId("main").focus();
});
addEventListener("hashchange", () => {
  showView();
  scrollTo(0, 0);
});
addEventListener("resize", () => {
  if (last) views[viewOfAddress()](last);
});
showView();
loadHistory();
connect();
