// The form of a campaign: features are found by a word, and put into the condition where the cursor was.

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
