"""Architectures, one a file, and the parts that several share. They need nothing else of the library."""
