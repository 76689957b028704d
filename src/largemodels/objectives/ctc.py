"""Connectionist temporal classification: learning letters from sound when nobody says which moment holds which letter.

Graves et al., 2006 (https://doi.org/10.1145/1143844.1143891). A network gives each frame a distribution over the
letters and a *blank*. A sequence of one symbol a frame, a *path*, stands for the text that is left when repetitions
are merged and then blanks removed. The probability of a text is the sum over all its paths, which a recursion over
frames computes; the gradient is left to automatic differentiation. Equal to ``torch.nn.functional.ctc_loss``.

For decoding there are :func:`greedy`, the text of the likeliest path, and :func:`beam_search`, which sums the paths
of each beginning and may ask a model of letters for help, as in Hannun et al., 2014
(https://arxiv.org/abs/1408.2873).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

BLANK = 0
LETTERS = "-abcdefghijklmnopqrstuvwxyz' "  # number 0 is the blank


def encode(words: str) -> Tensor:
    """Numbers of letters, ``(n,)``.

    Raises:
        ValueError: for a character that is not among the letters.
    """
    if unknown := set(words) - set(LETTERS[1:]):
        raise ValueError(f"There are no letters {''.join(sorted(unknown))!r}.")
    return torch.tensor([LETTERS.index(it, 1) for it in words], dtype=torch.long)


def decode(letters: Tensor | list[int]) -> str:
    """The text of numbers of letters."""
    return "".join(LETTERS[int(it)] for it in letters)


def collapse(path: Tensor | list[int]) -> list[int]:
    """Merge repetitions, then remove blanks: ``aa-ab`` becomes ``aab``."""
    symbols = [int(it) for it in path]
    return [it for before, it in zip([BLANK, *symbols], symbols, strict=False) if it not in (before, BLANK)]


def greedy(log_probs: Tensor) -> list[int]:
    """The text of the likeliest path. ``log_probs`` is ``(frames, vocab_size)``."""
    return collapse(log_probs.argmax(dim=-1))


def _extended(text: Tensor) -> tuple[Tensor, Tensor]:
    """The text with blanks around each letter, ``(2 n + 1,)``, and where a step may jump over a blank."""
    symbols = torch.full((2 * len(text) + 1,), BLANK, dtype=torch.long, device=text.device)
    symbols[1::2] = text
    jumps = torch.zeros(len(symbols), dtype=torch.bool, device=text.device)
    jumps[3::2] = text[1:] != text[:-1]
    return symbols, jumps


def forward_scores(log_probs: Tensor, text: Tensor) -> Tensor:
    """Log of the summed probability of all beginnings of paths, for each frame and place in the text.

    Args:
        log_probs: ``(frames, vocab_size)``, log-probabilities.
        text: ``(n,)``, letters.

    Returns:
        ``(frames, 2 n + 1)``; places are those of the text with a blank before, between and after its letters.
    """
    symbols, jumps = _extended(text)
    never = log_probs.new_tensor(-torch.inf)
    scores = [torch.where(torch.arange(len(symbols)) < 2, log_probs[0, symbols], never)]
    for frame in log_probs[1:]:
        stay = scores[-1]
        step = torch.cat([never[None], stay[:-1]])
        jump = torch.where(jumps, torch.cat([never[None], never[None], stay[:-2]])[: len(stay)], never)
        # A sum of nothing has no gradient, so a place that no path has reached gets a very small number instead.
        reached = torch.stack([stay, step, jump]).clamp(min=-1e30)
        scores.append(reached.logsumexp(dim=0) + frame[symbols])
    return torch.stack(scores)


def ctc_loss(log_probs: Tensor, text: Tensor) -> Tensor:
    """Minus the log-probability of a text, in nats: a scalar. Arguments as in :func:`forward_scores`."""
    last = forward_scores(log_probs, text)[-1]
    return -last[-2:].logsumexp(dim=0)


def alignment(log_probs: Tensor, text: Tensor) -> list[int]:
    """The likeliest path of a text, one symbol a frame (Viterbi). Arguments as in :func:`forward_scores`.

    Raises:
        ValueError: if the text needs more frames than there are.
    """
    symbols, jumps = _extended(text)
    best = torch.full((len(symbols),), -torch.inf)
    best[:2] = log_probs[0, symbols[:2]]
    came: list[Tensor] = []
    for frame in log_probs[1:]:
        moves = torch.full((3, len(symbols)), -torch.inf)
        moves[0], moves[1, 1:] = best, best[:-1]
        moves[2, 2:] = torch.where(jumps[2:], best[:-2], -torch.inf)
        best, move = moves.max(dim=0)
        best = best + frame[symbols]
        came.append(move)
    at = len(symbols) - 1 - int(len(symbols) > 1 and best[-2] > best[-1])
    if best[at] == -torch.inf:
        raise ValueError(f"A text of {len(text)} letters does not fit into {len(log_probs)} frames.")
    path = [at]
    for move in reversed(came):
        at -= int(move[at])
        path.append(at)
    return [int(symbols[it]) for it in reversed(path)]


def beam_search(
    log_probs: Tensor,
    n_beam: int = 16,
    language: Callable[[tuple[int, ...]], Tensor] | None = None,
    weight: float = 1.0,
    bonus: float = 0.0,
    *,
    n_letters: int = 6,
) -> list[int]:
    """The text with the highest summed probability of the paths that were kept, helped by a model of letters.

    A text of n letters is ranked by  log p(text | sound) + weight · log p(text) + bonus · n.

    Args:
        log_probs: ``(frames, vocab_size)``.
        n_beam: beginnings of texts that are kept after each frame.
        language: from the letters so far to log-probabilities of the next one, ``(vocab_size,)``; None: no help.
        weight: of the model of letters.
        bonus: for each letter, in nats, since such a model prefers short texts.
        n_letters: letters of each frame that are tried, the likeliest.
    """
    # For each beginning: log-probability of its paths that end with a blank, and with its last letter.
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}
    prior: dict[tuple[int, ...], float] = {(): 0.0}
    heard: dict[tuple[int, ...], list[float]] = {}
    likely = log_probs.topk(min(n_letters, log_probs.shape[1]), dim=-1).indices.tolist()
    for frame, letters in zip(log_probs.tolist(), likely, strict=True):
        after: dict[tuple[int, ...], list[float]] = {}
        for text, (blank, letter) in beams.items():
            kept = after.setdefault(text, [-math.inf, -math.inf])
            kept[0] = _add(kept[0], _add(blank, letter) + frame[BLANK])
            if text:
                kept[1] = _add(kept[1], letter + frame[text[-1]])
            for new in letters:
                if new == BLANK:
                    continue
                # The last letter comes again only after a blank; otherwise it is a repetition, counted above.
                before = blank if text and new == text[-1] else _add(blank, letter)
                grown = after.setdefault((*text, new), [-math.inf, -math.inf])
                grown[1] = _add(grown[1], before + frame[new])
                if language is not None and (*text, new) not in prior:
                    if text not in heard:
                        heard[text] = language(text).tolist()
                    prior[(*text, new)] = prior[text] + weight * heard[text][new]

        def rank(it: tuple[tuple[int, ...], list[float]]) -> float:
            return _add(*it[1]) + prior.get(it[0], 0.0) + bonus * len(it[0])

        ranked = sorted(after.items(), key=rank, reverse=True)[:n_beam]
        beams = {text: (blank, letter) for text, (blank, letter) in ranked}
    return list(next(iter(beams)))


def _add(a: float, b: float) -> float:
    """log(e^a + e^b)."""
    if a < b:
        a, b = b, a
    return a if b == -math.inf else a + math.log1p(math.exp(b - a))
