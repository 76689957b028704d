"""What builds and checks the book. No reader imports it; run as `python -m tools.NAME`."""
