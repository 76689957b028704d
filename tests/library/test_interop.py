"""That weights are right is tested in tests/parity."""

from __future__ import annotations

import subprocess
import sys


def test_transformers_is_imported_when_it_is_needed() -> None:
    program = (
        "import sys, largemodels.interop, largemodels.data.weights; sys.exit('transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
