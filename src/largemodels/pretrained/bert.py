"""BERT, RoBERTa and RoFormer with weights of ``transformers``, and MiniLM, which turns sentences into vectors.

MiniLM (Wang et al., 2020, https://arxiv.org/abs/2002.10957) is a small BERT that was distilled from a larger one. Every
second of its 12 blocks became all-MiniLM-L6-v2, which was trained on more than a billion pairs of texts so that the
vectors of two that belong together are close. Reimers and Gurevych, 2019 (https://arxiv.org/abs/1908.10084) introduced
such vectors. See the card ``minilm.md``.
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
    from transformers import PretrainedConfig, PreTrainedModel

MINILM = BERTConfig(n_layer=6, d_model=384, masked_head=False, n_classes=0)
LONGEST = 256  # word pieces of a text, its first and last token included, that the published model reads

_Names = dict[str, tuple[str, ...]]
# Our names of modules: theirs, stacked along the output dimension; outside and inside a block.
_MODULES: _Names = {
    "token_embedding": ("embeddings.word_embeddings",),
    "position_embedding": ("embeddings.position_embeddings",),
    "segment_embedding": ("embeddings.token_type_embeddings",),
    "embedding_norm": ("embeddings.LayerNorm",),
    "pooler": ("pooler.dense",),
}
_BLOCK: _Names = {
    "attention.qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.project": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "mlp.expand": ("intermediate.dense",),
    "mlp.contract": ("output.dense",),
    "mlp_norm": ("output.LayerNorm",),
}
# The same for the heads of each of their classes.
_BERT_WORDS: _Names = {
    "masked_head.transform": ("cls.predictions.transform.dense",),
    "masked_head.norm": ("cls.predictions.transform.LayerNorm",),
    "masked_head": ("cls.predictions",),
}
_ROBERTA_WORDS: _Names = {
    "masked_head.transform": ("lm_head.dense",),
    "masked_head.norm": ("lm_head.layer_norm",),
    "masked_head": ("lm_head",),
}
_HEADS: dict[str, _Names] = {
    "BertModel": {},
    "BertForMaskedLM": _BERT_WORDS,
    "BertForNextSentencePrediction": {"classes": ("cls.seq_relationship",)},
    "BertForPreTraining": _BERT_WORDS | {"classes": ("cls.seq_relationship",)},
    "BertForSequenceClassification": {"classes": ("classifier",)},
    "RobertaModel": {},
    "RobertaForMaskedLM": _ROBERTA_WORDS,
    "RobertaForSequenceClassification": {
        "pooler": ("classifier.dense",),  # the same computation, part of the head there
        "classes": ("classifier.out_proj",),
    },
    "RoFormerModel": {},
    "RoFormerForMaskedLM": _BERT_WORDS,
}
_FIELDS = {  # our config field: theirs, with the same value
    "vocab_size": "vocab_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "d_model": "hidden_size",
    "d_hidden": "intermediate_size",
    "norm_eps": "layer_norm_eps",
    "dropout": "hidden_dropout_prob",
}
# Theirs: ours.
_ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "quick_gelu": "quick_gelu", "relu": "relu"}


def bert_from_transformers(reference: PreTrainedModel) -> BERT:
    """A :class:`~largemodels.models.bert.BERT` with its own copy of the weights of a model of ``transformers``.

    A RoBERTa of ``transformers`` has one segment, whose vector is the same for all tokens, and 0 in the published
    weights; here it is added to those of the positions. In training it also drops elements before the pooler.

    Args:
        reference: a ``BertModel``, ``RobertaModel`` or ``RoFormerModel``, any of them with a head for masked words, one
            of the first two with a head for the classes of sequences, or ``BertForPreTraining`` or
            ``BertForNextSentencePrediction``.

    Raises:
        ValueError: if it is another class, or has features that our BERT lacks; the message names them.
    """
    kind = type(reference).__name__
    if kind not in _HEADS:
        raise ValueError(f"A {kind} is not supported; {', '.join(_HEADS)} are.")
    prefix = f"{reference.base_model_prefix}."
    theirs = {name.removeprefix(prefix): weight for name, weight in reference.state_dict().items()}
    names = _MODULES | _HEADS[kind]
    config = _our_config(reference.config, kind, theirs)
    if not config.n_segment:
        positions, segments = (
            f"{names[module][0]}.weight" for module in ("position_embedding", "segment_embedding")
        )
        theirs[positions] = theirs[positions][-config.context_length :] + theirs[segments]
    if config.position == "rotary":
        _pair_halves(theirs, config)
    with torch.device("meta"):  # shapes only: spends no memory or time on initial weights
        model = BERT(config)
    _fill(model, theirs, names)
    return model.train(reference.training)


def _our_config(theirs: PretrainedConfig, kind: str, state: dict[str, Tensor]) -> BERTConfig:
    """Convert their configuration to ours; refuses features that our BERT lacks."""
    roberta, masked = kind.startswith("Roberta"), "masked_head" in _HEADS[kind]
    rotary = kind.startswith("RoFormer")
    wanted = {"is_decoder": False, "attention_probs_dropout_prob": theirs.hidden_dropout_prob}
    if masked:
        wanted["tie_word_embeddings"] = True
    if roberta:
        wanted |= {"type_vocab_size": 1} | ({"hidden_act": "gelu"} if masked else {})
    if rotary:
        wanted |= {"rotary_value": False, "embedding_size": theirs.hidden_size}
    for name, value in wanted.items():
        if getattr(theirs, name) != value:
            raise ValueError(f"Our BERT needs {name} = {value!r}; this model has {getattr(theirs, name)!r}.")
    if theirs.hidden_act not in _ACTIVATIONS:
        known = " or ".join(map(repr, _ACTIVATIONS))
        raise ValueError(f"Our BERT needs hidden_act = {known}; this model has {theirs.hidden_act!r}.")
    pooler = (_MODULES | _HEADS[kind])["pooler"][0]
    classes = [len(state[f"{there}.bias"]) for there in _HEADS[kind].get("classes", ())]
    return BERTConfig(
        **{field: getattr(theirs, name) for field, name in _FIELDS.items()},
        # RoBERTa numbers positions from that of padding on, which is the padding token.
        context_length=theirs.max_position_embeddings - (theirs.pad_token_id + 1 if roberta else 0),
        n_segment=0 if roberta else theirs.type_vocab_size,
        activation=_ACTIVATIONS[theirs.hidden_act],
        position="rotary" if rotary else "learned",
        masked_head=masked,
        pooler=f"{pooler}.weight" in state,
        n_classes=sum(classes),
    )


def _pair_halves(theirs: dict[str, Tensor], config: BERTConfig) -> None:
    """Reorder the rows of queries and keys: RoFormer rotates neighbours, we rotate element i with i + d_head / 2."""
    order = torch.arange(config.d_head).view(-1, 2).T.flatten()  # 0, 2, 4, …, 1, 3, 5, …
    for name, weight in theirs.items():
        if ".self.query." in name or ".self.key." in name:
            theirs[name] = weight.unflatten(0, (config.n_head, config.d_head))[:, order].flatten(0, 1)


def _fill(model: BERT, theirs: dict[str, Tensor], names: _Names) -> None:
    """Give a model copies of their weights.

    Raises:
        ValueError: if they lack one.
    """
    state = {}
    for name in model.state_dict():
        module, _, parameter = name.rpartition(".")
        if module.startswith("blocks."):
            _, layer, module = module.split(".", 2)
            there = [f"encoder.layer.{layer}.{part}.{parameter}" for part in _BLOCK[module]]
        else:
            there = [f"{part}.{parameter}" for part in names[module]]
        if missing := [part for part in there if part not in theirs]:
            raise ValueError(f"This model has no {missing[0]}: its layers were replaced.")
        state[name] = torch.cat([theirs[part].detach() for part in there])  # copies also if there is one
    model.load_state_dict(state, assign=True)


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
        if not texts:
            raise ValueError("There are no texts.")
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
    _fill(model, theirs, _MODULES)
    return SentenceEncoder(model, Tokenizer.from_file(str(found["tokenizer.json"]))).eval()
