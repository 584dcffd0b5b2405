// Brings the charts of a page to life. Each figure holds an SVG, which stays what assistive technology reads, and its
// Vega-Lite definition. The library is loaded when the first chart comes near the screen; without it nothing is lost.

import { formatLocale, timeFormatLocale, tr } from "./words.js";

const charts = new Map(); // figure id -> {figure, view, width, pending}
let library;

const watcher = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => start(entry.target)),
  { rootMargin: "200px" },
);

function load(url) {
  // The expressions of a definition are interpreted, not compiled, so that no policy against eval stands in the way.
  library ??= import(url).then(() => window.vegaEmbed);
  return library;
}

function start(figure) {
  watcher.unobserve(figure);
  return draw(figure).catch((error) => console.warn(`chart ${figure.id}: ${error.message}`));
}

/** The still picture that the stylesheet shows at this width: `wide` or `narrow`. */
function shown(figure) {
  const names = ["wide", "narrow"];
  const found = names.find((name) => figure.querySelector(`.chart-still .${name}`)?.offsetWidth > 0);
  return found ?? "wide";
}

async function draw(figure) {
  const embed = await load(figure.dataset.chart);
  const live = figure.querySelector(".chart-live");
  const still = figure.querySelector(".chart-still");
  live.hidden = true;
  still.classList.remove("heard-only");
  const name = shown(figure);
  const box = still.querySelector(`.${name} svg`).getBoundingClientRect();
  if (!box.width) return;
  const specs = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const known = charts.get(figure.id);
  known?.view?.finalize();
  const chart = { figure, width: figure.clientWidth, pending: known?.pending };
  charts.set(figure.id, chart);
  live.hidden = false;
  still.classList.add("heard-only");
  const { view } = await embed(live, fitted(specs[name], box), {
    mode: "vega-lite",
    actions: false,
    renderer: "svg",
    ast: true,
    defaultStyle: false,
    logLevel: 1, // errors; that a mark has no rows at the moment is none
    tooltip,
    formatLocale,
    timeFormatLocale,
  });
  chart.view = view;
  offerPicture(chart);
  if (chart.pending) await apply(chart, chart.pending);
}

/** A button that saves the chart as it stands, on white, as twice as many dots as it has here. */
function offerPicture(chart) {
  const { figure } = chart;
  figure.querySelector(".chart-save")?.remove();
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chart-save";
  button.textContent = "PNG";
  button.setAttribute("aria-label", tr("Save this chart as a picture"));
  button.addEventListener("click", () => savePicture(chart).catch((error) => console.warn(`chart ${figure.id}: ${error.message}`)));
  figure.append(button);
}

async function savePicture({ figure, view }) {
  const drawn = await view.toCanvas(2);
  const picture = document.createElement("canvas");
  [picture.width, picture.height] = [drawn.width, drawn.height];
  const pen = picture.getContext("2d");
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, picture.width, picture.height);
  pen.drawImage(drawn, 0, 0);
  const blob = await new Promise((resolve) => picture.toBlob(resolve, "image/png"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${figure.id}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The definition for the very box that the still picture fills, so that nothing on the page moves. */
function fitted(spec, box) {
  const made = structuredClone(spec);
  if (typeof made.width === "number" && typeof made.height === "number") {
    made.autosize = { type: "fit", contains: "padding" };
    made.width = Math.floor(box.width);
    made.height = Math.floor(box.height);
  }
  made.config ??= {};
  for (const mark of ["bar", "point", "circle", "square", "rect", "tick", "arc"]) {
    made.config[mark] = { tooltip: true, ...made.config[mark] };
  }
  return made;
}

/** Show other data in a chart: rows by the name of the dataset, values by the name of the parameter. */
export function update(id, { data = {}, params = {}, describe } = {}) {
  const figure = document.getElementById(id);
  if (describe) {
    for (const svg of figure.querySelectorAll(".chart-still svg")) svg.setAttribute("aria-label", describe);
  }
  const chart = charts.get(id) ?? { figure };
  charts.set(id, chart);
  const { pending } = chart; // what a drawing made later, for another width, must be given again
  chart.pending = { data: { ...pending?.data, ...data }, params: { ...pending?.params, ...params } };
  return chart.view ? apply(chart, { data, params }) : Promise.resolve();
}

async function apply(chart, { data, params }) {
  for (const [name, rows] of Object.entries(data)) chart.view.data(name, rows);
  for (const [name, value] of Object.entries(params)) chart.view.signal(name, value);
  await chart.view.runAsync();
}

/** Whether the chart answers already. */
export function isLive(id) {
  return Boolean(charts.get(id)?.view);
}

// --- what a pointer tells -------------------------------------------------------------------------------------------

const tip = document.createElement("div");
tip.className = "chart-tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true");

function tooltip(_handler, event, _item, value) {
  if (value === null || value === undefined || value === "") {
    tip.hidden = true;
    return;
  }
  const rows = typeof value === "object" ? Object.entries(value) : [["", value]];
  tip.replaceChildren(
    ...rows.map(([name, told]) => {
      const row = document.createElement("div");
      const label = document.createElement("span");
      const text = document.createElement("b");
      label.textContent = name;
      text.textContent = String(told);
      row.append(label, text);
      return row;
    }),
  );
  document.body.append(tip);
  tip.hidden = false;
  const room = 14;
  const left = Math.min(event.clientX + room, innerWidth - tip.offsetWidth - room);
  const below = event.clientY + room + tip.offsetHeight < innerHeight;
  tip.style.left = `${Math.max(room, left)}px`;
  tip.style.top = `${below ? event.clientY + room : event.clientY - room - tip.offsetHeight}px`;
}

// --- which charts there are -----------------------------------------------------------------------------------------

export function scan(root = document) {
  for (const [id, chart] of charts) {
    if (!chart.figure.isConnected) {
      chart.view?.finalize();
      charts.delete(id);
    }
  }
  for (const figure of root.querySelectorAll("[data-chart]")) watcher.observe(figure);
  bring([...root.querySelectorAll("[data-drawn-at]:not([aria-busy])")]);
}

/** Put the charts into their places that the page left for later, all by one request; where it fails, their links stay. */
async function bring(places) {
  if (!places.length) return;
  for (const place of places) place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(places[0].dataset.drawnAt);
    if (!answer.ok) throw new Error(answer.statusText);
    const drawn = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const place of places) {
      const figure = drawn.getElementById(place.id);
      if (!figure?.dataset.chart) throw new Error(`no ${place.id}`);
      place.replaceWith(document.adoptNode(figure));
      watcher.observe(figure);
    }
  } catch (error) {
    console.warn(`charts: ${error.message}`);
    for (const place of places) place.removeAttribute("aria-busy");
  }
}

let resizing;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => {
    for (const chart of charts.values()) {
      if (chart.view && chart.figure.isConnected && chart.figure.clientWidth !== chart.width) start(chart.figure);
    }
  }, 150);
});
addEventListener("beforeprint", () => {
  for (const chart of charts.values()) chart.figure.querySelector(".chart-still").classList.remove("heard-only");
});
document.addEventListener("htmx:load", (event) => scan(event.target.parentNode ?? document));
scan();
