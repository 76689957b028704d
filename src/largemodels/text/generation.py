"""Decoding: generating sequences from a language model, one token at a time.

A model gives a distribution over the next token. :func:`generate` samples from it, or takes the most likely token, and
repeats; :func:`beam_search` looks for a continuation that is likely as a whole. Both take any model with the members
listed in :mod:`.protocol`, and process each token once: a cache keeps what the model needs of earlier tokens. Without
sampling they give the same tokens as ``transformers.generate``. For text instead of tokens see :mod:`.writing`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ..models.cache import KVCache
from ..models.checks import at_least
from ..models.modes import evaluating
from .fast import FastGPT, supported
from .protocol import Cache, LanguageModel
from .sampling import Sampling, penalised


def generate(
    model: LanguageModel,
    tokens: Tensor,
    n_new: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
    *,
    top_p: float | None = None,
    repetition_penalty: float = 1.0,
    mask: Tensor | None = None,
    end_token: int | None = None,
) -> Tensor:
    """Continue sequences by sampling.

    When a sequence outgrows the context, the model sees its last ``context_length`` tokens.

    Args:
        model: the language model.
        tokens: ``(batch, time)``, at least one token each.
        n_new: number of tokens to generate.
        temperature: logits are divided by it; 0 always takes the most likely token (greedy decoding).
        top_k: sample from only this many of the most likely tokens.
        generator: random generator, on the CPU; None: the global one.
        top_p: sample from the smallest set of most likely tokens that together have this probability.
        repetition_penalty: above 1, tokens of the sequence so far become less likely.
        mask: ``(batch, time)``, false where a prompt is padded on the left; from :func:`pad`.
        end_token: ends a row, the rest of which is filled with it.

    Returns:
        ``(batch, time + n_new)``, shorter if all rows have ended.

    Raises:
        ValueError: for an empty prompt, tokens that are not integers, padding on the right, or an option out of range.
    """
    sampling = Sampling(temperature, top_k, top_p, repetition_penalty)
    tokens = _prompts(tokens)
    return torch.cat(
        [tokens, *steps(model, tokens, n_new, sampling, generator, mask=mask, end_token=end_token)], dim=1
    )


@torch.no_grad()
def steps(
    model: LanguageModel,
    tokens: Tensor,
    n_new: int,
    sampling: Sampling,
    generator: torch.Generator | None = None,
    *,
    mask: Tensor | None = None,
    end_token: int | None = None,
) -> Iterator[Tensor]:
    """Same as :func:`generate`, but yields each token as soon as it is generated.

    Yields:
        ``(batch, 1)``, ``n_new`` times, or fewer if all rows have ended.
    """
    tokens = _prompts(tokens)
    session = Session(model, tokens, n_new, mask)
    batch, time = tokens.shape
    text = torch.cat([tokens, tokens.new_zeros(batch, n_new)], dim=1)  # filled as it grows
    ended = torch.zeros(batch, 1, dtype=torch.bool, device=tokens.device)
    for end in range(time, time + n_new):
        so_far = text.narrow(1, 0, end)  # a view, four times as fast as [:, :end]
        chosen = sampling.choose(session.read(so_far), so_far, session.real(so_far), generator)
        if end_token is not None:
            chosen = chosen.masked_fill(ended, end_token)
            ended = ended | (chosen == end_token)
        text.narrow(1, end, 1).copy_(chosen)
        yield chosen
        if end_token is not None and ended.all():
            return


@torch.no_grad()
def beam_search(
    model: LanguageModel,
    tokens: Tensor,
    n_new: int,
    n_beam: int = 4,
    *,
    length_penalty: float = 1.0,
    repetition_penalty: float = 1.0,
    mask: Tensor | None = None,
    end_token: int | None = None,
) -> Tensor:
    """Look for a continuation that is likely as a whole: at each step keep the ``n_beam`` most likely prefixes.

    Args:
        model: the language model.
        tokens: ``(batch, time)``, at least one token each.
        n_new: maximum number of tokens to generate.
        n_beam: number of prefixes to keep, the beams.
        length_penalty: power of the length that divides log-probabilities; the larger, the longer the continuations.
        repetition_penalty: as in :func:`generate`, on log-probabilities.
        mask: as in :func:`generate`.
        end_token: ends a continuation; without it all have ``n_new`` tokens.

    Returns:
        ``(batch, time + n)``, ``n`` at most ``n_new``; shorter rows are filled with ``end_token``.

    Raises:
        ValueError: as in :func:`generate`, and for ``n_beam`` below 1.
    """
    Sampling(repetition_penalty=repetition_penalty)  # checks it
    if not math.isfinite(length_penalty):
        raise ValueError(f"length_penalty must be finite, not {length_penalty}.")
    tokens = _prompts(tokens)
    batch, time = tokens.shape
    finished = [_Finished(n_beam, length_penalty) for _ in range(batch)]
    text = tokens.repeat_interleave(n_beam, dim=0)  # (batch * n_beam, time), grows
    mask = None if mask is None else mask.repeat_interleave(n_beam, dim=0)
    first = torch.arange(0, batch * n_beam, n_beam, device=tokens.device)[:, None]  # row of each first beam
    scores = torch.full((batch, n_beam), -torch.inf, device=tokens.device)  # log-probabilities of the beams
    scores[:, 0] = 0  # initially all beams are identical: expand only one
    session = Session(model, text, n_new, mask)
    for length in range(1, n_new + 1):
        log_probs = session.read(text).float().log_softmax(dim=-1)  # (batch * n_beam, vocab_size)
        log_probs = penalised(log_probs, text, repetition_penalty, session.real(text))
        totals = (scores.view(-1, 1) + log_probs).view(batch, -1)  # (batch, n_beam * vocab_size)
        # Each beam has one continuation that ends, so the best 2 · n_beam include n_beam that do not, if there are any.
        totals, places = totals.topk(min(2 * n_beam, totals.shape[1]))
        rows, chosen = places // log_probs.shape[1] + first, places % log_probs.shape[1]
        ends = chosen == (-1 if end_token is None else end_token)  # no token is -1
        done = (ends | (length == n_new))[:, :n_beam]  # one that ends further down is too unlikely
        for row, rank in done.nonzero().tolist():
            whole = torch.cat([text[rows[row, rank], time:], chosen[row, rank, None]])
            finished[row].add(totals[row, rank].item(), whole)
        scores, best = totals.masked_fill(ends, -torch.inf).topk(n_beam)  # (batch, n_beam)
        rows, chosen = rows.gather(1, best).flatten(), chosen.gather(1, best).flatten()
        text = torch.cat([text[rows], chosen[:, None]], dim=1)
        session.select(rows)
        likeliest = scores[:, 0].tolist()
        is_open = [some.is_open(score, length) for some, score in zip(finished, likeliest, strict=True)]
        if not any(is_open):
            break
    return _attached(tokens, [some.best(tokens) for some in finished], end_token)


def _attached(tokens: Tensor, continuations: list[Tensor], end_token: int | None) -> Tensor:
    """Prompts ``(batch, time)`` with their continuations appended; shorter ones are filled with ``end_token``."""
    longest = max(map(len, continuations))
    filled = [
        torch.cat([some, some.new_full((longest - len(some),), end_token or 0)]) for some in continuations
    ]
    return torch.cat([tokens, torch.stack(filled)], dim=1)


def _prompts(tokens: Tensor) -> Tensor:
    """Prompts ``(batch, time)`` as int64: narrower integers could not hold every new token.

    Raises:
        ValueError: if there are no tokens, or they are not integers.
    """
    if tokens.ndim != 2 or not tokens.numel():
        raise ValueError("The prompt is empty: give (batch, time) tokens, at least one in each row.")
    if tokens.is_floating_point() or tokens.is_complex() or tokens.dtype == torch.bool:
        raise ValueError(f"Tokens must be integers, not {tokens.dtype}.")
    return tokens.long()


class _Finished:
    """The best finished continuations of one row, until no beam can improve on them.

    Args:
        size: number to keep.
        length_penalty: see :func:`beam_search`.
    """

    def __init__(self, size: int, length_penalty: float) -> None:
        at_least(1, n_beam=size)
        self.size, self.length_penalty = size, length_penalty
        self.kept: list[tuple[float, Tensor]] = []  # score and tokens, best first
        self.closed = False

    def add(self, log_prob: float, tokens: Tensor) -> None:
        """Offer a continuation ``(n,)``."""
        if not self.closed:
            self.kept.append((log_prob / len(tokens) ** self.length_penalty, tokens))
            self.kept = sorted(self.kept, key=lambda pair: -pair[0])[: self.size]

    def is_open(self, log_prob: float, length: int) -> bool:
        """Whether a beam of this length and log-probability would be kept if it ended now.

        This is a heuristic: with a positive length penalty a beam's score may still improve.
        """
        if len(self.kept) == self.size:
            self.closed |= log_prob / length**self.length_penalty <= self.kept[-1][0]
        return not self.closed

    def best(self, tokens: Tensor) -> Tensor:
        """The best continuation; empty if there is none, as for ``n_new`` of 0."""
        return self.kept[0][1] if self.kept else tokens.new_empty(0)


class Session:
    """Inference on growing sequences: each token is processed once.

    The model is in evaluation mode only while it computes. Between two tokens, when the caller may train or evaluate it
    or leave the sequence unfinished, each of its modules is in the mode that the caller chose.

    When a sequence outgrows the context, each new token shifts the position of all others, which makes the cache
    useless: the last ``context_length`` tokens are then recomputed each time.

    Args:
        model: the language model.
        tokens: ``(batch, time)``, the prompts.
        n_new: maximum number of tokens to be added.
        mask: ``(batch, time)``, false where a prompt is padded on the left.
    """

    def __init__(self, model: LanguageModel, tokens: Tensor, n_new: int, mask: Tensor | None = None) -> None:
        if n_new < 0:
            raise ValueError(f"n_new must be 0 or positive, not {n_new}.")
        batch, time = tokens.shape
        if mask is not None:
            if mask.shape != tokens.shape or not mask[:, -1].all():
                raise ValueError("mask must have the shape of tokens, with padding on the left: see pad().")
            mask = torch.cat([mask.bool(), mask.new_ones(batch, n_new, dtype=torch.bool)], dim=1)
        self.model, self.mask = model, mask
        self.longest = math.inf if model.context_length is None else model.context_length
        self.cache: Cache | None = None
        if time <= self.longest:
            self.cache = model.new_cache(batch, int(min(time + n_new, self.longest)))
        self.fast: FastGPT | None = None
        if isinstance(self.cache, KVCache) and mask is None and supported(model):
            self.fast = FastGPT(model, self.cache)

    def read(self, text: Tensor) -> Tensor:
        """Logits of the token after ``text``, ``(batch, time)``: ``(batch, vocab_size)``. Processes only new tokens."""
        time = text.shape[1]
        if time > self.longest:
            self.cache = None
        start = time - int(self.longest) if self.cache is None else self.cache.length
        mask = None if self.mask is None else self.mask[:, start:time]
        with torch.inference_mode():  # a seventh faster than no_grad for a small model
            if self.fast is not None and 0 < start == time - 1 and self.cache is not None:
                return self.fast.step(text.select(1, -1))  # does the same in either mode
        with torch.inference_mode(), evaluating(cast(nn.Module, self.model)):
            hidden = self.model.hidden(text[:, start:], mask, self.cache)  # (batch, time - start, d_model)
            return self.model.logits(hidden[:, -1])

    def real(self, text: Tensor) -> Tensor | None:
        """The mask of a text, ``(batch, time)``; None if there is no padding."""
        return None if self.mask is None else self.mask[:, : text.shape[1]]

    def select(self, rows: Tensor) -> None:
        """Continue with these rows, ``(batch,)`` indices."""
        if self.cache is not None:
            self.cache.select(rows)
        if self.mask is not None:
            self.mask = self.mask[rows]


def pad(prompts: Sequence[Tensor], token: int = 0) -> tuple[Tensor, Tensor]:
    """Combine prompts of different lengths into one batch, padded on the left so that all end at the same position.

    Args:
        prompts: ``(time,)`` each.
        token: the padding token; the mask hides it.

    Returns:
        tokens and mask, both ``(batch, longest)``; the mask is false where a row is padded.
    """
    longest = max(map(len, prompts))
    tokens = torch.stack(
        [torch.cat([some.new_full((longest - len(some),), token), some]) for some in prompts]
    )
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=tokens.device)[:, None]
    return tokens, torch.arange(longest, device=tokens.device) >= longest - lengths
