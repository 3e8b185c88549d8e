// Keeps the progress of a run up to date, and loads the page again when the run has ended.
"use strict";

const box = document.getElementById("progress");
const state = document.getElementById("state");
const EVERY = 2000;

function show(told) {
  if (state.textContent !== told.state) {
    state.textContent = told.state;
  }
  const lines = told.lines.map((line) => {
    const item = document.createElement("li");
    item.textContent = line;
    return item;
  });
  box.replaceChildren(...lines);
}

async function look() {
  try {
    const answer = await fetch(box.dataset.from, { cache: "no-store" });
    if (!answer.ok) {
      throw new Error("no progress");
    }
    const told = await answer.json();
    if (told.ended) {
      location.reload();
      return;
    }
    show(told);
  } catch {
    state.textContent = "The viewer does not answer any more. Start it again, and open its new address.";
    return;
  }
  setTimeout(look, EVERY);
}

setTimeout(look, EVERY);
