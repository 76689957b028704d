// What scrolls sideways can be reached with the keyboard, and only that.
"use strict";

function markScrolling() {
  const boxes = [
    ".pst-scrollable-table-container",
    ".cell_output .output",
    ".bd-article pre",
    ".bd-article .math",
  ];
  for (const box of document.querySelectorAll(boxes.join(", "))) {
    const scrolls = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    if (scrolls) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

function keepMarked() {
  markScrolling();
  window.addEventListener("load", markScrolling);
  window.addEventListener("resize", () => setTimeout(markScrolling, 400));
  document.addEventListener("toggle", markScrolling, true);
  document.fonts.addEventListener("loadingdone", markScrolling);
  window.MathJax?.startup?.promise?.then(markScrolling);
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", keepMarked);
else keepMarked();
