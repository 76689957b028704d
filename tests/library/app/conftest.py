"""Two tiny trained models, and the app that serves them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from largemodels.app.pages import AppConfig, Writer, serving
from largemodels.app.runs import load_run, recipe_for, settings_for, train_run
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.text.tokenizers import END_OF_TEXT, ByteBPE, Tokenizer, TransformersTokenizer


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory):
    """Folder of a run of 60 steps."""
    folder = tmp_path_factory.mktemp("app") / "run"
    settings = settings_for("smoke", d_model=32, context_length=64)
    train_run(folder, settings, recipe_for("smoke", 60, None, "muon", None, "fp32"))
    return folder


@pytest.fixture(scope="session")
def models(run_folder) -> dict[str, tuple[GPT, Tokenizer]]:
    """The one after 60 steps, and the one before the first."""
    return {"trained": load_run(run_folder), "other": load_run(next(run_folder.glob("step-*")))}


@pytest.fixture(scope="session")
def talker() -> tuple[GPT, Tokenizer]:
    """An untrained model with a tokenizer of bytes and a chat template, as if it had learnt to answer."""
    torch.manual_seed(0)
    pairs = ByteBPE.train(["to be or not"], 257)
    inner = PreTrainedTokenizerFast(tokenizer_object=pairs._fast, eos_token=END_OF_TEXT)
    inner.chat_template = (
        "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}a:{% endif %}"
    )
    sizes = GPTConfig(vocab_size=257, context_length=64, n_layer=1, n_head=2, d_model=16)
    return GPT(sizes).eval(), TransformersTokenizer(inner)


@pytest.fixture(scope="module")
def writer(models) -> Writer:
    return Writer(models, AppConfig(max_tokens=50_000))


@pytest.fixture(scope="module")
def address(writer: Writer) -> Iterator[str]:
    with serving(writer) as found:
        yield found
