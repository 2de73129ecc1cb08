"use strict";
// Draws the charts as wide as the page allows, and makes the tables sortable.

// Charts take their colours from the page, so they follow it into the dark and onto paper.
const INK = "currentColor";
const CONFIG = {
  background: "transparent",
  font: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif",
  view: { stroke: INK, strokeOpacity: 0.15 },
  axis: {
    labelColor: INK, titleColor: INK, domainColor: INK, tickColor: INK, gridColor: INK,
    gridOpacity: 0.12, domainOpacity: 0.4, tickOpacity: 0.4, titleFontWeight: "normal",
  },
  legend: {
    labelColor: INK, titleColor: INK, titleFontWeight: "normal",
    symbolBaseFillColor: INK, symbolBaseStrokeColor: INK,
  },
  header: { labelColor: INK, titleColor: INK },
  title: { color: INK, fontWeight: 600 },
};
// Widths in px.
const NARROW = 480; // below this, legends are placed below each other
const PANEL = 200; // the least that a panel of a wrapped chart takes, without its axis
const AROUND_PANEL = 55;
const FIGURES = 40; // the labels of an axis of numbers
const AROUND = 32; // ticks, and what extends to the right
const HEADER = 24; // of a row of a chart

// The field whose values are the labels of the y axis, if it is nominal.
function rowField(node) {
  if (node.encoding?.y) return node.encoding.y.type === "nominal" ? node.encoding.y.field : undefined;
  return (node.layer ?? [node.spec]).filter(Boolean).map(rowField).find(Boolean);
}

function labelWidth(spec, most) {
  const field = rowField(spec);
  if (!field) return FIGURES;
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `10px ${CONFIG.font}`;
  const names = new Set(Object.values(spec.datasets).flat().map((row) => row[field] ?? ""));
  return Math.min(most, Math.max(...[...names].map((name) => pen.measureText(name).width)));
}

function fitted(spec, width) {
  const labelLimit = width * 0.42;
  const direction = width < NARROW ? "vertical" : "horizontal";
  const layout = { top: { anchor: "start", direction, margin: 24, center: direction === "horizontal" } };
  const fit = structuredClone(spec);
  fit.config = { ...spec.config, ...CONFIG, axisY: { labelLimit }, legend: { ...CONFIG.legend, layout } };
  const inner = width - labelWidth(spec, labelLimit) - AROUND;
  if (!fit.facet) {
    fit.width = inner;
  } else if (fit.columns) {
    fit.columns = Math.max(1, Math.min(fit.columns, Math.floor(width / (PANEL + AROUND_PANEL))));
    fit.spec.width = Math.floor(width / fit.columns) - AROUND_PANEL;
  } else {
    fit.spec.width = inner - HEADER;
  }
  return fit;
}

const drawn = new Map();

async function draw(figure, spec) {
  const place = figure.firstElementChild;
  const width = place.clientWidth;
  if (drawn.get(figure)?.width === width) return;
  drawn.get(figure)?.result?.finalize();
  drawn.set(figure, { width });
  // An interpreter instead of `eval`, which the page forbids.
  const options = { renderer: "svg", ast: true, actions: false, tooltip: { theme: "custom" } };
  const result = await vegaEmbed(place, fitted(spec, width), options);
  drawn.set(figure, { width, result });
}

function drawAll() {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const figures = [...document.querySelectorAll("figure[data-spec]")];
  const all = () => Promise.all(figures.map((figure) => draw(figure, specs[figure.dataset.spec])));
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(all, 200);
  });
  return all();
}

function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.key === undefined ? cell.textContent : Number(cell.dataset.key);
}

// Numbers before text; missing values are last in either direction.
function compare(a, b, direction) {
  const missing = (value) => value === "-" || value === "";
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  if (typeof a === "number" && typeof b === "number") return direction * (a - b);
  return direction * String(a).localeCompare(String(b), "en", { numeric: true });
}

function makeSortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const body = table.tBodies[0];
      const rows = [...body.rows];
      rows.sort((a, b) => compare(key(a, column), key(b, column), ascending ? 1 : -1));
      body.append(...rows);
    });
  });
}

function makeFilter(table) {
  const input = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const rows = [...table.tBodies[0].rows];
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      count += !row.hidden;
    }
    shown.textContent = words.length ? `${count} of ${rows.length} cells` : "";
  });
}

document.querySelectorAll("table").forEach(makeSortable);
makeFilter(document.querySelector("#cells table"));
drawAll().then(() => document.documentElement.setAttribute("data-drawn", "true"));
