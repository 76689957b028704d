"""What the pages of the app call: it checks a request and generates the text, by itself or as an answer.

A few texts are generated at a time, and each request has its own generator, cache and random numbers, so that requests
cannot affect each other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..models.checks import at_least
from ..models.gpt import GPT
from ..text.tokenizers import Tokenizer
from ..text.writing import stream
from .conversation import fitted, messages
from .values import check_text, number, sampling, seeded, shown


@dataclass(frozen=True)
class AppConfig:
    """Limits of the app."""

    max_tokens: int = 300  # maximum tokens to generate per request
    max_prompt: int = 1_024  # maximum tokens of a prompt; less if the model's context is shorter
    at_once: int = 2  # requests served at the same time
    waiting: int = 32  # requests in the queue; further ones are asked to try later
    refresh: float = 0.05  # seconds between two updates of the page

    def __post_init__(self) -> None:
        at_least(1, max_tokens=self.max_tokens, max_prompt=self.max_prompt)
        at_least(1, at_once=self.at_once, waiting=self.waiting)
        if self.refresh < 0:
            raise ValueError(f"refresh must be 0 or positive, not {self.refresh}.")


@dataclass(frozen=True)
class Wishes:
    """How a text is to be written, as the page sends it: unchecked."""

    choice: Any = "top-p"  # a name in CHOICES; the next three are used where it names them
    temperature: Any = 0.8  # see Sampling
    top_k: Any = 50
    top_p: Any = 0.95
    tokens: Any = 200  # to generate, at most max_tokens
    seed: Any = None  # a whole number makes the text reproducible; with None or "" it differs each time


class Writer:
    """What the page calls: it checks a request and generates the text.

    Args:
        models: models and their tokenizers, by the name that the page shows.
        config: limits.
    """

    def __init__(self, models: Mapping[str, tuple[GPT, Tokenizer]], config: AppConfig) -> None:
        if not models:
            raise ValueError("The app needs at least one model.")
        self.models, self.config = models, config
        self.running = 0  # requests being served now
        self._lock = threading.Lock()

    def write(
        self, prompt: str, model: str, *wishes: Any, **named: Any
    ) -> Generator[tuple[str, str], None, None]:
        """Continue a text.

        Args:
            prompt: not empty; at most ``max_prompt`` tokens, and no longer than the model's context.
            model: a name among the models.
            wishes: see :class:`Wishes`, in its order.
            named: the same, by name.

        Yields:
            the text so far, prompt included, and a status line. A request that is refused yields one status line and
            an empty text.
        """
        try:
            check_text("prompt", prompt)
            gpt, tokenizer, n_new, options = self._wished(model, Wishes(*wishes, **named))
            self._refuse_long(prompt, model)
            pieces = stream(gpt, tokenizer, prompt, n_new, **options)
        except ValueError as error:  # also a character without a token, a temperature below 0
            yield "", str(error)
            return
        with self._counted():
            yield from self._pieces(prompt, pieces)

    def chat(
        self, message: str, said: object, model: str, *wishes: Any, **named: Any
    ) -> Generator[tuple[str, str], None, None]:
        """Answer a message; the model must have been trained to answer.

        If the conversation has more than ``max_prompt`` tokens, or leaves too little of the model's context for the
        answer, its oldest exchanges are left out; the last status line says how many messages that were.

        Args:
            message: what the user says now.
            said: what was said before, see :func:`.conversation.messages`.
            model: see :meth:`write`.
            wishes: see :class:`Wishes`, in its order.
            named: the same, by name.

        Yields:
            the answer so far, and a status line. A request that is refused yields one status line and an empty text.
        """
        try:
            check_text("message", message)
            gpt, tokenizer, n_new, options = self._wished(model, Wishes(*wishes, **named))
            context = gpt.config.context_length
            longest = min(self.config.max_prompt, max(context - n_new, context // 2))
            whole = [*messages(said), {"role": "user", "content": message}]
            prompt, left_out = fitted(tokenizer, whole, longest)
            if len(prompt) > longest:
                raise ValueError(
                    f"The message is too long: with its markers it has {len(prompt):,} tokens, and {model} accepts "
                    f"{longest:,} here. Shorten it."
                )
            pieces = stream(gpt, tokenizer, prompt, n_new, **options)
        except ValueError as error:  # also a model that only continues texts
            yield "", str(error)
            return
        note = f" The first {left_out} messages no longer fit and were left out." if left_out else ""
        with self._counted():
            yield from self._pieces("", pieces, note)

    def _pieces(self, text: str, pieces: Iterator[str], note: str = "") -> Iterator[tuple[str, str]]:
        """The growing text, at intervals; at the end, how long it took, and a note."""
        began = shown = time.perf_counter()
        first, n = 0.0, 0
        yield text, "Reading the prompt …"
        try:
            for n, piece in enumerate(pieces, start=1):
                text += piece
                now = time.perf_counter()
                first = first or now - began
                if now - shown >= self.config.refresh or n == 1:
                    shown = now
                    yield text, f"{n} tokens …"
        except RuntimeError as error:  # of torch: no memory left, weights that are not numbers
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            yield text, f"The model failed after {n} tokens: {reason}"
            return
        n -= 1  # the last piece is the remainder, without a token of its own
        seconds = time.perf_counter() - began
        yield (
            text,
            f"Done: {n} tokens in {seconds:.1f} s, the first after {first:.2f} s, "
            f"then {max(n - 1, 0) / max(seconds - first, 1e-9):.0f} a second.{note}",
        )

    def _wished(self, model: object, wishes: Wishes) -> tuple[GPT, Tokenizer, int, dict[str, Any]]:
        """The model, its tokenizer, the number of tokens to generate, and how each of them is chosen."""
        if not isinstance(model, str) or model not in self.models:
            raise ValueError(f"There is no model {shown(model)}.")
        gpt, tokenizer = self.models[model]
        chosen_by = sampling(
            wishes.choice, wishes.temperature, wishes.top_k, wishes.top_p, tokenizer.vocab_size
        )
        return gpt, tokenizer, self._n_new(wishes.tokens), chosen_by | {"generator": seeded(wishes.seed)}

    def _n_new(self, tokens: object) -> int:
        n, most = number("number of tokens", tokens), self.config.max_tokens
        if not 1 <= n <= most or n != int(n):
            raise ValueError(f"The number of tokens must be a whole number from 1 to {most}, not {n:g}.")
        return int(n)

    def _refuse_long(self, prompt: str, model: str) -> None:
        """Refuse a prompt that is longer than allowed, or has a character without a token."""
        gpt, tokenizer = self.models[model]
        longest = min(self.config.max_prompt, gpt.config.context_length)
        # A token is rarely longer than 20 characters: a prompt that is far too long is not even tokenised.
        length = len(tokenizer.encode(prompt)) if len(prompt) <= 20 * longest else None
        if length is None or length > longest:
            has = f"{len(prompt):,} characters" if length is None else f"{length:,} tokens"
            raise ValueError(
                f"The prompt is too long: it has {has}, and {model} accepts {longest:,} tokens. Shorten it."
            )

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self.running += 1
        try:
            yield
        finally:  # also if the user stops it or leaves: Gradio then closes the generator
            with self._lock:
                self.running -= 1
