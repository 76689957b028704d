"""Weights that studies keep: small, checked, resumed, and fetched where there is no checkout."""

from __future__ import annotations

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from torch import nn

import largemodels as lm
from largemodels import paths
from largemodels.book import kept, studies
from largemodels.book.kept import WeightsError

NAME = "09_part/thing"
ROOT = Path(__file__).resolve().parents[3]
CONFIG = lm.MLPConfig(4, (3,), 2)


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study's script and a data folder that the test may change."""
    script = tmp_path / "notebooks" / f"{NAME}_study.py"
    script.parent.mkdir(parents=True)
    script.write_text("seeds = [1, 2]\n", encoding="utf-8")
    monkeypatch.setattr(studies, "script", lambda name: tmp_path / "notebooks" / f"{name}_study.py")
    for module in (studies, paths):
        monkeypatch.setattr(module, "data_root", lambda: tmp_path / "data")
    return script


def model(seed: int) -> lm.MLP:
    torch.manual_seed(seed)
    return lm.MLP(CONFIG)


def run(fail_at: int = 99) -> list[int]:
    """A study that keeps the model of its first seed; the seeds that were computed."""
    study, computed = studies.Study(NAME), []

    def compute(seed: int) -> dict[str, int]:
        if seed == fail_at:
            raise KeyboardInterrupt
        computed.append(seed)
        if seed == 1:
            study.keep("first", model(1))
        return {"loss": seed}

    for seed in (1, 2):
        study.row(compute, seed=seed)
    study.save()
    return computed


def test_weights_come_back_in_half_precision_with_their_config() -> None:
    run()
    found = studies.weights(NAME, "first")
    again = lm.MLP(lm.MLPConfig(**found.config))
    again.load_state_dict(found.state)
    for name, tensor in model(1).state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.half().float())
    stored = studies.read(NAME)["weights"]["first"]
    assert (stored["file"], stored["bytes"]) == ("thing_first.safetensors", found.path.stat().st_size)
    assert list((ROOT / "data").rglob("*first*")) == []


def test_an_interrupted_study_still_has_what_it_kept() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(fail_at=2)
    (part,) = kept.folder().rglob("*.part")
    assert run() == [2]
    assert studies.weights(NAME, "first").path.exists()
    assert not part.exists()


def test_what_an_interrupted_study_lost_is_computed_again() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(fail_at=2)
    next(kept.folder().rglob("*.part")).write_bytes(b"damaged")
    assert run() == [1, 2]
    assert studies.weights(NAME, "first").state


def test_damaged_missing_and_unknown_weights_are_refused(checkout: Path) -> None:
    run()
    path = studies.weights(NAME, "first").path
    with pytest.raises(studies.StudyError, match=r"has no weights 'second'\. It kept: first"):
        studies.weights(NAME, "second")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(WeightsError, match=f"is not what its study kept. .* make study NAME={NAME}"):
        studies.weights(NAME, "first")
    path.unlink()
    with pytest.raises(WeightsError, match="is missing"):
        studies.weights(NAME, "first")
    checkout.write_text("seeds = [3]\n", encoding="utf-8")
    with pytest.raises(studies.StudyError, match=r"thing_study\.py changed"):
        studies.weights(NAME, "first")


def test_other_weights_are_another_study_for_a_chapter() -> None:
    run()
    stored = studies.read(NAME)
    before = studies.fingerprint(stored)
    stored["weights"]["first"]["sha256"] = "0"
    assert studies.fingerprint(stored) != before


def test_keeping_belongs_into_a_row() -> None:
    with pytest.raises(studies.StudyError, match="in the function that computes a row"):
        studies.Study(NAME).keep("a", model(0))


def test_what_is_too_large_or_not_finite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(WeightsError, match=r"4\.2 MB; a chapter keeps 4 MB at most"):
        kept.write(path, {"a": torch.zeros(2_100_000)})
    with pytest.raises(WeightsError, match="a holds a number that is not finite in half precision"):
        kept.write(path, {"a": torch.tensor([1e6])})
    assert list(tmp_path.glob("a.*")) == []


def test_the_same_weights_are_the_same_file_and_the_order_of_its_header_does_not_count(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    checksum = kept.write(path, model(1))["sha256"]
    whole = path.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    entries = json.loads(whole[8:end])
    assert [*entries] == sorted(entries)
    assert [*entries["__metadata__"]] == ["config", "tied"]
    entries["__metadata__"] = dict(reversed(entries["__metadata__"].items()))
    turned = json.dumps(entries, separators=(",", ":")).encode()
    turned += b" " * (end - 8 - len(turned))
    path.write_bytes(whole[:8] + turned + whole[end:])
    assert path.read_bytes() != whole
    assert kept.content(path) == checksum
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert kept.content(path) != checksum


def test_tied_weights_are_stored_once_and_whole_numbers_as_they_are(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(100, 100, bias=False), nn.Linear(100, 100, bias=False))
    tied[1].weight = tied[0].weight
    assert kept.write(tmp_path / "a", tied)["bytes"] < 21_000
    assert torch.equal(*kept.read(tmp_path / "a").state.values())
    kept.write(tmp_path / "b", {"a": torch.tensor([-127, 127], dtype=torch.int8)}, {"bits": 8})
    found = kept.read(tmp_path / "b")
    assert found.state["a"].tolist() == [-127, 127]
    assert (found.state["a"].dtype, found.config) == (torch.int8, {"bits": 8})
    (tmp_path / "c").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="does not hold weights"):
        kept.read(tmp_path / "c")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library without a checkout, and the folder that its repository is served from."""
    run()
    monkeypatch.setattr(paths, "checkout", lambda: False)
    monkeypatch.setattr(kept, "user_cache_path", lambda name: tmp_path / "cache" / name)
    served = tmp_path / "served" / kept.BRANCH / "data"
    served.mkdir(parents=True)
    kept.folder().rename(served / "weights")
    return tmp_path / "served"


def test_without_a_checkout_weights_are_fetched_once(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=installed)
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(paths, "REPOSITORY", f"http://127.0.0.1:{server.server_port}")
        found = studies.weights(NAME, "first")
        assert "cache" in found.path.parts
        (file,) = installed.rglob("*.safetensors")
        file.write_bytes(b"another")
        assert studies.weights(NAME, "first").state.keys() == found.state.keys()
        found.path.unlink()
        with pytest.raises(WeightsError, match="is not the file that this version of the library expects"):
            studies.weights(NAME, "first")
        file.unlink()
        with pytest.raises(WeightsError, match="cannot be fetched"):
            studies.weights(NAME, "first")
        server.shutdown()


def test_a_library_that_knows_no_address_says_so(installed: Path) -> None:
    with pytest.raises(WeightsError, match=r"does not know where the book is published\. Install it"):
        studies.weights(NAME, "first")
