from __future__ import annotations

import numpy as np
import pytest

from largemodels.objectives.decisions import net_benefit


def test_by_hand() -> None:
    chance, ill = [0.9, 0.6, 0.4, 0.3, 0.1], [1, 0, 1, 0, 0]
    assert net_benefit(chance, ill, 0.2) == pytest.approx(2 / 5 - 2 / 5 * 0.25)
    assert net_benefit(chance, ill, 0.5) == pytest.approx(1 / 5 - 1 / 5)
    assert net_benefit(chance, ill, 0.9) == 0  # nobody is above


def test_everybody_is_worth_nothing_at_the_share_of_the_ill() -> None:
    ill = np.arange(7) < 3
    assert net_benefit(np.ones(7), ill, 3 / 7) == pytest.approx(0)
    assert net_benefit(np.ones(7), ill, 0.1) == pytest.approx(3 / 7 - 4 / 7 / 9)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.1])
def test_threshold(threshold: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        net_benefit([0.5], [1], threshold)


def test_lengths() -> None:
    with pytest.raises(ValueError, match="people"):
        net_benefit([0.5, 0.2], [1], 0.3)
