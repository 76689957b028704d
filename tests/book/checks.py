"""Checks of built pages. The tests apply them to the book and to pages with planted faults.

Each check returns a list of problems, one line each, which is empty if there are none.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urldefrag, urlsplit

from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, ViewportSize
from playwright.sync_api import Error as PlaywrightError

DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)

Theme = Literal["light", "dark"]


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine and give its address, which ends in a slash."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Opened:
    """A page in the browser, with what happened while it loaded."""

    page: Page
    console: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: Browser, base: str, name: str, theme: Theme = "light") -> Iterator[Opened]:
    """Open a page as on a first visit; requests to other hosts are blocked and recorded."""
    context = browser.new_context(viewport=DESKTOP, color_scheme=theme, reduced_motion="reduce")
    result = Opened(context.new_page())

    def decide(route: Route) -> None:
        if route.request.url.startswith(base):
            route.continue_()
        else:
            result.outside.append(route.request.url)
            route.abort()

    result.page.route("**/*", decide)
    result.page.on("websocket", lambda socket: result.outside.append(socket.url))

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            result.console.append(f"{message.text} ({message.location.get('url', '')})")

    result.page.on("console", note)
    result.page.on("pageerror", lambda error: result.console.append(str(error)))
    try:
        result.page.goto(base + name, wait_until="load")
        yield result
    finally:
        context.close()


def console_errors(visit: Opened) -> list[str]:
    """Errors that the page wrote to the browser's console."""
    return [f"console error: {line}" for line in visit.console]


def outside_requests(visit: Opened) -> list[str]:
    """Requests to other hosts, made or named in the page's source for later."""
    urls = list(visit.outside)
    urls += visit.page.evaluate(
        """() => [...document.querySelectorAll(
                'script[src], img[src], iframe[src], source[src], video[src], audio[src], '
                + 'link[href]:not([rel=canonical]):not([rel=author]):not([rel=license])')]
            .map(e => e.src || e.href).filter(u => /^https?:/.test(u))
            .filter(u => new URL(u).host !== location.host)"""
    )
    return [f"request to another host: {url}" for url in dict.fromkeys(urls)]


def formulas(page: Page, timeout_ms: int = 15_000) -> list[str]:
    """Formulas that MathJax did not typeset, and formulas left as text."""
    count = page.locator(".math").count()
    if count:
        try:
            page.wait_for_function("() => window.MathJax?.startup?.promise", timeout=timeout_ms)
            page.evaluate("() => MathJax.startup.promise.then(() => true)")
        except PlaywrightError:
            return [f"{count} formulas and no MathJax"]
    problems = []
    typeset = page.locator(".math mjx-container").count()
    if typeset < count:
        problems.append(f"{count - typeset} of {count} formulas are not typeset")
    problems += [
        f"formula with an error: {text}"
        for text in page.evaluate(
            """() => [...document.querySelectorAll('mjx-merror')]
                     .map(e => e.getAttribute('data-mjx-error') || e.textContent)"""
        )
    ]
    return problems


def markup_left(page: Page) -> list[str]:
    """Formulas, tables, roles and emphasis that the reader sees as raw text."""
    prose = page.evaluate(
        """() => { const copy = (document.querySelector('article') || document.body).cloneNode(true);
             copy.querySelectorAll('pre, code, script, style, mjx-container, .sig').forEach(e => e.remove());
             return copy.textContent; }"""
    )
    patterns = (
        r"\$\$",
        r"\\[\[(]\S",
        r"\$[^$\n]*[\\^_][^$\n]*\$",  # a formula
        r"\| *:?(?:--+|[–—]):? *\|",  # the rule below a table's head
        r"\{[a-z][a-z:-]+\}`",  # a role
        r"\*\*\w",
        r"```|:::|^\.\. [a-z:]+::",
    )
    return [f"left as text: {match[0][:60]}" for match in re.finditer("|".join(patterns), prose, flags=re.M)]


_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  const inScroller = e => {
    for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
      if (['auto', 'scroll'].includes(getComputedStyle(p).overflowX)) return true;
    }
    return false;
  };
  const wide = [...document.querySelectorAll('main *')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && box.right > width + 1 && box.left < width
      && e.checkVisibility({visibilityProperty: true})
      && !e.closest('mjx-assistive-mml, .visually-hidden') && !inScroller(e);
  });
  const names = wide.slice(0, 3).map(e =>
    `<${e.tagName.toLowerCase()} class="${e.getAttribute('class') || ''}"> `
    + `ends at ${Math.round(e.getBoundingClientRect().right)}`);
  const page = document.documentElement.scrollWidth;
  if (page > width + 1) names.unshift(`the page is ${page} px wide`);
  return names;
}"""


def overflow(page: Page, viewport: ViewportSize) -> list[str]:
    """Parts that extend beyond a window of this width."""
    if page.viewport_size != viewport:
        page.set_viewport_size(viewport)
        page.wait_for_timeout(600)  # the page's own scripts react with a delay
    return [f"{viewport['width']} px: {name}" for name in page.evaluate(_OVERFLOW)]


_WITHOUT_OWN_FONTS = """async () => {
  for (const sheet of document.styleSheets) {
    if (!sheet.href?.includes('/_static/fonts.css')) continue;
    for (let i = sheet.cssRules.length - 1; i >= 0; i--) {
      if (sheet.cssRules[i] instanceof CSSFontFaceRule) sheet.deleteRule(i);
    }
  }
  const metrics = 110;  // MathJax's state in which a formula is measured against the text around it
  if (document.querySelector('mjx-container')) MathJax.startup.document.rerender(metrics);
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


def overflow_in_other_fonts(page: Page) -> list[str]:
    """Parts that extend beyond a narrow or a wide window if the page's own fonts are not loaded.

    Afterwards the page is without its fonts.
    """
    page.evaluate(_WITHOUT_OWN_FONTS)
    return [f"in other fonts, {fault}" for size in (PHONE, DESKTOP) for fault in overflow(page, size)]


_LIKE_ANOTHER = """() => {
  const seen = new Set(), texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), again = [];
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (!text.data.trim() || text.parentElement.closest('script, style, mjx-container')) continue;
    let look = getComputedStyle(text.parentElement).color;  // classes alone do not tell of a second row
    for (let e = text.parentElement; e && e.tagName !== 'HTML'; e = e.parentElement) {
      const name = `${e.tagName} ${e.className} ${e.id && 'id'} ${e.getAttribute('style') || ''}`;
      look += `/${name} ${getComputedStyle(e).backgroundColor}`;
    }
    if (seen.has(look)) again.push(text); else seen.add(look);
  }
  for (const text of again) text.data = '';
}"""


_FORMULAS_LIKE_ANOTHER = """() => {
  const seen = new Set();
  for (const formula of [...document.querySelectorAll('mjx-container')]) {
    const look = [formula.className, formula.getAttribute('display'), formula.parentElement.className].join('/');
    if (seen.has(look)) formula.remove(); else seen.add(look);
  }
}"""


def thin_out_formulas(page: Page) -> None:
    """Take away each formula for which there is another of its kind: MathJax makes hundreds of elements of one."""
    page.evaluate(_FORMULAS_LIKE_ANOTHER)


def thin_out(page: Page) -> None:
    """Take away each text for which there is another in elements of the same kinds, and so in the same colours.

    A chapter has thousands, of which some hundreds look different, and axe takes milliseconds for the contrast of each.
    """
    page.evaluate(_LIKE_ANOTHER)


CONTRAST = "color-contrast"


def accessibility(page: Page, *rules: str, without: str = "") -> list[str]:
    """Serious and critical faults that axe finds, by the rules named or by all rules, without one if that is named."""
    # Without preload: axe looks for imported style sheets in the wrong folder.
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    if without:
        options["rules"] = {without: {"enabled": False}}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"axe {fault['id']} ({fault['impact']}): {fault['nodes'][0]['html'][:160]}"
        + (f" and {len(fault['nodes']) - 1} more" if len(fault["nodes"]) > 1 else "")
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


def alternative_texts(page: Page) -> list[str]:
    """Pictures without an alternative text, or with their file's name instead of one."""
    pictures = page.evaluate(
        """() => [...document.querySelectorAll('img')].map(
            e => [e.getAttribute('src'), e.getAttribute('alt'), !!e.closest('article')])"""
    )
    return [
        f"picture without an alternative text: {src}"
        for src, alt, in_text in pictures
        if alt is None
        or (in_text and not alt.strip())  # outside the text an empty one marks a decorative picture
        or re.search(r"\.(png|svg|jpe?g|gif|webp)$", alt.strip())
    ]


@functools.cache
def _soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def _anchors(path: Path) -> frozenset[str]:
    tags = _soup(path).find_all(lambda tag: tag.has_attr("id") or tag.has_attr("name"))
    return frozenset(str(tag.get(key)) for tag in tags for key in ("id", "name") if tag.get(key))


def internal_links(path: Path) -> list[str]:
    """Links of a built page to files or places of the book that do not exist."""
    problems = []
    tags = _soup(path).find_all(["a", "img", "script", "link", "source", "iframe"])
    for tag in (t for t in tags if isinstance(t, Tag)):
        address = str(tag.get("href") or tag.get("src") or "")
        if not address or urlsplit(address).scheme or address.startswith("//"):
            continue
        address, fragment = urldefrag(address)
        target = path.parent / unquote(urlsplit(address).path) if address else path
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            problems.append(f"{path.name}: link to {address}, which is not there")
        elif fragment and target.suffix == ".html" and unquote(fragment) not in _anchors(target):
            problems.append(f"{path.name}: link to {address}#{fragment}, which is not there")
    return problems


def page_faults(browser: Browser, base: str, name: str) -> list[str]:
    """All faults of a page in a browser: light and dark, wide and narrow, in its own fonts and in others."""
    with opened(browser, base, name) as visit:
        page = visit.page
        problems = [*formulas(page), *markup_left(page), *alternative_texts(page), *overflow(page, DESKTOP)]
        problems += overflow(page, PHONE)
        problems += overflow_in_other_fonts(page)
        thin_out_formulas(page)
        problems += accessibility(page, without=CONTRAST)
        thin_out(page)
        problems += accessibility(page, CONTRAST)
        page.evaluate("() => { document.documentElement.dataset.theme = 'dark' }")
        problems += [f"in dark mode: {fault}" for fault in accessibility(page, CONTRAST)]
        return console_errors(visit) + outside_requests(visit) + problems
