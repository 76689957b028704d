// Small repairs of the theme for people who use a keyboard or a screen reader.
"use strict";

function repair() {
  for (const summary of document.querySelectorAll(".bd-sidebar-primary summary")) {
    const part = summary.closest("li")?.querySelector("a")?.textContent.trim();
    summary.setAttribute("aria-label", `Pages of ${part}`);
  }
  // A list's entries are list items; docutils calls them something else.
  for (const entry of document.querySelectorAll(".citation-list > .citation")) {
    entry.setAttribute("role", "listitem");
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", repair);
else repair();
