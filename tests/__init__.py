"""The tests; a package, so that another distribution's top-level `tests` cannot stand in for it."""
