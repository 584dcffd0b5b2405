// The customer page: a dial tells its value beside its label, to three decimals where it has no step.
document.addEventListener("input", (event) => {
  const dial = event.target;
  const place = dial.dataset?.toldIn && document.getElementById(dial.dataset.toldIn);
  if (place) place.textContent = dial.step === "any" ? String(Math.round(dial.value * 1000) / 1000) : dial.value;
});

// A view is saved as the list is filtered now: htmx changes the address without loading the page.
document.addEventListener("submit", (event) => {
  const query = event.target.querySelector?.("[data-address]");
  if (query) query.value = location.search.slice(1);
}, true);
