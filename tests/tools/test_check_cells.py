"""Which cells only check, and what they count."""

from __future__ import annotations

import pytest

from tools.check_cells import checks_alone, counts


@pytest.mark.parametrize(
    "source",
    [
        'lm.claim("loss", loss, 1, 2)',
        "assert a == b",
        "torch.testing.assert_close(a, b)",
        "np.testing.assert_allclose(a, b)",
        'gap = a - b\nlm.claim("gap", gap, 0, 1)',
        "for name, loss in losses.items():\n    lm.claim(name, loss, 0, 1)",
        "for name in names:\n    loss = losses[name]\n    lm.claim(name, loss, 0, 1)",
        "if torch.cuda.is_available():\n    assert a == b",
        "with torch.no_grad():\n    torch.testing.assert_close(a(x), b(x))",
    ],
)
def test_checks_alone(source: str) -> None:
    assert checks_alone(source)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "a = 1",
        "a = 1\nb = 2\nassert a < b",  # it builds more than it checks
        'print(loss)\nlm.claim("loss", loss, 1, 2)',
        'lm.claim("loss", loss, 1, 2)\ntable',
        'import math\nlm.claim("log 2", math.log(2), 0.6, 0.7)',
        "def f(): ...\nassert f() is None",
        "for x in xs:\n    print(x)\n    assert x",
        "for x in xs:\n    total += x",
        "%matplotlib inline\nassert True",
        "claim(1)",
    ],
)
def test_not_checks_alone(source: str) -> None:
    assert not checks_alone(source)


def test_counts() -> None:
    source = 'lm.claim("a", 1, 0, 2)\nassert x\nfor b in bs:\n    torch.testing.assert_close(b, lm.claim("b", b, 0, 1))'
    assert counts(source) == (2, 2)
    assert counts("!ls") == (0, 0)
