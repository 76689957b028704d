// What claims.css cannot do: put a note below its number, close it with Escape, open it with a tap,
// and open the fold around or in the place that a link leads to.
"use strict";

function placeNote(claimed) {
  const note = claimed.querySelector(".claim-note");
  const article = claimed.closest(".bd-article");
  note.style.top = "";
  const rects = claimed.querySelector(".claimed-number").getClientRects();
  const number = rects[rects.length - 1]; // where it breaks over two lines, the last piece
  const box = article.getBoundingClientRect();
  const style = getComputedStyle(article);
  const [least, right] = [parseFloat(style.paddingLeft), parseFloat(style.paddingRight)];
  const most = box.width - right - note.offsetWidth;
  note.style.setProperty("--claim-left", `${Math.max(least, Math.min(number.left - box.left, most))}px`);
  const above = number.top - box.top - note.offsetHeight;
  if (number.bottom + note.offsetHeight > window.innerHeight && number.top > note.offsetHeight)
    note.style.top = `${above}px`;
  else note.style.top = `${number.bottom - box.top}px`;
}

function shut(claimed) {
  claimed.classList.remove("open");
  claimed.classList.add("shut");
}

function watch(claimed) {
  const number = claimed.querySelector(".claimed-number");
  let finger = false;
  for (const event of ["pointerenter", "focusin"]) {
    claimed.addEventListener(event, () => {
      claimed.classList.remove("shut");
      requestAnimationFrame(() => placeNote(claimed));
    });
  }
  number.addEventListener("pointerdown", (event) => {
    finger = event.pointerType !== "mouse";
  });
  // The first tap shows the note, in which a link leads on; the second follows it.
  number.addEventListener("click", (event) => {
    if (!finger || claimed.classList.contains("open")) return;
    event.preventDefault();
    claimed.classList.remove("shut");
    claimed.classList.add("open");
    placeNote(claimed);
  });
  claimed.querySelector(".claim-note").addEventListener("click", (event) => {
    if (event.target.closest("a")) shut(claimed);
  });
}

// Closed boxes around the place that the address names, and that place's own, are opened.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let box = target.parentElement?.closest("details"); box; box = box.parentElement?.closest("details"))
    box.open = true;
  const own = target.matches(".cell") && target.querySelector(":scope > details");
  if (own) own.open = true;
  target.scrollIntoView();
}

function start() {
  document.querySelectorAll(".claimed").forEach(watch);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.querySelectorAll(".claimed:is(:hover, :focus-within, .open)").forEach(shut);
  });
  document.addEventListener("pointerdown", (event) => {
    for (const open of document.querySelectorAll(".claimed.open")) if (!open.contains(event.target)) shut(open);
  });
  window.addEventListener("hashchange", openTarget);
  if (location.hash.startsWith("#cell-")) openTarget();
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
