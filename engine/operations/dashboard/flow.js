// The graph of the flow: queues, components, queues, with rates on the edges.
"use strict";

const nodeHeight = 46, rowHeight = 62, leastNode = 120, mostNode = 230, leastGap = 92;

const isPausedOrStarting = (c) => c.cause === "paused" || c.cause === "starting" || c.cause === "draining";
const stalls = (c) => !c.ready && !isPausedOrStarting(c);
// Of the three states of a component or an edge.
const condition = (c) => (stalls(c) ? "stalled" : c.ready ? "" : "held");

function flowGraph(components, queues) {
  const nodes = new Map(), edges = [];
  const waiting = new Map(queues.map((queue) => [queue.component, queue]));
  const node = (id, name, detail, look) => {
    if (!nodes.has(id)) nodes.set(id, { id, name, details: [], look: "", below: [] });
    const known = nodes.get(id);
    if (detail && !known.details.includes(detail)) known.details.push(detail);
    known.look = known.look === "stalled" ? known.look : look || known.look;
    return known;
  };
  for (const c of components) {
    const queue = waiting.get(c.name);
    const waits = queue && queue.ready !== null ? count(queue.ready) + " waiting" : "";
    const input = node("q" + c.input, c.input, c.connector, c.cause === "input" ? "stalled" : "");
    if (waits && !input.details.includes(waits)) input.details.push(waits);
    const own = node("c" + c.name, c.name, c.workers_busy + " of " + c.workers + " busy", condition(c));
    own.isComponent = true;
    if (c.paused) own.details.unshift("paused");
    edges.push({ from: input, to: own, rate: c.per_second.received, look: condition(c) });
    for (const o of [...c.outputs].sort((a, b) => a.is_dead_letter_queue - b.is_dead_letter_queue)) {
      const output = node("q" + o.queue, o.queue, o.connector, o.up ? "" : "stalled");
      if (o.is_dead_letter_queue) node("q" + o.queue, o.queue, "dead letters", o.sent_per_second > 0 ? "held" : "");
      edges.push({ from: own, to: output, rate: o.sent_per_second, look: o.up ? "" : "stalled", isDead: o.is_dead_letter_queue });
    }
  }
  for (const edge of edges) edge.from.below.push(edge.to);
  return { nodes: [...nodes.values()], edges };
}

// Sets layer (the longest way from an input) and row of each node. A way back into the graph does not count.
function arrange({ nodes, edges }) {
  const most = nodes.length;
  const descend = (node, layer, path) => {
    if (path.has(node) || (node.layer ?? -1) >= layer || layer > most) return;
    node.layer = layer;
    path.add(node);
    for (const next of node.below) descend(next, layer + 1, path);
    path.delete(node);
  };
  const targets = new Set(edges.map((edge) => edge.to));
  for (const node of nodes) if (!targets.has(node)) descend(node, 0, new Set());
  for (const node of nodes) if (node.layer === undefined) descend(node, 0, new Set());
  let rows = 0, order = 0;
  const place = (node) => {
    node.row = -1;
    node.order = order++;
    const next = node.below.filter((child) => child.row === undefined && child.layer === node.layer + 1);
    let first = -1;
    for (const child of next) {
      if (child.row === undefined) place(child);
      if (first < 0) first = child.row;
    }
    node.row = first < 0 ? rows++ : first;
  };
  for (const node of [...nodes].sort((a, b) => a.layer - b.layer)) if (node.row === undefined) place(node);
  return { rows, layers: Math.max(0, ...nodes.map((node) => node.layer)) + 1 };
}

function setPlaces(nodes, { rows, layers }, width) {
  const isNarrow = width < layers * leastNode + (layers - 1) * leastGap;
  if (isNarrow) {
    const indent = Math.min(26, Math.floor((width * 0.3) / layers));
    for (const node of nodes)
      Object.assign(node, { x: 1 + node.layer * indent, y: 1 + node.order * (nodeHeight + 12), width: width - 2 - node.layer * indent });
    return { isNarrow, gap: 0, height: nodes.length * (nodeHeight + 12) };
  }
  const own = Math.min(mostNode, (width - 2 - (layers - 1) * leastGap) / layers);
  const gap = layers > 1 ? Math.min(220, (width - 2 - layers * own) / (layers - 1)) : 0;
  for (const node of nodes) Object.assign(node, { x: 1 + node.layer * (own + gap), y: 1 + node.row * rowHeight, width: own });
  return { isNarrow, gap, height: rows * rowHeight - (rowHeight - nodeHeight) + 2 };
}

// Edges that end at the same node end beside each other. Where there is no room for it, the first has the rate of all.
function spread(edges, isNarrow) {
  for (const edge of edges) {
    const beside = edges.filter((other) => other.to === edge.to);
    const step = beside.length > 1 ? Math.min(16, (nodeHeight - 8) / (beside.length - 1)) : 0;
    edge.total = beside[0] === edge ? sum(beside, (other) => other.rate) : null;
    edge.shift = isNarrow ? 0 : (beside.indexOf(edge) - (beside.length - 1) / 2) * step;
  }
}

function drawEdge(edge, { isNarrow, gap }) {
  const { from, to } = edge;
  const y2 = to.y + nodeHeight / 2 + edge.shift;
  const strength = (1.5 + Math.log10(1 + edge.rate) * 0.8).toFixed(1);
  const look = "edge " + edge.look + (edge.rate > 0 ? "" : " idle");
  if (isNarrow) {
    const x = Math.min(from.x, to.x) + 9;
    const line = draw("path", { class: look, "stroke-width": strength, d: `M${x} ${from.y + (to.y > from.y ? nodeHeight : 0)}V${y2}H${to.x}` });
    if (edge.total === null) return [line];
    const label = draw("text", { class: "rate " + edge.look, x: to.x + to.width - 8, y: to.y + 19, "text-anchor": "end" }, rate(edge.total));
    return [line, label];
  }
  // A long edge reaches its row before the next layer, so that it does not run behind the nodes of the layers between.
  const x1 = from.x + from.width, y1 = from.y + nodeHeight / 2;
  const x2 = to.layer > from.layer + 1 ? x1 + gap : to.x - 7, bend = Math.max(30, (x2 - x1) / 2);
  const line = draw("path", { class: look, "stroke-width": strength, d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}H${to.x - 7}` });
  const tip = draw("path", { class: "tip " + edge.look, d: `M${to.x - 8} ${y2 - 4}L${to.x} ${y2}L${to.x - 8} ${y2 + 4}Z` });
  const label = draw("text", { class: "rate " + edge.look, x: to.x - 12, y: y2 - 5, "text-anchor": "end" }, rate(edge.rate));
  return [line, tip, label];
}

function drawNode(node, isNarrow) {
  const letters = Math.floor((node.width - (isNarrow ? 90 : 20)) / 8);
  const details = node.details.join(", ");
  return draw("g", { class: "node " + (node.isComponent ? "component " : "queue ") + node.look },
    draw("title", {}, node.name + " (" + details + ")"),
    draw("rect", { x: node.x, y: node.y, width: node.width, height: nodeHeight, rx: node.isComponent ? 6 : 22 }),
    draw("text", { class: "name", x: node.x + (node.isComponent ? 12 : 18), y: node.y + 19 }, cut(node.name, letters)),
    draw("text", { class: "detail", x: node.x + (node.isComponent ? 12 : 18), y: node.y + 36 },
      cut(details, Math.floor((node.width - 24) / 6.2))));
}

// The same in words, for those who do not see it.
function flowInWords({ edges }) {
  return "Flow of messages. " + edges.map((edge) =>
    edge.from.name + " to " + edge.to.name + ": " + rate(edge.rate) + (edge.look === "stalled" ? ", stalls" : edge.look === "held" ? ", held" : ""))
    .join("; ") + ".";
}

function showFlow(components, queues) {
  const place = byId("flow");
  const width = Math.max(280, place.clientWidth || 900);
  const graph = flowGraph(components, queues);
  const places = setPlaces(graph.nodes, arrange(graph), width);
  const { isNarrow, height } = places;
  spread(graph.edges, isNarrow);
  const image = draw("svg", { class: "flow", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": flowInWords(graph) },
    ...graph.nodes.map((node) => drawNode(node, isNarrow)), ...graph.edges.flatMap((edge) => drawEdge(edge, places)));
  place.replaceChildren(image);
}
