"""BERT and RoBERTa with weights of ``transformers``, and MiniLM, which turns sentences into vectors.

MiniLM (Wang et al., 2020, https://arxiv.org/abs/2002.10957) is a BERT of 6 blocks, distilled from a larger one.
all-MiniLM-L6-v2 was then trained on more than a billion pairs of sentences so that the vectors of two sentences that
belong together are close (Reimers and Gurevych, 2019, https://arxiv.org/abs/1908.10084, for the method). See the card
``minilm.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ..data.registry import files
from ..models.bert import BERT, BERTConfig
from ..models.modes import evaluating
from ..text.tokenizers import valid

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MINILM = BERTConfig(n_layer=6, d_model=384, masked_head=False, n_classes=0)
LONGEST = 256  # word pieces of a text, its first and last token included, that the published model reads

# Our names of modules: theirs, stacked along the output dimension; outside and inside a block.
_MODULES = {
    "token_embedding": ("embeddings.word_embeddings",),
    "position_embedding": ("embeddings.position_embeddings",),
    "segment_embedding": ("embeddings.token_type_embeddings",),
    "embedding_norm": ("embeddings.LayerNorm",),
    "pooler": ("pooler.dense",),
}
_BLOCK = {
    "attention.qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.project": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "mlp.expand": ("intermediate.dense",),
    "mlp.contract": ("output.dense",),
    "mlp_norm": ("output.LayerNorm",),
}


class SentenceEncoder(nn.Module):
    """A BERT whose averaged hidden states are vectors of sentences, and its tokenizer."""

    def __init__(self, model: BERT, tokenizer: Tokenizer, longest: int = LONGEST) -> None:
        super().__init__()
        self.model, self.tokenizer, self.longest = model, tokenizer, longest
        tokenizer.no_padding()
        tokenizer.enable_truncation(longest)

    def batch(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Tokens of texts, with a token before and one after each, what is longer than ``longest`` cut off.

        Returns:
            ``(batch, time)``, int64, padded at the end; and the mask of the same shape, false where a token is padding.
            Both are on the model's device.

        Raises:
            TypeError: if ``texts`` is a single text.
            ValueError: if there is none, or one contains an unpaired surrogate.
        """
        if isinstance(texts, str):
            raise TypeError("This is a single text: put it into a list.")
        rows = [torch.tensor(self.tokenizer.encode(valid(text)).ids) for text in texts]
        device = self.model.token_embedding.weight.device
        lengths = torch.tensor([len(row) for row in rows])[:, None]
        tokens = pad_sequence(rows, batch_first=True)  # [PAD] is token 0
        return tokens.to(device), (torch.arange(tokens.shape[1]) < lengths).to(device)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Sentence vectors: the mean of the hidden states of real tokens, scaled to length 1.

        Args:
            tokens: ``(batch, time)``, from :meth:`batch`.
            mask: ``(batch, time)``, false where a token is padding.

        Returns:
            ``(batch, d_model)``. The product of two is the cosine of the angle between them.
        """
        hidden, real = self.model(tokens, mask), mask.unsqueeze(-1)
        return F.normalize((hidden * real).sum(1) / real.sum(1), dim=1)

    @torch.no_grad()
    def embed(self, texts: Sequence[str], batch_size: int = 64) -> Tensor:
        """Sentence vectors of any number of texts, in evaluation mode and without gradients.

        Args:
            texts: of any length; see :meth:`batch`.
            batch_size: how many are computed together. Texts of similar length are, so that there is little padding.

        Returns:
            ``(n, d_model)``, in the order of the texts.

        Raises:
            TypeError: if ``texts`` is a single text.
            ValueError: if one contains an unpaired surrogate.
        """
        if isinstance(texts, str):
            raise TypeError("This is a single text: put it into a list.")
        weight = self.model.token_embedding.weight
        vectors = weight.new_empty(len(texts), self.model.config.d_model)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        with evaluating(self):
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                vectors[chosen] = self(*self.batch([texts[index] for index in chosen]))
        return vectors


def load_minilm(*, unchecked: bool = False) -> SentenceEncoder:
    """all-MiniLM-L6-v2 in evaluation mode: English sentences and short paragraphs to vectors of 384 numbers.

    ``load_minilm().embed(texts)`` is what the published pipeline computes. See the card ``minilm.md``.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package with the weights is missing or damaged.
    """
    from tokenizers import Tokenizer

    found = files("minilm", unchecked=unchecked)
    theirs = load_file(found["model.safetensors"])
    with torch.device("meta"):  # shapes only: spends no time on initial weights
        model = BERT(MINILM)
    state = {name: torch.cat([theirs[there] for there in _over_there(name)]) for name in model.state_dict()}
    model.load_state_dict(state, assign=True)
    return SentenceEncoder(model, Tokenizer.from_file(str(found["tokenizer.json"]))).eval()


def _over_there(name: str) -> list[str]:
    """Their names of one of our tensors."""
    module, _, parameter = name.rpartition(".")
    if module.startswith("blocks."):
        _, layer, module = module.split(".", 2)
        return [f"encoder.layer.{layer}.{theirs}.{parameter}" for theirs in _BLOCK[module]]
    return [f"{theirs}.{parameter}" for theirs in _MODULES[module]]
