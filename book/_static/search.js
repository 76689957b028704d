// Search results: chapters first, each page with an excerpt, from a server and from the disk alike.
"use strict";

// Sphinx's searchtools.js, loaded later, asks this for the order. It must be complete.
var Scorer = {
  score: ([docname, title, , , base]) => {
    const query = (new URLSearchParams(window.location.search).get("q") || "").toLowerCase().trim();
    const score = base + (title.toLowerCase().includes(query) ? 500 : 0); // a heading that says it all
    if (docname.startsWith("notebooks/")) return score + 2000;
    if (/^(book\/(api|generated)\/|genindex|py-modindex)/.test(docname)) return score;
    return score + 1000;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};

{
  // The texts of all pages: { page: [[anchor, prose, code], …] }. The script that calls this is made by tools/sphinx_search.py.
  const texts = new Promise((resolve) => { window.setTexts = resolve; });

  const EXCERPT = 240; // characters
  const escaped = (word) => word.replace(/[.*+\-?^${}()|[\]\\]/g, "\\$&");

  // Words of the query as the index has them, without their endings, and what finds them in a text.
  function wanted(query) {
    const words = query.toLowerCase().split(/[^\p{Letter}\p{Number}_]+/u).filter((word) => word.length > 1);
    const stems = [...new Set(words.map((word) => new Stemmer().stemWord(word)))].filter((word) => word);
    const choice = stems.sort((a, b) => b.length - a.length).map(escaped).join("|"); // the longest first
    const pattern = choice ? new RegExp(`(?<![\\p{Letter}\\p{Number}])(${choice})\\p{Letter}*`, "giu") : /$^/g;
    return pattern;
  }

  // The paragraph of a result: the place with most words of the query close to each other, in prose if it can be. Of
  // several such places, the first with the word that the page has least often, which says most about it.
  function excerpt(sections, anchor, pattern) {
    const own = anchor ? sections.filter(([id]) => id === anchor) : sections;
    const parts = [...own.map(([, prose]) => prose), ...own.map(([, , code]) => code)];
    let best = { text: parts.find((text) => text) || "", at: 0, found: 0, rarest: Infinity };
    const often = {};
    for (const text of parts) {
      for (const [, word] of text.matchAll(pattern)) often[word.toLowerCase()] = (often[word.toLowerCase()] || 0) + 1;
    }
    for (const [part, text] of parts.entries()) {
      const places = [...text.matchAll(pattern)].map((match) => [match.index, match[1].toLowerCase()]);
      for (const [at] of places) {
        const near = places.filter(([other]) => other >= at && other < at + EXCERPT / 2);
        const words = new Set(near.map(([, word]) => word));
        const rarest = Math.min(...[...words].map((word) => often[word]));
        const rarer = words.size === best.found && rarest < best.rarest && part < own.length;
        if (words.size > best.found || rarer) best = { text, at, found: words.size, rarest };
      }
    }
    if (!best.text) return null;
    const from = best.at < EXCERPT / 2 ? 0 : best.text.indexOf(" ", best.at - EXCERPT / 3) + 1;
    let shown = best.text.slice(from, from + EXCERPT);
    if (from + EXCERPT < best.text.length) shown = shown.replace(/\s\S*$/, ""); // end after a word
    const paragraph = document.createElement("p");
    paragraph.className = "context";
    let last = 0;
    for (const match of shown.matchAll(pattern)) {
      paragraph.append(shown.slice(last, match.index));
      paragraph.appendChild(document.createElement("mark")).textContent = match[0];
      last = match.index + match[0].length;
    }
    paragraph.append(shown.slice(last));
    if (from) paragraph.prepend("… ");
    if (from + shown.length < best.text.length) paragraph.append(" …");
    return paragraph;
  }

  // Give each result that Sphinx adds to the list its excerpt.
  async function addExcerpts() {
    const results = document.getElementById("search-results");
    const query = new URLSearchParams(window.location.search).get("q");
    if (!results || !query) return;
    const script = document.createElement("script");
    script.src = `${document.documentElement.dataset.content_root}_static/texts.js`;
    document.body.appendChild(script);
    const pattern = wanted(query);
    const all = await texts;
    const add = (item) => {
      const link = item.querySelector("a");
      if (!link || item.dataset.excerpt || item.querySelector("span")) return; // a name of the library says where it is
      item.dataset.excerpt = "yes";
      const [page, anchor] = link.getAttribute("href").split("#");
      const paragraph = excerpt(all[page.replace(/\.html$/, "")] || [], anchor, pattern);
      if (paragraph) item.append(paragraph);
    };
    const addAll = () => results.querySelectorAll("ul.search > li").forEach(add);
    new MutationObserver(addAll).observe(results, { childList: true, subtree: true });
    addAll();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", addExcerpts);
  else addExcerpts();
}
