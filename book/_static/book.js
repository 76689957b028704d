// Small repairs of the theme for people who use a keyboard or a screen reader.
"use strict";

// What scrolls sideways can be reached with the keyboard, and only that.
function markScrolling() {
  const boxes = ".pst-scrollable-table-container, .cell_output .output, .bd-article pre, .bd-article div.math";
  for (const box of document.querySelectorAll(boxes)) {
    const scrolls = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    if (scrolls) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

function repair() {
  for (const summary of document.querySelectorAll(".bd-sidebar-primary summary")) {
    const part = summary.closest("li")?.querySelector("a")?.textContent.trim();
    summary.setAttribute("aria-label", `Pages of ${part}`);
  }
  // A list's entries are list items; docutils calls them something else.
  for (const entry of document.querySelectorAll(".citation-list > .citation")) {
    entry.setAttribute("role", "listitem");
  }
  markScrolling();
  window.addEventListener("load", markScrolling);
  window.addEventListener("resize", () => setTimeout(markScrolling, 400));
  document.addEventListener("toggle", markScrolling, true);
  window.MathJax?.startup?.promise?.then(markScrolling);
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", repair);
else repair();
