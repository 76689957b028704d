"""``python -m largemodels``: the command line, also for ``torchrun``."""

from .app.cli import main

main()
