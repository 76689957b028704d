"""Two trained translators, English to Portuguese and back, from their package: data that is read, never run.

They were made by the project Bergamot, with the program Marian, for the browser Firefox: see the card
``marian-en-pt.md``. The file of weights begins with a table of names, types and shapes. Matrices are stored as integers
of 8 bits with one factor each, which is undone here, so the model computes in float32; what the rounding lost does not
come back. The words are pieces found by SentencePiece (Kudo and Richardson, 2018, https://arxiv.org/abs/1808.06226),
whose file is read here, too, and given to the package ``tokenizers``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..data.checks import DataError
from ..data.registry import files
from ..models.marian import Marian, MarianConfig
from ..models.modes import evaluating
from ..text.generation import beam_search, generate

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Fast

DIRECTIONS = {"en-pt": "enpt-1693087644", "pt-en": "pten-1693087646"}  # and their folders
_INT8, _FLOAT32 = 0x4101, 0x0404  # types of tensors, as Marian numbers them
_OUTSIDE = {"embedding.weight": "Wemb", "output_bias": "decoder_ff_logit_out_b"}
_BATCH = 64  # texts translated at once


class SentencePieces:
    """Text to pieces and back, from a file of SentencePiece.

    Args:
        stored: its contents.

    Attributes:
        end: the number of the piece that ends a sentence.
        vocab_size: number of pieces.

    Raises:
        DataError: if the contents cannot be read.
    """

    def __init__(self, stored: bytes) -> None:
        pieces: list[tuple[str, float]] = []
        kinds: list[int] = []
        charsmap = b""
        try:
            for field, value in _fields(stored):
                if field == 1:
                    inside = dict(_fields(value))
                    pieces.append((inside[1].decode(), struct.unpack("<f", inside[2])[0]))
                    kinds.append(inside.get(3, 1))
                elif field == 3:  # how text is brought into a normal form before
                    charsmap = dict(_fields(value)).get(2, b"")
        except (struct.error, IndexError, KeyError, UnicodeDecodeError, AttributeError, TypeError) as error:
            raise DataError("The file of pieces is damaged.") from error
        if 2 not in kinds or "</s>" not in (names := [name for name, _ in pieces]):
            raise DataError("The file of pieces has no unknown piece or no end of sentence.")
        self.end, self.vocab_size = names.index("</s>"), len(pieces)
        self.inner = _unigram(pieces, kinds.index(2), charsmap)

    def encode(self, text: str) -> Tensor:
        """Pieces of a text and the end, ``(time,)``, int64."""
        return torch.tensor([*self.inner.encode(text, add_special_tokens=False).ids, self.end])

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """The text of pieces, up to the end if there is one."""
        numbers = [int(it) for it in tokens]
        numbers = numbers[: numbers.index(self.end)] if self.end in numbers else numbers
        return self.inner.decode(numbers)


class ShortList:
    """Which pieces are likely in the translation of a sentence: for each of its pieces some, and the most frequent.

    Counted by the model's makers from pairs of sentences. With it the head computes hundreds of logits, not 32,000.

    Args:
        stored: contents of a binary short list of Marian.

    Raises:
        DataError: if they cannot be read.
    """

    def __init__(self, stored: bytes) -> None:
        try:
            _, _, self.n_frequent, _, n_offsets, n = struct.unpack_from("<6Q", stored)
            self._offsets = np.frombuffer(stored, np.uint64, n_offsets, 48).astype(np.int64)
            self._pieces = np.frombuffer(stored, np.uint32, n, 48 + 8 * n_offsets).astype(np.int64)
        except (struct.error, ValueError) as error:
            raise DataError("The file of the short list is damaged.") from error

    def candidates(self, pieces: Sequence[int]) -> Tensor:
        """Numbers of the pieces that may be written, sorted: ``(n,)``."""
        starts, ends = self._offsets[list(pieces)], self._offsets[[it + 1 for it in pieces]]
        parts = [self._pieces[start:end] for start, end in zip(starts, ends, strict=True)]
        return torch.tensor(np.unique(np.concatenate([np.arange(self.n_frequent), *parts])))


@dataclass(frozen=True)
class Translator:
    """A trained model with its pieces."""

    model: Marian
    pieces: SentencePieces
    short_list: ShortList

    @torch.no_grad()
    def translate(
        self,
        texts: Sequence[str],
        n_beam: int = 1,
        length_penalty: float = 1.0,
        *,
        at_once: int = _BATCH,
        short_list: bool = False,
    ) -> list[str]:
        """Translate sentences.

        Args:
            texts: one sentence each.
            n_beam: 1 takes the likeliest piece at each step; above, :func:`~.text.generation.beam_search`.
            length_penalty: of beam search.
            at_once: sentences of similar length in a batch.
            short_list: whether only pieces of the short list of one of the batch's sentences may be written.

        Raises:
            ValueError: if a text has more pieces than the model's context.
        """
        encoded = [self.pieces.encode(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda row: len(encoded[row]))
        found = [""] * len(texts)
        for at in range(0, len(order), at_once):
            rows = order[at : at + at_once]
            source = pad_sequence(
                [encoded[row] for row in rows], batch_first=True, padding_value=self.pieces.end
            )
            lengths = torch.tensor([len(encoded[row]) for row in rows])
            mask = torch.arange(source.shape[1]) < lengths[:, None]
            likely = self.short_list.candidates(source.unique().tolist()) if short_list else None
            said = self._decoded(source, mask, n_beam, length_penalty, likely)
            for row, tokens in zip(rows, said.tolist(), strict=True):
                found[row] = self.pieces.decode(tokens)
        return found

    def _decoded(
        self, source: Tensor, mask: Tensor, n_beam: int, length_penalty: float, likely: Tensor | None
    ) -> Tensor:
        """Tokens of the translations, without the first one."""
        start = torch.full((len(source), 1), self.pieces.end)  # it is not read
        n_new = min(int(2.5 * source.shape[1]) + 5, self.model.context_length - 1)
        bound: Any = self.model.decoder_for(source, None if bool(mask.all()) else mask, likely)
        with evaluating(self.model):
            if n_beam == 1:
                said = generate(bound, start, n_new, temperature=0, end_token=self.pieces.end)
            else:
                end = self.pieces.end
                said = beam_search(bound, start, n_new, n_beam, length_penalty=length_penalty, end_token=end)
        return said[:, 1:]


def load_marian(direction: str = "en-pt", *, unchecked: bool = False) -> Translator:
    """The translator from English to Portuguese, or back, in evaluation mode.

    16.9 million parameters, float32, rounded to 8 bits before. See the card ``marian-en-pt.md``.

    Args:
        direction: "en-pt" or "pt-en".
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package with the weights is missing or damaged.
        ValueError: if there is no such direction.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}, not {direction!r}.")
    found = files("marian-en-pt", unchecked=unchecked)
    folder, name = DIRECTIONS[direction], direction.replace("-", "")
    model = marian_from(found[f"{folder}/model.{name}.intgemm.alphas.bin"])
    return Translator(
        model,
        SentencePieces(found[f"{folder}/vocab.{name}.spm"].read_bytes()),
        ShortList(found[f"{folder}/lex.50.50.{name}.s2t.bin"].read_bytes()),
    )


def marian_from(path: Path) -> Marian:
    """Our model with the weights of a file of Marian.

    Args:
        path: of the file.

    Raises:
        DataError: if the file cannot be read, or has other tensors.
    """
    model, stored = Marian(MarianConfig()), tensors(path.read_bytes())
    try:
        state = {ours: stored[theirs].reshape(-1) for ours, theirs in _OUTSIDE.items()}
        for number in range(model.config.n_layer):
            state |= _block(stored, f"encoder.{number}.", f"encoder_l{number + 1}_", "self", "attention")
        for number in range(model.config.n_decoder_layer):
            ours, theirs = f"decoder.{number}.", f"decoder_l{number + 1}_"
            state |= _block(stored, ours, theirs, "context", "cross_attention")
            state |= {
                f"{ours}rnn.candidate.weight": stored[f"{theirs}rnn_W"].T,
                f"{ours}rnn.forget.weight": stored[f"{theirs}rnn_Wf"].T,
                f"{ours}rnn.forget.bias": stored[f"{theirs}rnn_bf"],
                f"{ours}rnn_norm.weight": stored[f"{theirs}rnn_ffn_ln_scale"],
                f"{ours}rnn_norm.bias": stored[f"{theirs}rnn_ffn_ln_bias"],
            }
        shapes = {name: it.shape for name, it in model.state_dict().items()}
        model.load_state_dict({name: it.reshape(shapes[name]) for name, it in state.items()})
    except (KeyError, RuntimeError) as error:
        raise DataError(f"{path.name} does not hold a model of these sizes: {error}") from error
    return model.eval()


def _block(stored: dict[str, Tensor], ours: str, theirs: str, kind: str, name: str) -> dict[str, Tensor]:
    """What blocks of encoder and decoder share: an attention, a feed-forward network, their norms."""

    def side(letters: str) -> tuple[Tensor, Tensor]:
        weights = [stored[f"{theirs}{kind}_W{letter}"].T for letter in letters]
        return torch.cat(weights), torch.cat([stored[f"{theirs}{kind}_b{it}"].flatten() for it in letters])

    maps = {"qkv": "qkv"} if kind == "self" else {"query": "q", "key_value": "kv"}
    state: dict[str, Tensor] = {}
    for part, letters in (maps | {"project": "o"}).items():
        state[f"{ours}{name}.{part}.weight"], state[f"{ours}{name}.{part}.bias"] = side(letters)
    for part, number in (("expand", 1), ("contract", 2)):
        state[f"{ours}mlp.{part}.weight"] = stored[f"{theirs}ffn_W{number}"].T
        state[f"{ours}mlp.{part}.bias"] = stored[f"{theirs}ffn_b{number}"]
    norm = "attention_norm" if kind == "self" else "cross_norm"
    for our_norm, their_norm in ((norm, f"{kind}_Wo"), ("mlp_norm", "ffn_ffn")):
        state[f"{ours}{our_norm}.weight"] = stored[f"{theirs}{their_norm}_ln_scale"]
        state[f"{ours}{our_norm}.bias"] = stored[f"{theirs}{their_norm}_ln_bias"]
    return state


def tensors(stored: bytes) -> dict[str, Tensor]:
    """The tensors of a file of Marian by their names, in float32; matrices are ``(in, out)``, as Marian has them.

    Raises:
        DataError: if the file is cut off, of another version, or has a type that is not expected.
    """
    try:
        version, n = struct.unpack_from("<QQ", stored)
        if version != 1 or n > 10_000:
            raise DataError(f"Weights of Marian have version 1, not {version}.")
        sizes = [struct.unpack_from("<4Q", stored, 16 + 32 * row) for row in range(n)]
        at = 16 + 32 * n
        names, shapes = [], []
        for length, _, _, _ in sizes:
            names.append(stored[at : at + length - 1].decode())
            at += length
        for _, _, n_dim, _ in sizes:
            shapes.append(struct.unpack_from(f"<{n_dim}i", stored, at))
            at += 4 * n_dim
        at += 8 + struct.unpack_from("<Q", stored, at)[0]  # zeros up to a multiple of 256
        found: dict[str, Tensor] = {}
        for name, shape, (_, kind, _, n_bytes) in zip(names, shapes, sizes, strict=True):
            data = stored[at : at + n_bytes]
            at += n_bytes
            if len(data) != n_bytes:
                raise DataError("The file of weights is cut off.")
            if not name.startswith("special:") and not name.endswith("_QuantMultA"):
                found[name] = _tensor(name, shape, kind, data)
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"The file of weights is damaged: {error}") from error
    return found


def _tensor(name: str, shape: tuple[int, ...], kind: int, data: bytes) -> Tensor:
    """One tensor; integers are divided by the factor that follows them."""
    count = int(np.prod(shape))
    if kind == _FLOAT32:
        return torch.tensor(np.frombuffer(data, np.float32, count).reshape(shape))
    if kind != _INT8:
        raise DataError(f"{name} has the type {kind:#x}, which is not read here.")
    factor = struct.unpack_from("<f", data, count)[0]
    numbers = torch.tensor(np.frombuffer(data, np.int8, count).astype(np.float32) / factor)
    if name == "Wemb":  # rows are pieces
        return numbers.reshape(shape)
    return numbers.reshape(shape[::-1]).T  # other matrices are stored with inputs side by side


def _fields(stored: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a message in the format of Protocol Buffers: number, and value or bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = stored[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value

    while at < len(stored):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            yield number, varint()
            continue
        if kind not in (1, 2, 5):
            raise KeyError(kind)
        length = varint() if kind == 2 else 8 if kind == 1 else 4
        if at + length > len(stored):
            raise IndexError(length)
        yield number, stored[at : at + length]
        at += length


def _unigram(pieces: list[tuple[str, float]], unknown: int, charsmap: bytes) -> Fast:
    """The same cutting into pieces in the package ``tokenizers``."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    fast = Tokenizer(models.Unigram(pieces, unknown, byte_fallback=False))
    steps: list[Any] = [normalizers.Precompiled(charsmap)] if charsmap else []
    spaces = [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    fast.normalizer = normalizers.Sequence([*steps, *spaces])
    fast.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    fast.decoder = decoders.Metaspace(replacement="▁")
    return fast
