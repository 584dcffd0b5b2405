// The form of a campaign: features are found by a word, and put into the condition where the cursor was; the range of risk is
// dragged below its histogram, and the fields beside it say the same in numbers.

document.documentElement.classList.add("has-script");
const condition = document.getElementById("f-audience-filter");

for (const search of document.querySelectorAll("[data-finds]")) {
  search.addEventListener("input", (event) => {
    event.stopPropagation(); // it is no field of the campaign: nothing has to be counted anew
    const words = search.value.toLowerCase().split(/\s+/);
    for (const item of document.querySelectorAll(search.dataset.finds)) {
      const text = item.textContent.toLowerCase().replaceAll("_", " ");
      item.hidden = !words.every((word) => text.includes(word.replaceAll("_", " ")));
    }
  });
}

document.addEventListener("click", (event) => {
  const name = event.target.closest?.("[data-inserts]")?.dataset.inserts;
  if (!name || !condition) return;
  const [from, to] = [condition.selectionStart ?? condition.value.length, condition.selectionEnd ?? condition.value.length];
  const before = condition.value.slice(0, from);
  condition.setRangeText(`${before && !/[\s(]$/.test(before) ? " " : ""}${name} `, from, to, "end");
  condition.focus();
  condition.dispatchEvent(new Event("input", { bubbles: true }));
});

const sliders = [...document.querySelectorAll("[data-drags]")];
const number = (field, otherwise) => {
  const value = Number.parseFloat(field.value.replace(",", "."));
  return Number.isFinite(value) ? Math.min(Math.max(value, 0), 100) : otherwise;
};

function showRange() {
  const [low, high] = sliders.map((slider, end) => number(document.getElementById(slider.dataset.drags), 100 * end));
  sliders.forEach((slider, end) => {
    slider.value = [low, high][end];
    slider.setAttribute("aria-valuetext", `${slider.value} %`);
  });
  sliders[0].classList.toggle("is-above", low > 50); // where both ends meet, the one that has room is taken hold of
  for (const bar of document.querySelectorAll(".score-bars rect")) {
    const from = Number(bar.dataset.from);
    bar.classList.toggle("is-in", from + 5 > low && from < high);
  }
}

sliders.forEach((slider, end) => {
  const field = document.getElementById(slider.dataset.drags);
  slider.addEventListener("input", (event) => {
    event.stopPropagation(); // the field is counted anew, not the slider
    const other = number(document.getElementById(sliders[1 - end].dataset.drags), 100 * (1 - end));
    field.value = end ? Math.max(Number(slider.value), other) : Math.min(Number(slider.value), other);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  field.addEventListener("input", showRange);
});
if (sliders.length) showRange();

// What the CRM said holds for what was filled in then.
document.addEventListener("input", (event) => {
  if (!/^(crm\.|campaign\.title$)/.test(event.target.name ?? "")) return;
  const [answer, ...others] = document.querySelectorAll(".preflight");
  if (!answer?.dataset.stale) return;
  const words = Object.assign(document.createElement("p"), { className: "muted small", textContent: answer.dataset.stale });
  answer.replaceChildren(words);
  for (const part of others) part.replaceChildren();
});
