"""What a chapter of the book uses: its start, claims, studies and the look of its figures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules={"plots", "studies"})
