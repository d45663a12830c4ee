// Charts of the last minutes. The engine keeps a point every five seconds; the page goes on from there.
"use strict";

const seriesNames = ["received", "done", "failed", "p50_seconds", "p99_seconds", "restarts"];
const pointDistance = 4.5, longestGap = 20, keptSeconds = 15 * 60;
const past = new Map();  // by component: {at: [...], received: [...], …}
let marks = [];
let chartNow = 0;
let pointedAt = null;  // the time below the mouse

function remember(name, at, values) {
  if (!past.has(name)) past.set(name, Object.fromEntries(["at", ...seriesNames].map((series) => [series, []])));
  const own = past.get(name);
  const n = own.at.length;
  // The newest point moves on until it is far enough from the one before.
  const replaces = n >= 2 && own.at[n - 1] - own.at[n - 2] < pointDistance;
  if (n > 0 && at <= own.at[n - 1]) return;
  const tooOld = own.at.findIndex((time) => time >= at - keptSeconds);
  for (const series of ["at", ...seriesNames]) {
    if (replaces) own[series].pop();
    own[series].push(series === "at" ? at : values[series]);
    if (tooOld > 0) own[series].splice(0, tooOld);
  }
}

function valuesOf(c) {
  return { received: c.per_second.received, done: c.per_second.done, failed: c.per_second.failed,
    p50_seconds: c.handler_seconds.p50, p99_seconds: c.handler_seconds.p99, restarts: c.worker_restarts - c.workers_recycled };
}

async function loadHistory() {
  const { ok, answer } = await ask("history");
  if (!ok || !answer.components) return;
  for (const { name, ...own } of answer.components) {
    const later = past.get(name);
    const last = own.at.length ? own.at[own.at.length - 1] : 0;
    const merged = Object.fromEntries(["at", ...seriesNames].map((series) => [series, own[series].slice()]));
    if (later) later.at.forEach((at, i) => {
      if (at > last) for (const series of ["at", ...seriesNames]) merged[series].push(later[series][i]);
    });
    past.set(name, merged);
  }
  marks = [...answer.marks, ...marks];
  showMarks();
}

// A reload that this page has seen itself.
let lastReload = null;
function noteReload(verdict) {
  if (verdict.state === "running") return;
  if (lastReload !== null && verdict.number !== lastReload && verdict.ended_at !== null)
    marks.push({ at: verdict.ended_at, kind: verdict.state, text: verdict.text });
  lastReload = verdict.number;
}

const isSecond = (mark) => marks.findIndex((one) => one.kind === mark.kind && Math.abs(one.at - mark.at) < 1) !== marks.indexOf(mark);

const together = 60;  // seconds in which the crashes of a component are one mark

// Crashes and restarts of handlers are in the points.
function allMarks(names) {
  const restarts = [];
  for (const name of names) {
    const own = past.get(name);
    if (!own) continue;
    let mark = null;
    for (let i = 1; i < own.at.length; ++i) {
      const more = own.restarts[i] - own.restarts[i - 1];
      if (more <= 0) continue;
      if (mark === null || own.at[i] - mark.at > together) restarts.push((mark = { at: own.at[i], kind: "restart", name, times: 0 }));
      mark.times += more;
      mark.text = name + (mark.times > 1 ? ", " + mark.times + " times" : "");
    }
  }
  return [...marks.filter((mark) => !isSecond(mark)), ...restarts].filter((mark) => mark.at > chartNow - keptSeconds).sort((a, b) => a.at - b.at);
}

const markNames = { start: "The engine started", applied: "Reload applied", refused: "Reload refused", restart: "A handler crashed or was restarted" };

// The points of one component, or of all: rates added up, and the slowest handler.
function pointsOf(names) {
  if (names.length === 1) return past.get(names[0]) || { at: [] };
  const all = new Map();
  for (const name of names) {
    const own = past.get(name);
    if (!own) continue;
    own.at.forEach((at, i) => {
      // Of two points of a component in the same five seconds, the later counts.
      const key = Math.floor(at / 5);
      if (i + 1 < own.at.length && Math.floor(own.at[i + 1] / 5) === key) return;
      const point = all.get(key) || { at, received: 0, done: 0, failed: 0, p50_seconds: null, p99_seconds: null };
      for (const series of ["received", "done", "failed"]) point[series] += own[series][i];
      for (const series of ["p50_seconds", "p99_seconds"])
        if (own[series][i] !== null) point[series] = Math.max(point[series] ?? 0, own[series][i]);
      all.set(key, point);
    });
  }
  const points = [...all.values()].sort((a, b) => a.at - b.at);
  return Object.fromEntries(["at", ...seriesNames].map((series) => [series, points.map((point) => point[series] ?? null)]));
}

const chartHeight = 168, left = 58, right = 10, above = 8, below = 22;

function linearScale(top, height) {
  const raw = Math.max(top, 1) / 3, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw);
  const most = step * Math.ceil(Math.max(top, 1) / step);
  const ticks = [];
  for (let tick = 0; tick <= most + step / 2; tick += step) ticks.push(tick);
  return { ticks, y: (value) => above + height * (1 - value / most) };
}

function logScale(top, height) {
  const low = -3, high = Math.max(-1, Math.ceil(Math.log10(Math.max(top, 1e-3)) - 1e-9));
  const ticks = [];
  for (let power = low; power <= high; ++power) ticks.push(10 ** power);
  return { ticks, y: (value) => above + height * (1 - (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) };
}

function lineThrough(at, values, x, y) {
  let path = "", before = null;
  at.forEach((time, i) => {
    if (values[i] === null || values[i] === undefined) return (before = null);
    path += (before !== null && time - before < longestGap ? "L" : "M") + x(time).toFixed(1) + " " + y(values[i]).toFixed(1);
    before = time;
  });
  return path;
}

function nearest(at, time) {
  let best = -1;
  at.forEach((one, i) => { if (best < 0 || Math.abs(one - time) < Math.abs(at[best] - time)) best = i; });
  return best >= 0 && Math.abs(at[best] - time) < longestGap ? best : -1;
}

// `chart`: id, title, lines ([series, label, class]), scale, format.
function drawChart(chart, points, marksShown, range) {
  const place = byId(chart.id);
  const width = Math.max(260, place.clientWidth || 560), inner = width - left - right, height = chartHeight - above - below;
  const from = chartNow - range;
  const shown = points.at.map((at, i) => i).filter((i) => points.at[i] >= from);
  const at = shown.map((i) => points.at[i]);
  const values = chart.lines.map(([series]) => shown.map((i) => points[series][i]));
  const scale = chart.scale(Math.max(0, ...values.flat().filter((value) => value !== null)), height);
  const x = (time) => left + inner * ((time - from) / range);
  const parts = [];
  for (const tick of scale.ticks)
    parts.push(draw("line", { class: "grid", x1: left, x2: width - right, y1: scale.y(tick), y2: scale.y(tick) }),
      draw("text", { class: "axis", x: left - 6, y: scale.y(tick) + 4, "text-anchor": "end" }, chart.tick(tick)));
  for (const share of [0, 0.5, 1])
    parts.push(draw("text", { class: "axis", x: left + inner * share, y: chartHeight - 6, "text-anchor": share === 1 ? "end" : share ? "middle" : "start" },
      share === 1 ? "now" : "\u2212" + (range * (1 - share)) / 60 + " min"));
  for (const mark of marksShown)
    if (mark.at >= from) parts.push(draw("line", { class: "mark " + mark.kind, x1: x(mark.at), x2: x(mark.at), y1: above, y2: above + height }));
  chart.lines.forEach(([, , look], i) => parts.push(draw("path", { class: "line " + look, d: lineThrough(at, values[i], x, scale.y) })));
  const i = pointedAt === null ? at.length - 1 : nearest(at, pointedAt);
  if (pointedAt !== null && i >= 0) parts.push(draw("line", { class: "pointer", x1: x(at[i]), x2: x(at[i]), y1: above, y2: above + height }));
  const read = (n) => chart.lines.map(([, label], line) => label + " " + (n < 0 ? "-" : chart.format(values[line][n]))).join(", ");
  const image = draw("svg", { class: "chart", width, height: chartHeight, viewBox: `0 0 ${width} ${chartHeight}`, role: "img",
    "aria-label": chart.title + " over the last " + range / 60 + " minutes. Now: " + read(at.length - 1) + "." }, ...parts);
  place.replaceChildren(image);
  keepChildren(byId(chart.id + "-legend"), chart.lines.map(([, label, look], line) => [label, look, i < 0 ? "-" : chart.format(values[line][i])]),
    ([label]) => label, ([label, look]) => make("span", "key " + look, label + " ", make("b")),
    (key, [, , text]) => setText(key.children[0], text));
  return { from, inner };
}

const charts = [
  { id: "throughput", title: "Messages per second", scale: linearScale, format: (n) => (n === null ? "-" : rate(n)), tick: rate,
    lines: [["received", "received", "first"], ["done", "done", "second"], ["failed", "failed attempts", "third"]] },
  { id: "latency", title: "Duration of handler calls", scale: logScale, format: latency,
    tick: (seconds) => (seconds < 1 ? seconds * 1000 + " ms" : seconds + " s"),
    lines: [["p50_seconds", "p50", "first"], ["p99_seconds", "p99", "third"]] },
];

let allNames = [];
function showCharts() {
  const range = Number(byId("range").value) || 900;
  const chosen = byId("chart-component").value;
  const names = chosen && allNames.includes(chosen) ? [chosen] : allNames;
  const points = pointsOf(names), marksShown = allMarks(names);
  for (const chart of charts) chart.axis = drawChart(chart, points, marksShown, range);
  setText(byId("pointed"), pointedAt === null ? "" : "at " + clock(pointedAt));
}

function showMarks() {
  keepChildren(byId("marks"), allMarks(allNames).slice(-6).reverse(), (mark) => mark.kind + mark.at + (mark.name || ""),
    (mark) => make("li", "", make("span", "mark-key " + mark.kind), clock(mark.at) + " ", make("span")),
    (item, mark) => setText(item.children[1], markNames[mark.kind] + (mark.text ? ": " + cut(mark.text, 160) : "")));
  byId("no-marks").hidden = byId("marks").children.length > 0;
}

function updateCharts(components, now, verdict) {
  chartNow = now;
  noteReload(verdict);
  for (const c of components) remember(c.name, now, valuesOf(c));
  const names = components.map((c) => c.name);
  for (const name of past.keys()) if (!names.includes(name)) past.delete(name);
  if (names.join("\n") !== allNames.join("\n")) {
    const select = byId("chart-component"), before = select.value;
    allNames = names;
    select.replaceChildren(...[["", "all components"], ...names.map((name) => [name, name])].map(([value, text]) => {
      const option = make("option", "", text);
      option.value = value;
      return option;
    }));
    select.value = names.includes(before) ? before : "";
    byId("chart-choice").hidden = names.length < 2;
  }
  showMarks();
}

for (const id of ["range", "chart-component"]) byId(id).addEventListener("change", showCharts);
for (const chart of charts) {
  const place = byId(chart.id);
  place.addEventListener("pointermove", (move) => {
    if (!chart.axis) return;
    const share = (move.clientX - place.getBoundingClientRect().left - left) / chart.axis.inner;
    pointedAt = share < 0 || share > 1 ? null : chart.axis.from + share * (chartNow - chart.axis.from);
    showCharts();
  });
  place.addEventListener("pointerleave", () => {
    pointedAt = null;
    showCharts();
  });
}
