// The simulator while its terms are dragged: one question at a time, always the newest, and only what changed is
// touched. Without this script the form is sent and the page comes back; nothing here knows how profit is counted.
import { update } from "./charts.js";
import { formatLocale, language, tr } from "./words.js";

const form = document.getElementById("simulator");
const STEPS = 1000; // a slider's positions

// --- numbers and sliders --------------------------------------------------------------------------------------------

const terms = new Map(); // name -> {box, input, slider, least, most, step, curve, cut}

function parse(text) {
  let plain = text.replace(/[\s%$€£]/g, "");
  if (formatLocale.thousands === "." && /^-?\d{1,3}(\.\d{3})+(,\d+)?$/.test(plain)) plain = plain.replaceAll(".", "");
  const hasComma = /^-?\d+,\d{1,2}$/.test(plain) || (formatLocale.decimal === "," && /^-?\d+,\d+$/.test(plain));
  const number = Number(hasComma ? plain.replace(",", ".") : plain.replaceAll(",", ""));
  return plain === "" || Number.isNaN(number) ? null : number;
}

function place(term, value) {
  const share = (value - term.least) / (term.most - term.least || 1);
  const held = Math.min(1, Math.max(0, share));
  return Math.round(STEPS * (term.curve === "square" ? Math.sqrt(held) : held));
}

function valueAt(term) {
  const share = Number(term.slider.value) / STEPS;
  const value = term.least + (term.most - term.least) * (term.curve === "square" ? share * share : share);
  // Round to a step that suits the size: dollars below a thousand, then tens, hundreds.
  const step = term.curve === "square" ? Math.max(term.step, 10 ** (Math.floor(Math.log10(value || 1)) - 2)) : term.step;
  return Math.round(value / step) * step;
}

function plain(value) {
  const form = { maximumFractionDigits: value >= 1000 ? 0 : 4, useGrouping: value >= 1000 };
  return value.toLocaleString(language, form);
}

function tell(term, text) {
  term.slider.setAttribute("aria-valuetext", `${term.before}${text || term.input.placeholder}${term.unit ? ` ${term.unit}` : ""}`);
}

/** Show a number that somebody else decided on: the answer, or the other half of the pair. */
function stand(term, text, meant) {
  term.input.value = text;
  const number = parse(text === "" ? (meant ?? term.input.placeholder) : text);
  if (number !== null) term.slider.value = place(term, number);
  tell(term, text);
}

function connect(box) {
  const { term: name, least, most, step, curve, cut, before, unit } = box.dataset;
  const [input, slider] = [box.querySelector('input[type="text"]'), box.querySelector(".term-slider")];
  const term = { box, input, slider, before, unit, curve, cut, least: +least, most: +most, step: +step };
  terms.set(name, term);
  slider.max = STEPS;
  slider.hidden = false;
  stand(term, input.value);
  slider.addEventListener("input", (event) => {
    input.value = plain(valueAt(term));
    tell(term, input.value);
    decide(term);
    ask(event);
  });
  input.addEventListener("input", (event) => {
    const number = parse(input.value);
    if (number !== null) slider.value = place(term, number);
    decide(term);
    ask(event);
  });
}

/** Whoever moves a cut means that cut. */
function decide(term) {
  if (term.cut) document.getElementById(`cut-${term.cut}`).checked = true;
}

function question() {
  const asked = new URLSearchParams();
  const cut = form.elements.cut.value;
  asked.set("cut", cut);
  for (const [name, term] of terms) {
    const text = term.input.value.trim();
    if (text !== "" && (!term.cut || term.cut === cut)) asked.set(name, text);
  }
  asked.set("profit_model", form.elements.profit_model.value);
  if (form.elements.uncalibrated) asked.set("uncalibrated", form.elements.uncalibrated.value);
  return asked.toString();
}

// --- asking and showing ---------------------------------------------------------------------------------------------

let wanted = null; // {query, since} not asked yet
let isAsking = false;
let showing = Promise.resolve(); // the answer before; the next question is on its way while it is drawn

function ask(event) {
  // The first event that waits counts: that is how long somebody has been waiting.
  wanted = { query: question(), since: wanted?.since ?? event?.timeStamp ?? performance.now() };
  if (!isAsking) next();
}

async function next() {
  isAsking = true;
  while (wanted) {
    const { query, since } = wanted;
    wanted = null;
    try {
      const response = await fetch(`${form.getAttribute("action")}/answer?${query}`, { headers: { Accept: "application/json" } });
      if (response.redirected || response.status === 401) location.reload();
      if (!response.ok) throw new Error(String(response.status));
      const answer = await response.json();
      if (answer.refused) location.assign(`${form.getAttribute("action")}?${query}`);
      else {
        await showing;
        showing = show(answer, since).catch((error) => console.warn(`simulator: ${error.message}`));
      }
      form.classList.remove("is-offline");
    } catch {
      form.classList.add("is-offline");
      say(tr("The service does not answer; what is shown is the last answer."));
    }
  }
  isAsking = false;
}

async function show(answer, since) {
  // What a pointer is told on the curve is laid out when the hand rests; the library marks rows, so these are its own.
  const told = structuredClone(answer.charts["profit-curve"].data.curve);
  later("told", 200, () => update("profit-curve", { data: { told } }));
  await update("profit-curve", answer.charts["profit-curve"]);
  put("sim-answer", answer.html.answer);
  for (const [name, text] of Object.entries(answer.bar)) document.querySelector(`[data-bar="${name}"]`).textContent = text;
  requestAnimationFrame(() =>
    setTimeout(() => {
      performance.measure("simulator", { start: since });
      // What is not under the eye of a hand that drags may come a moment later.
      standAll(answer);
      put("sim-funnel", answer.html.funnel);
      put("sim-assumptions", answer.html.assumptions);
      put("sim-campaign", answer.html.campaign);
      later("drivers", 120, () => update("profit-drivers", answer.charts["profit-drivers"]));
    }),
  );
  later("address", 250, () => {
    history.replaceState(null, "", `/simulator?${answer.query}`);
    document.getElementById("copy-link").href = `/simulator?${answer.query}`;
    for (const input of document.querySelectorAll('input[name="query"], input[name="this"]')) input.value = answer.query;
    if (performance.getEntriesByName("simulator").length > 1000) performance.clearMeasures("simulator");
  });
  later("words", 600, () => say(answer.sentence));
}

function standAll(answer) {
  for (const [name, at] of Object.entries(answer.stands)) {
    const term = terms.get(name);
    if (term.input.placeholder !== "" || at.value === "") term.input.placeholder = at.meant;
    if (!term.box.contains(document.activeElement)) {
      term.most = at.most; // never under a hand: the same place must go on meaning the same number
      stand(term, at.value, at.meant);
    }
    complain(name, term, answer.wrong[name]);
  }
}

function put(id, html) {
  const place = document.getElementById(id);
  if (!place || place.dataset.shown === html) return;
  const isOpen = place.querySelector("details")?.open;
  place.innerHTML = html; // written and escaped by the service's own templates
  place.dataset.shown = html;
  if (isOpen) place.querySelector("details").open = true;
}

function complain(name, term, words) {
  const hint = document.getElementById(`hint-${name}`);
  term.box.classList.toggle("is-wrong", Boolean(words));
  if (words) term.input.setAttribute("aria-invalid", "true");
  else term.input.removeAttribute("aria-invalid");
  if (!hint) return;
  hint.dataset.usual ??= words === hint.textContent ? "" : hint.textContent;
  hint.textContent = words ?? hint.dataset.usual;
}

const waiting = {};
function later(name, milliseconds, act) {
  clearTimeout(waiting[name]);
  waiting[name] = setTimeout(act, milliseconds);
}

function say(words) {
  const announce = document.getElementById("announce");
  if (announce.textContent !== words) announce.textContent = words;
}

// --- beginning ------------------------------------------------------------------------------------------------------

if (form) {
  form.querySelectorAll(".term").forEach(connect);
  document.documentElement.classList.add("has-script");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(event);
  });
  for (const radio of form.elements.cut) radio.addEventListener("change", ask);
  form.elements.profit_model.addEventListener("change", (event) => {
    document.getElementById("hint-profit_model").textContent = event.target.selectedOptions[0].dataset.meaning;
    ask(event);
  });
  const link = document.getElementById("copy-link");
  link.querySelector("span").textContent = tr("Copy link");
  link.addEventListener("click", async (event) => {
    if (!navigator.clipboard) return; // then it is a link like any other
    event.preventDefault();
    await navigator.clipboard.writeText(link.href);
    link.querySelector("span").textContent = tr("Link copied");
    say(tr("Link copied"));
    later("copied", 2000, () => (link.querySelector("span").textContent = tr("Copy link")));
  });
}
