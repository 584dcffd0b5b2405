// The palette: Ctrl or Cmd and K opens it; letters narrow the pages, and what is no page is looked for among customers.
import { tr } from "./words.js";

const palette = document.getElementById("palette");
if (palette) {
  const input = palette.querySelector("input");
  const pages = [...palette.querySelectorAll("li[data-words]")];
  const search = palette.querySelector("li[data-search]");
  const link = search?.querySelector("a");
  document.documentElement.classList.add("has-palette");

  const narrow = () => {
    const wanted = input.value.trim().toLowerCase();
    for (const page of pages) page.hidden = !page.dataset.words.includes(wanted);
    if (search) {
      search.hidden = wanted === "";
      const target = new URL(link.href); // its own address, which a proxy may have put below another
      target.searchParams.set("q", input.value.trim());
      link.href = target.href;
      link.querySelector("span").textContent = tr("Customers with “{}” in their id", input.value.trim());
    }
    const shown = [...palette.querySelectorAll("li:not([hidden])")];
    shown.forEach((item, place) => item.classList.toggle("is-first", place === 0));
  };

  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      palette.togglePopover();
    }
  });
  palette.addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    input.value = "";
    narrow();
    input.focus();
  });
  input.addEventListener("input", narrow);
  palette.addEventListener("keydown", (event) => {
    const links = [...palette.querySelectorAll("li:not([hidden]) a")];
    const place = links.indexOf(document.activeElement);
    if (event.key === "Enter" && document.activeElement === input && links.length) {
      event.preventDefault();
      links[0].click();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = place + (event.key === "ArrowDown" ? (place < 0 && links.length > 1 ? 2 : 1) : -1);
      (next < 0 ? input : links[Math.min(next, links.length - 1)])?.focus();
    }
  });
}
