"""Programs that build and check the book, run as `python -m tools.NAME`. Readers do not need them."""
