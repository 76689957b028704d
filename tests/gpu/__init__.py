"""All tests and measurements on a GPU, in one run: ``python -m tests.gpu``."""
