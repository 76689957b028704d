"""Word pieces, the tokens of BERT: whole words where they are frequent, pieces of words elsewhere.

Schuster and Nakajima, 2012, "Japanese and Korean voice search" (https://doi.org/10.1109/ICASSP.2012.6289079), as used
by Devlin et al., 2019, section 3 (https://arxiv.org/abs/1810.04805). The package ``tokenizers`` learns and applies
them. A piece that continues a word is written with ``##`` before it: "unhappily" may become "un", "##happi", "##ly".

The package numbers the pieces inside words in the order of a hash map, and pieces that are equally frequent are merged
in the order of their numbers: trained twice, it gives two vocabularies. Here the characters are counted and numbered
first, so that the same texts always give the same one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from .tokenizers import valid

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Fast

PAD, UNKNOWN, START, END, MASK = range(5)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # as BERT writes them


class WordPieces:
    """From texts to word pieces and back; upper case and accents are lost.

    Args:
        vocabulary: the pieces, in the order of their tokens; the first five are :data:`SPECIAL`.

    Raises:
        ValueError: if these do not come first, or a piece occurs twice.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        if tuple(vocabulary[: len(SPECIAL)]) != SPECIAL:
            raise ValueError(f"The first pieces must be {', '.join(SPECIAL)}.")
        if len(set(vocabulary)) != len(vocabulary):
            raise ValueError("A piece occurs twice in the vocabulary.")
        self.vocabulary = tuple(vocabulary)
        self._fast = _around({piece: token for token, piece in enumerate(vocabulary)})

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, at_least: int = 20) -> WordPieces:
        """Learn a vocabulary from texts.

        Args:
            texts: any number.
            vocab_size: number of tokens; texts with too little repetition yield fewer.
            at_least: rarer characters have no piece: a word with one of them becomes "[UNK]".

        Raises:
            ValueError: if ``vocab_size`` has no room for the special tokens and the characters.
        """
        from tokenizers import trainers

        fast = _around({})
        counts = Counter(word for text in texts for word in _words(fast, text))
        characters: Counter[str] = Counter()
        for word, n in counts.items():
            for character in word:
                characters[character] += n
        alphabet = sorted(character for character, n in characters.items() if n >= at_least)
        first = [*SPECIAL, *alphabet, *(f"##{character}" for character in alphabet)]
        if vocab_size < len(first):
            raise ValueError(
                f"vocab_size must be at least {len(first):,}: special tokens and characters, not {vocab_size:,}."
            )
        kept = set(alphabet)
        words = (word for word, n in sorted(counts.items()) if kept.issuperset(word) for _ in range(n))
        trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=first, show_progress=False)
        fast.train_from_iterator(words, trainer)
        return cls([piece for piece, _ in sorted(fast.get_vocab().items(), key=lambda item: item[1])])

    @property
    def vocab_size(self) -> int:
        """Number of distinct tokens."""
        return len(self.vocabulary)

    def encode(self, text: str) -> Tensor:
        """Tokens of a text, ``(time,)``, without those for start and end.

        Raises:
            ValueError: if the text contains an unpaired surrogate.
        """
        return torch.tensor(self._fast.encode(valid(text)).ids, dtype=torch.int64)

    def pieces(self, tokens: Tensor | Sequence[int]) -> list[str]:
        """The pieces of tokens ``(time,)``."""
        return [self.vocabulary[int(token)] for token in tokens]

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """The text of tokens ``(time,)``, with blanks between words and punctuation; special tokens are shown."""
        return " ".join(self.pieces(tokens)).replace(" ##", "")

    def batch(self, texts: Sequence[str], longest: int) -> tuple[Tensor, Tensor]:
        """Texts side by side, each between the tokens for start and end.

        Args:
            texts: at least one.
            longest: tokens of a text that are kept, start and end included.

        Returns:
            tokens ``(batch, time)``, ``time`` at most ``longest``, and a mask of the same shape, false on padding.
        """
        rows = [
            torch.cat([torch.tensor([START]), self.encode(text)[: longest - 2], torch.tensor([END])])
            for text in texts
        ]
        tokens = pad_sequence(rows, batch_first=True, padding_value=PAD)
        return tokens, tokens != PAD


def _around(vocabulary: dict[str, int]) -> Fast:
    """A tokenizer that splits as BERT's does: at blanks and punctuation, in lower case, without accents."""
    from tokenizers import Tokenizer as Fast
    from tokenizers import models, normalizers, pre_tokenizers

    fast = Fast(models.WordPiece(vocabulary, unk_token=SPECIAL[UNKNOWN]))
    fast.normalizer = normalizers.BertNormalizer()
    fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return fast


def _words(fast: Fast, text: str) -> list[str]:
    """The words of a text, as the tokenizer sees them."""
    normal = fast.normalizer.normalize_str(valid(text))
    return [word for word, _ in fast.pre_tokenizer.pre_tokenize_str(normal)]
