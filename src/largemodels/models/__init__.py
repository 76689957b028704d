"""Architectures, one a file. A model needs nothing of the library but its file and ``attention.py``."""
