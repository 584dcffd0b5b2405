// The customer page: a dial tells its value beside its label, to the digits of its step.
document.addEventListener("input", (event) => {
  const dial = event.target;
  const place = dial.dataset?.toldIn && document.getElementById(dial.dataset.toldIn);
  if (place) place.textContent = dial.value;
});
