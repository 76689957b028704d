from __future__ import annotations

import pytest
import torch

from largemodels.data import speech
from largemodels.data.checks import DataError
from largemodels.pretrained.whisper import END, RATE, START, Transcriber, load_whisper, tensors
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def there() -> Transcriber:
    installed("whisper")
    return load_whisper()


def test_it_writes_what_is_said(there: Transcriber) -> None:
    installed("prompts-en", "prompts-en-texts")
    its = {it.key: it for it in speech.prompts()}
    sounds = [speech.resampled(its[key].sound, RATE) for key in ("conf-locked", "digits/h-10")]
    assert there.model.n_parameters() == 37_186_560 or there.model.n_parameters() > 37_000_000
    assert there.transcribe(sounds) == ["This conference is locked.", "10th."]
    assert there.transcribe(sounds[:1], n_beam=2, at_once=1) == ["This conference is locked."]


def test_tokens(there: Transcriber) -> None:
    tokens = there.encode("Press star.")
    assert tokens[:2].tolist() == list(START) and tokens[-1] == END
    assert there.decode(tokens[2:]) == "Press star."


def test_damaged_files() -> None:
    with pytest.raises(DataError, match="damaged"):
        tensors(b"\x06\x00\x00\x00\x05\x00abc")
    assert torch.equal(tensors(_file())["w"], torch.tensor([[1.0, 2.0]]))


def _file() -> bytes:
    name = b"\x02\x00w\x00"
    shape = b"\x02" + (1).to_bytes(4, "little") + (2).to_bytes(4, "little")
    numbers = torch.tensor([1.0, 2.0], dtype=torch.float16).numpy().tobytes()
    head = (6).to_bytes(4, "little") + b"\x02\x00x\x00" + (1).to_bytes(4, "little") * 2
    return head + name + shape + b"\x04" + (4).to_bytes(4, "little") + numbers
