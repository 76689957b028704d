"""Tools for the book's chapters: set-up, claims, studies and the style of figures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules={"plots", "studies"})
