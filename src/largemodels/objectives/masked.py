"""What BERT is pretrained for: to fill in masked words, and to tell whether a text follows another.

Devlin et al., 2019, "BERT: Pre-training of deep bidirectional transformers for language understanding", section 3.1 and
appendix A.1 (https://arxiv.org/abs/1810.04805). Of 100 tokens about 15 are chosen; of these 80 % are replaced by the
mask, 10 % by a random token, 10 % stay as they are, and the model is to say what stood at all of them. Masking once,
before training, is static; masking each batch anew is dynamic (Liu et al., 2019, RoBERTa, section 4.1,
https://arxiv.org/abs/1907.11692): here that is a matter of when :func:`mask_words` is called.

What differs from the paper: each token is chosen by itself, with the given probability, where the published code picks
a fixed number of each text; and a random token is never the one that it replaces, or a special one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .checks import share

IGNORED = -100  # a target that does not count: what torch's cross-entropy ignores


def mask_words(
    tokens: Tensor,
    *,
    mask_token: int,
    vocab_size: int,
    special: Sequence[int],
    rate: float = 0.15,
    masked: float = 0.8,
    random: float = 0.1,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Hide words of texts, for :meth:`~largemodels.models.bert.BERT.loss`.

    Args:
        tokens: integers of any shape, such as ``(batch, time)``; not changed.
        mask_token: that stands for a hidden word.
        vocab_size: number of distinct tokens.
        special: tokens that are never chosen and never drawn at random, such as padding, start and end. The mask is
            one of them in any case.
        rate: probability that a token is chosen.
        masked: share of the chosen tokens that become the mask.
        random: share that become another token; the rest stay as they are.
        generator: random generator, on the CPU; None: the global one.

    Returns:
        the tokens to read, and the targets: what stood there where a token was chosen, and -100 elsewhere. Both of the
        shape of ``tokens``.

    Raises:
        ValueError: if the rate or a share is not between 0 and 1, the shares sum to more than 1, or fewer than two
            tokens are ordinary.
    """
    share(rate=rate, masked=masked, random=random)
    if masked + random > 1 + 1e-9:
        raise ValueError(f"The shares masked ({masked}) and random ({random}) sum to more than 1.")
    reserved = torch.zeros(vocab_size, dtype=torch.bool)
    reserved[[*special, mask_token]] = True
    ordinary = (~reserved).nonzero()[:, 0]  # (n_ordinary,)
    if len(ordinary) < 2:
        raise ValueError(
            f"Of {vocab_size} tokens {len(ordinary)} are not special: there must be two or more."
        )

    def draw() -> Tensor:
        return torch.rand(tokens.shape, generator=generator).to(tokens.device)

    chosen = (draw() < rate) & ~reserved.to(tokens.device)[tokens]
    fate = draw()
    place = torch.zeros(vocab_size, dtype=torch.long)
    place[ordinary] = torch.arange(len(ordinary))
    # A step of 1 to n - 1 around the circle of ordinary tokens reaches each of the others with the same probability.
    step = torch.randint(1, len(ordinary), tokens.shape, generator=generator).to(tokens.device)
    others = ordinary.to(tokens.device)[(place.to(tokens.device)[tokens] + step) % len(ordinary)]
    read = tokens.where(~chosen | (fate >= masked), mask_token)
    read = read.where(~chosen | (fate < masked) | (fate >= masked + random), others)
    return read, tokens.where(chosen, IGNORED)


def next_sentences(
    documents: Sequence[Sequence[Tensor]], n: int, generator: torch.Generator | None = None
) -> list[tuple[Tensor, Tensor, bool]]:
    """Pairs of texts, half of which follow each other, for BERT's second task.

    Args:
        documents: each a sequence of texts in their order, tokens ``(time,)``.
        n: number of pairs.
        generator: random generator, on the CPU; None: the global one.

    Returns:
        ``n`` triples: a text, then either the next of its document or, with probability ½, a text of another document
        drawn uniformly from the texts of all others; and whether it is the next.

    Raises:
        ValueError: if no document has two texts, or there is no other document with a text.
    """
    sizes = [len(texts) for texts in documents]
    starts = [sum(sizes[:d]) for d in range(len(documents))]  # of each document among all texts
    everything = [text for texts in documents for text in texts]
    firsts = [(d, i) for d, size in enumerate(sizes) for i in range(size - 1)]
    if not firsts:
        raise ValueError("No document has two texts: there is no next one.")
    if max(sizes) == len(everything):
        raise ValueError("There is one document only: texts that do not follow come from others.")

    def draw(below: int) -> int:
        return int(torch.randint(below, (), generator=generator))

    pairs = []
    for _ in range(n):
        d, i = firsts[draw(len(firsts))]
        follows = bool(draw(2))
        second = starts[d] + i + 1
        if not follows:
            second = draw(len(everything) - sizes[d])
            second += sizes[d] * (second >= starts[d])  # skips the document itself
        pairs.append((documents[d][i], everything[second], follows))
    return pairs
