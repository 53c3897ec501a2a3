// Draws the state machine. dagre lays it out; a Map or Parallel is laid out inside first and then
// takes its place as one node, since no transition of the language crosses its border.

import { Graph, layout } from "./vendor/dagre.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 44;
const HEAD = 38; // the title of a Map or Parallel, above what is inside
const PAD = 14;
const ICONS = {
  succeeded: "M-3.6 .2l2.4 2.5L3.800 -2.800",
  failed: "M-2.900 -2.900l5.800 5.800M2.900 -2.900l-5.800 5.800",
  stopped: "M-2.500 -2.500h5v5h-5z",
  running: "M-3.400 0a3.400 3.400 0 1 1 3.400 3.400",
  retrying: "M-3.400 0a3.400 3.400 0 1 1 1 2.400M-3.800 3.400v-2h2",
  answered: "M-3 -1.300h6M-3 1.300h6",
  waiting: "",
};

const place = document.getElementById("graph");
const pen = document.createElement("canvas").getContext("2d");

function make(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function textWidth(text) {
  pen.font = "560 13px Inter, system-ui, sans-serif";
  return pen.measureText(text).width;
}

// Returns what is inside of a scope, with places relative to its own corner.
function arrange(scope) {
  const graph = new Graph({ multigraph: true });
  // Aligned to one side, the ordinary way is a straight line; dagre's default, the middle of its
  // four alignments, would make stairs of it.
  graph.setGraph({ rankdir: "TB", align: "UR", nodesep: 26, ranksep: 30, edgesep: 14, marginx: 2, marginy: 2 });
  const parts = new Map();
  for (const node of scope.nodes) {
    const inner = node.groups.map(arrange);
    let width = Math.max(128, textWidth(node.name) + 62);
    let height = HEIGHT;
    if (inner.length) {
      const across = inner.reduce((sum, each) => sum + each.width, 0) + PAD * (inner.length - 1);
      width = Math.max(width, across + 2 * PAD);
      height = HEAD + Math.max(...inner.map((each) => each.height)) + PAD;
    }
    parts.set(node.name, { node, inner });
    graph.setNode(node.name, { width, height });
  }
  for (const edge of scope.edges) {
    const straight = edge.kind !== "catch";
    graph.setEdge(edge.source, edge.target, { weight: straight ? 12 : 1, kind: edge.kind }, edge.kind);
  }
  layout(graph);
  const { width, height } = graph.graph();
  return {
    width,
    height,
    nodes: scope.nodes.map(({ name }) => ({ ...parts.get(name), ...graph.node(name) })),
    edges: graph.edges().map((edge) => ({ source: edge.v, target: edge.w, ...graph.edge(edge) })),
  };
}

// A line through dagre's points with soft corners, and where its tip points to.
function path(points) {
  const [first, ...rest] = points;
  let drawn = `M${first.x} ${first.y}`;
  for (let i = 0; i < rest.length - 1; i++) {
    const [bend, next] = [rest[i], rest[i + 1]];
    const last = i === rest.length - 2;
    const to = last ? next : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    drawn += `Q${bend.x} ${bend.y} ${to.x} ${to.y}`;
  }
  if (rest.length === 1) drawn += `L${rest[0].x} ${rest[0].y}`;
  return drawn;
}

function draw(arranged, dx, dy) {
  const group = make("g", { transform: `translate(${dx} ${dy})` });
  for (const edge of arranged.edges) {
    const points = edge.points.map(({ x, y }) => ({ x: +x.toFixed(1), y: +y.toFixed(1) }));
    const end = points[points.length - 1];
    const before = points[points.length - 2];
    const angle = (Math.atan2(end.y - before.y, end.x - before.x) * 180) / Math.PI;
    const data = { "data-edge": named(edge) };
    group.append(
      make("path", { class: `edge ${edge.kind}`, d: path(points), ...data }),
      make("path", {
        class: `tip ${edge.kind}`,
        d: "M0 0l-7 -3.600v7.200z",
        transform: `translate(${end.x} ${end.y}) rotate(${angle.toFixed(1)})`,
        ...data,
      }),
    );
  }
  for (const { node, inner, x, y, width, height } of arranged.nodes) {
    const [left, top] = [x - width / 2, y - height / 2];
    const link = make("a", { class: `node is-waiting ${inner.length ? "group" : ""}`, "data-name": node.name });
    const mark = make("g", { class: "mark", transform: `translate(${left + 21} ${top + 22})` });
    mark.append(make("circle", { r: 8.5 }), make("path", { d: "" }));
    const name = make("text", { x: left + 37, y: top + 20 });
    name.textContent = node.name;
    const type = make("text", { class: "type", x: left + 37, y: top + 34 });
    type.textContent = node.type;
    type.dataset.type = node.type;
    link.append(
      make("title"),
      make("rect", { x: left, y: top, width, height, rx: inner.length ? 14 : 10 }),
      mark,
      name,
      type,
      make("g", { class: "dots", transform: `translate(${x} ${top + height})` }),
      make("g", { class: "badge-retry", transform: `translate(${left + width} ${top})` }),
    );
    group.append(link);
    let across = left + (width - inner.reduce((sum, each) => sum + each.width, 0) - PAD * (inner.length - 1)) / 2;
    for (const each of inner) {
      group.append(draw(each, across, top + HEAD));
      across += each.width + PAD;
    }
  }
  return group;
}

function named({ source, target, kind }) {
  return `${source}→${target} ${kind}`;
}

function seconds(value) {
  if (value === null) return "";
  if (value >= 60) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  return value < 1 ? `${value.toFixed(2)} s` : `${value.toFixed(1)} s`;
}

// Colours what is drawn by the overlay that the page carries.
function colour(svg) {
  const overlay = JSON.parse(document.getElementById("overlay").textContent);
  const taken = new Set(overlay.taken.map(named));
  for (const edge of svg.querySelectorAll("[data-edge]")) {
    edge.classList.toggle("taken", taken.has(edge.dataset.edge));
  }
  const chosen = Number(document.getElementById("state").dataset.chosen ?? place.dataset.selected);
  for (const link of svg.querySelectorAll(".node")) {
    const { name } = link.dataset;
    const shown = overlay.nodes[name];
    const status = shown?.status ?? "waiting";
    const passages = shown?.passages ?? [];
    const group = link.classList.contains("group") ? "group" : "";
    const mine = passages.some((each) => each.id === chosen) ? "chosen" : "";
    link.setAttribute("class", `node is-${status} ${group} ${mine}`);
    link.querySelector(".mark path").setAttribute("d", ICONS[status]);
    const type = link.querySelector(".type");
    const time = seconds(shown?.seconds ?? null);
    type.textContent = time ? `${type.dataset.type} · ${time}` : type.dataset.type;
    const retries = shown?.retries ?? 0;
    const said = [name, shown?.said ?? "not entered", time];
    if (passages.length > 1) said.push(`${passages.length} items`);
    if (retries) said.push(retries === 1 ? "1 retry" : `${retries} retries`);
    link.querySelector("title").textContent = said.filter(Boolean).join(", ");
    if (passages.length) {
      const gravest = passages.find((each) => each.status === status) ?? passages[0];
      const target = mine ? chosen : gravest.id;
      link.setAttribute("href", `?state=${target}#state`);
      link.setAttribute("data-state", target);
      link.removeAttribute("data-definition");
    } else {
      link.setAttribute("href", "#state");
      link.setAttribute("data-definition", name);
    }
    link.setAttribute("aria-label", said.filter(Boolean).join(", "));
    dots(link.querySelector(".dots"), passages);
    badge(link.querySelector(".badge-retry"), retries);
  }
}

// One dot for each Map item, on the lower border of its state.
function dots(group, passages) {
  group.replaceChildren();
  if (passages.length < 2) return;
  const step = Math.min(13, 110 / passages.length);
  passages.forEach((each, index) => {
    const x = (index - (passages.length - 1) / 2) * step;
    group.append(make("circle", { cx: x, cy: 0, r: Math.min(4.6, step / 2.4), class: `is-${each.status}` }));
  });
}

function badge(group, retries) {
  group.replaceChildren();
  if (!retries) return;
  const text = make("text", { x: -13, y: 4, "text-anchor": "middle" });
  text.textContent = `↻ ${retries}`;
  group.append(make("rect", { x: -30, y: -9, width: 34, height: 18, rx: 9 }), text);
}

function legend() {
  const line = document.createElement("p");
  line.className = "legend";
  for (const [kind, text] of [["", "next"], ["dash", "after an error"]]) {
    const item = document.createElement("span");
    const sample = document.createElement("i");
    sample.className = kind;
    item.append(sample, text);
    line.append(item);
  }
  const hint = document.createElement("span");
  hint.className = "sideways";
  hint.textContent = "Scroll sideways for the rest.";
  line.append(hint);
  return line;
}

await document.fonts.load("560 13px Inter");
const arranged = arrange(JSON.parse(document.getElementById("machine").textContent));
const [width, height] = [Math.ceil(arranged.width) + 12, Math.ceil(arranged.height) + 22];
const svg = make("svg", { width, height, viewBox: `-6 -12 ${width} ${height}` });
svg.append(draw(arranged, 0, 0));
colour(svg);
place.replaceChildren(svg);
place.after(legend());

// As large as its card lets it be, or by so much of its own size as a person says. A phone's card is
// so narrow that its texts could not be read: there it is scrolled.
const SCALES = [0.5, 0.65, 0.8, 1, 1.25, 1.6, 2];
const narrow = place.clientWidth < 0.75 * width;
let scale = narrow ? 1 : null;

function zoom(next) {
  scale = next;
  svg.classList.toggle("zoomed", scale !== null);
  svg.setAttribute("width", Math.round(width * (scale ?? 1)));
  svg.setAttribute("height", Math.round(height * (scale ?? 1)));
  hint();
}

// Shows on which sides more of the graph is than its card has room for.
function hint() {
  place.classList.toggle("more-left", place.scrollLeft > 1);
  place.classList.toggle("more-right", place.scrollLeft < place.scrollWidth - place.clientWidth - 1);
}

function zoomBy(by) {
  const now = svg.getBoundingClientRect().width / width;
  const steps = by > 0 ? SCALES.filter((each) => each > now + 0.01) : SCALES.filter((each) => each < now - 0.01).reverse();
  if (steps.length) zoom(steps[0]);
}

const zooms = document.querySelector("[data-zooms]");
zooms.hidden = false;
zooms.querySelector("[data-in]").addEventListener("click", () => zoomBy(1));
zooms.querySelector("[data-out]").addEventListener("click", () => zoomBy(-1));
zooms.querySelector("[data-fit]").addEventListener("click", () => zoom(null));
zoom(scale);
// On a narrow screen the graph is scrolled: to where it starts.
const first = arranged.nodes[0];
place.scrollLeft = (first.x / arranged.width) * svg.getBoundingClientRect().width - place.clientWidth / 2;
place.addEventListener("scroll", hint);
addEventListener("resize", hint);
hint();
document.addEventListener("parts", () => colour(svg));
document.addEventListener("chosen", () => colour(svg));
