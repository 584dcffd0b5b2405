// The little that HTML cannot do by itself: Escape closes tooltips, and what htmx changed is told to screen readers.

import { tr } from "./words.js";

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.activeElement?.classList.contains("tip-word")) {
    document.activeElement.blur();
  }
});

// Safari does not focus a tapped button, which is what opens a tooltip on a phone.
document.addEventListener("click", (event) => {
  const word = event.target.closest?.(".tip-word");
  if (word) word.focus();
});

// A tooltip near the right edge opens to the left.
for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const tip = event.target.closest?.(".tip");
    tip?.classList.toggle("flips", tip.getBoundingClientRect().left + 320 > document.documentElement.clientWidth);
  });
}

const announce = document.getElementById("announce");

document.body.addEventListener("htmx:afterSwap", (event) => {
  const words = event.detail.target?.querySelector?.("[data-announce]")?.dataset.announce;
  if (words && announce && announce.textContent !== words) announce.textContent = words;
});

document.body.addEventListener("htmx:sendError", () => {
  if (announce) announce.textContent = tr("The service does not answer.");
  document.body.classList.add("is-offline");
});

document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) document.body.classList.remove("is-offline");
});

// A button that copies what is shown under an id.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = tr("Copied");
  if (announce) announce.textContent = tr("Copied");
});
