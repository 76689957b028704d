"""A model of our own, fine-tuned on dialogues: the app finds its folder, and a reader converses with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser

from largemodels.app import cli
from largemodels.app.conversation import can_answer
from largemodels.app.pages import AppConfig, Writer, serving
from largemodels.app.runs import load_run
from largemodels.data.batches import shuffled
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.text import tokenizers
from largemodels.text.speakers import with_speakers
from largemodels.text.tokenizers import ByteBPE, TransformersTokenizer
from largemodels.text.writing import written_dialogue
from largemodels.training.config import TrainingConfig
from largemodels.training.loop import train
from tests.library.app.test_pages import state, until
from tools.app_picture import ANSWERS, say

ANSWER = "well, thank you"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder ``runs/dialogue`` as the chapter writes it, with a model that knows one answer by heart."""
    folder = tmp_path_factory.mktemp("reader") / "runs" / "dialogue"
    tokenizer = with_speakers(ByteBPE.train(["how are you well, thank you"], 260))
    before = written_dialogue(tokenizer, [{"role": "user", "content": "how are you"}])
    after = torch.cat([tokenizer.encode(ANSWER), torch.tensor([tokenizer.end_of_text])])
    text = torch.cat([before, after])
    targets = text[1:].clone()
    targets[: len(before) - 1] = -100
    torch.manual_seed(0)
    sizes = GPTConfig(vocab_size=tokenizer.vocab_size, context_length=64, n_layer=1, n_head=2, d_model=32)
    source = lambda start: shuffled(text[None, :-1], targets[None], batch_size=1, seed=0, start=start)  # noqa: E731
    recipe = TrainingConfig(steps=100, learning_rate=1e-2, evaluate_every=100)
    train(GPT(sizes), source, recipe, checkpoint=folder)
    tokenizers.save(tokenizer, folder / "tokenizer.json")
    return folder


def test_the_app_finds_the_run_and_sees_that_it_can_answer(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parents[1])
    assert cli._models_there()[0] == "runs/dialogue"
    _, tokenizer = load_run(run)
    assert isinstance(tokenizer, TransformersTokenizer) and can_answer(tokenizer)


def test_a_reader_is_answered(run: Path, browser: Browser) -> None:
    writer = Writer({"runs/dialogue": load_run(run)}, AppConfig(max_tokens=40))
    with serving(writer) as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        say(page, "how are you", tokens=40, seed=0)
        assert until(lambda: state(page).startswith("Done"))
        (answer,) = page.locator(ANSWERS).all_inner_texts()
        context.close()
    assert answer.strip() == ANSWER  # and nothing of the end of text or of the marks
