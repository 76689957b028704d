"""``python -m largemodels``: the command line, also for ``torchrun``."""

from .cli import main

main()
