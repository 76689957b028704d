from __future__ import annotations

import pytest
import torch

from largemodels.book import costs


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock with one entry, the time in seconds, which a test moves."""
    now = [100.0]
    monkeypatch.setattr(costs.time, "perf_counter", lambda: now[0])
    return now


def test_the_median_of_turns_after_a_warm_up(clock: list[float]) -> None:
    calls: list[str] = []

    def answer(name: str, takes: list[float]) -> None:
        calls.append(name)
        assert torch.get_num_threads() == 1
        clock[0] += takes[calls.count(name) - 1]

    before = torch.get_num_threads()
    table = costs.answer_costs(
        {
            "counting": lambda: answer("counting", [50.0, 0.2, 0.9, 0.1]),
            "network": lambda: answer("network", [50.0, 3.0, 1.0, 70.0]),
        },
        answers=5,
        megabytes={"network": 80, "counting": 2},
        price=0.5,
    )
    assert calls == ["counting", "network"] * 4
    assert torch.get_num_threads() == before
    assert table["ms an answer"].to_dict() == pytest.approx({"counting": 40, "network": 600})
    assert table["MB"].to_dict() == {"counting": 2, "network": 80}
    assert table.loc["network", "core-hours a million"] == pytest.approx(0.6 * 1e6 / 3600)
    assert table.loc["network", "$ a million"] == pytest.approx(0.3 * 1e6 / 3600)
    assert table["times the first"].tolist() == pytest.approx([1, 15])


def test_threads_come_back_after_an_error() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(ZeroDivisionError):
            costs.answer_costs({"wrong": lambda: 1 / 0}, 1)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(methods={}, answers=1), "needs a method"),
        (dict(methods={"a": int}, answers=0), "above zero"),
        (dict(methods={"a": int}, answers=1, repeats=0), "above zero"),
        (dict(methods={"a": int}, answers=1, price=0), "above zero"),
        (dict(methods={"a": int, "c": int}, answers=1, megabytes={"b": 1}), "the methods a, c; it names b"),
    ],
)
def test_bad_input(arguments: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        costs.answer_costs(**arguments)
