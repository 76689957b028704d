from __future__ import annotations

import pytest
import torch

from largemodels.data import speech
from largemodels.models.mel import whisper_features
from largemodels.pretrained.whisper import RATE, Transcriber, load_whisper
from largemodels.pretrained.whisper_guarded import Attempt, attempt, guarded
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def there() -> Transcriber:
    installed("whisper")
    return load_whisper()


def test_what_is_said_is_kept(there: Transcriber) -> None:
    installed("prompts-en", "prompts-en-texts")
    prompt = next(it for it in speech.prompts() if it.key == "conf-locked")
    sound = speech.resampled(prompt.sound, RATE)
    first, second = guarded(there, sound, (0, 1))
    assert first == second and len(first) == 1
    assert [first[0].text] == there.transcribe([sound]) and first[0].accepted and not first[0].silent


def test_soft_noise_is_silence(there: Transcriber) -> None:
    noise = 0.02 / 3 * torch.randn(3 * RATE, generator=torch.Generator().manual_seed(0))
    (its,) = guarded(there, noise)
    assert its[-1].silent and len(its) == 1


def test_log_probability_and_draws(there: Transcriber) -> None:
    noise = 0.1 * torch.randn(2 * RATE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        memory = there.model.encode(whisper_features(noise)[None])
    greedy = attempt(there, memory, n_new=60)  # it ends before
    again = [attempt(there, memory, 1.0, torch.Generator().manual_seed(3), n_new=9) for _ in range(2)]
    assert again[0] == again[1] and again[0].log_probability < greedy.log_probability
    tokens = there.encode(greedy.text)
    with torch.no_grad():
        logits = there.model.logits(there.model.decode(tokens[None, :-1], memory))[0]
    logits[1:, list(there.never)] = -torch.inf
    logits[1, list(there.never_first)] = -torch.inf
    scores = logits[1:].log_softmax(dim=1)[torch.arange(len(tokens) - 2), tokens[2:]]
    assert float(scores.mean()) == pytest.approx(greedy.log_probability, abs=1e-4)
    assert float(logits[0].softmax(dim=0)[50361]) == pytest.approx(greedy.no_speech, abs=1e-5)


@pytest.mark.parametrize(
    ("judged", "accepted", "silent"),
    [
        ((1.0, -0.5, 0.1), True, False),
        ((2.5, -0.5, 0.1), False, False),
        ((1.0, -1.5, 0.1), False, False),
        ((1.0, -0.5, 0.9), True, False),
        ((2.5, -1.5, 0.9), True, True),
    ],
)
def test_rules(judged: tuple[float, float, float], accepted: bool, silent: bool) -> None:
    it = Attempt("text", 0.0, *judged)
    assert (it.accepted, it.silent) == (accepted, silent)
