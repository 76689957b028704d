"""Data sets that no package of PyPI brings, for tests that read them."""

from __future__ import annotations

import pytest

from largemodels.data import registry
from largemodels.data.registry import DataError


def installed(*names: str) -> None:
    """Data sets in the user's cache, fetched by the first test that needs them."""
    try:
        registry.install([*names])
    except DataError as error:
        pytest.skip(str(error))
