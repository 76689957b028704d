"""Architectures, one per file, and the parts that several share. They import nothing else from the library."""
