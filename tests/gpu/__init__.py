"""One prepared run on a GPU: ``python -m tests.gpu``."""
