"""A web page that continues a user's text: ``largemodels app``.

The page is built with Gradio (Abid et al., 2019, https://arxiv.org/abs/1906.02569). This module adds streaming, a stop
button, and fair use of one computer by many users: a few texts are generated at a time, further requests wait in a
queue, and each request has its own generator, cache and random numbers, so that requests cannot affect each other. The
page contacts no other computer and stores nothing.
"""

from __future__ import annotations

import functools
import os
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

from ..models.checks import at_least
from ..models.gpt import GPT
from ..text.tokenizers import Tokenizer
from ..text.writing import stream
from ..training.interrupts import deferred_interrupts
from .server import ASKED, AppError, Guard, address_of, is_everywhere, listen, running
from .values import CHOICES, NAMES, check_prompt, number, sampling, seeded, shown

if TYPE_CHECKING:
    from gradio import Blocks

# Gradio prints the limits of its sliders in a grey that is too light to read.
_LEGIBLE = ".min_value, .max_value { color: var(--body-text-color) !important; }"
# Both run in the browser, so that the server has a single function. A status that ends with "…" is not final.
_STOPPED = "status => !status || status.endsWith('…') ? 'Stopped.' : status"
_VISIBLE = "chosen => [{}].map(names => ({{__type__: 'update', visible: names.includes(chosen)}}))".format(
    ", ".join(str([name for name, used in CHOICES.items() if field in used]) for field in NAMES)
)
_PATIENCE = 5.0  # seconds within which a client has to fetch what it asked for


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
        self,
        prompt: str,
        model: str,
        choice: str = "top-p",
        temperature: float = 0.8,
        top_k: int = 50,
        top_p: float = 0.95,
        tokens: int = 200,
        seed: int | str | None = None,
    ) -> Generator[tuple[str, str], None, None]:
        """Continue a text.

        Args:
            prompt: not empty; at most ``max_prompt`` tokens, and no longer than the model's context.
            model: a name among the models.
            choice: a name in :data:`CHOICES`; the next three arguments are used where it names them.
            temperature: see :class:`.sampling.Sampling`.
            top_k: the same.
            top_p: the same.
            tokens: maximum number of tokens to generate, at most ``max_tokens``.
            seed: a whole number makes the text reproducible; with None or "" it differs each time.

        Yields:
            the text so far, prompt included, and a status line. A request that is refused yields one status line and
            an empty text.
        """
        try:
            check_prompt(prompt)
            gpt, tokenizer = self._model(model)
            chosen_by = sampling(choice, temperature, top_k, top_p, tokenizer.vocab_size)
            n_new, generator = self._n_new(tokens), seeded(seed)
            self._refuse_long(prompt, model)
            pieces = stream(gpt, tokenizer, prompt, n_new, generator=generator, **chosen_by)
        except ValueError as error:  # also a character without a token, a temperature below 0
            yield "", str(error)
            return
        with self._counted():
            yield from self._pieces(prompt, pieces)

    def _pieces(self, text: str, pieces: Iterator[str]) -> Iterator[tuple[str, str]]:
        """The growing text, at intervals; at the end, how long it took."""
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
            f"then {max(n - 1, 0) / max(seconds - first, 1e-9):.0f} a second.",
        )

    def _model(self, name: object) -> tuple[GPT, Tokenizer]:
        if not isinstance(name, str) or name not in self.models:
            raise ValueError(f"There is no model {shown(name)}.")
        return self.models[name]

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


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for what Gradio writes, removed when the process ends; Gradio's own stays, and all users share it."""
    return tempfile.TemporaryDirectory(prefix="largemodels-app-")


def gradio() -> ModuleType:
    """The package Gradio, with its usage reports switched off.

    Raises:
        AppError: if it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "0"  # read when Gradio is imported and when it starts
    if "GRADIO_TEMP_DIR" not in os.environ:  # read when Gradio is imported
        os.environ["GRADIO_TEMP_DIR"] = _scratch().name
    try:
        import gradio
    except ImportError:
        raise AppError("The app needs the package 'gradio'. Run: pip install gradio") from None
    return gradio


def _for_readers(
    writer: Writer, reads: Callable[[str | None], bool]
) -> Callable[..., Iterator[tuple[str, str]]]:
    """What the page calls: the writer, as long as somebody reads the session that asked."""

    def awaited(session: str | None, until: float) -> bool:
        while not (there := reads(session)) and time.monotonic() < until:
            time.sleep(0.02)
        return there

    def write(request: Any, *wishes: Any) -> Iterator[tuple[str, str]]:
        session, asked = request.session_hash, request.request.scope.get(ASKED, 0.0)
        if not awaited(session, asked + _PATIENCE):  # a client asks first and listens then
            return
        with closing(writer.write(*wishes)) as written:
            for shown in written:
                if not awaited(session, time.monotonic() + 1):  # second, to renew a broken connection
                    return
                yield shown

    return write


def page(writer: Writer, reads: Callable[[str | None], bool] = lambda session: True) -> Blocks:
    """The page, not yet served.

    Args:
        writer: what it calls.
        reads: whether somebody is there to read the results of a session; if not, its texts are not written.

    Raises:
        AppError: if Gradio is not installed.
    """
    gr, config, names = gradio(), writer.config, list(writer.models)
    write = _for_readers(writer, reads)
    write.__annotations__["request"] = gr.Request  # by it Gradio knows what to pass
    with gr.Blocks(title="Large Models at Work", analytics_enabled=False) as blocks:
        gr.Markdown("# A text, continued\nWrite a beginning. The model continues it, one token at a time.")
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                prompt = gr.Textbox(label="Beginning", lines=3, max_lines=8, elem_id="prompt")
                with gr.Row():
                    go = gr.Button("Write", variant="primary")
                    stop = gr.Button("Stop")
                text = gr.Textbox(label="Text", lines=12, max_lines=24, interactive=False, elem_id="text")
                state = gr.Textbox(label="Status", lines=2, interactive=False, elem_id="state")
            with gr.Column(scale=1, min_width=280):
                model = gr.Dropdown(names, value=names[0], label="Model", filterable=False)
                choice = gr.Radio(list(CHOICES), value="top-p", label="Decoding method")
                temperature = gr.Slider(0.1, 2.0, 0.8, step=0.05, label="Temperature")
                top_k = gr.Slider(1, 200, 50, step=1, label="k: number of candidate tokens", visible=False)
                top_p = gr.Slider(0.05, 1.0, 0.95, step=0.05, label="p: total probability of the candidates")
                most = config.max_tokens
                tokens = gr.Slider(1, most, min(200, most), step=1, label="Tokens to generate")
                seed = gr.Textbox(
                    label="Seed", placeholder="empty: a different text each time", elem_id="seed"
                )
        writing = gr.on(
            [go.click, prompt.submit],
            write,
            [prompt, model, choice, temperature, top_k, top_p, tokens, seed],
            [text, state],
            api_name="write",
            concurrency_limit=config.at_once,
            show_progress="minimal",
            preprocess=False,  # the writer checks all values, and says what is wrong with them on the page
        )
        unseen: dict[str, Any] = dict(queue=False, api_visibility="private")
        stop.click(None, cancels=[writing], **unseen)
        writing.then(None, state, state, js=_STOPPED, **unseen)
        choice.change(None, choice, [temperature, top_k, top_p], js=_VISIBLE, **unseen)
    blocks.queue(max_size=config.waiting)
    return blocks


@contextmanager
def serving(writer: Writer, host: str = "127.0.0.1", port: int | None = None) -> Iterator[str]:
    """Serve the page until the block ends; yields its address.

    Args:
        writer: what the page calls.
        host: by default only this computer can connect; with "0.0.0.0", any computer that can reach it.
        port: None: the first free one from 7860.

    Raises:
        ValueError: if there is no such port.
        AppError: if Gradio is missing, or the app cannot listen there.
    """
    gr = gradio()
    from fastapi import FastAPI

    # The system's fonts: Gradio's own themes may request fonts from elsewhere. The darker button is legible.
    theme = gr.themes.Default(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    theme.set(
        button_primary_background_fill="*primary_700", button_primary_background_fill_hover="*primary_800"
    )
    looks: dict[str, Any] = dict(theme=theme, css=_LEGIBLE, footer_links=[], show_error=False)
    parts = ("ssr_mode", "enable_monitoring", "pwa", "mcp_server", "run_history")
    # Simultaneous requests share the cores; more threads than cores would wait for each other.
    threads = torch.get_num_threads()
    with closing(listen(host, port)) as listening:
        guard = Guard(FastAPI(openapi_url=None), host, everywhere=is_everywhere(listening), n_values=8)
        blocks = page(writer, guard.reads)
        gr.mount_gradio_app(guard.app, blocks, path="/", **looks, **dict.fromkeys(parts, False))
        torch.set_num_threads(max(1, threads // writer.config.at_once))
        try:
            with running(guard, listening):
                yield address_of(listening, host)
        finally:
            blocks.close(verbose=False)
            torch.set_num_threads(threads)


def serve(writer: Writer, host: str, port: int | None, say: Callable[[str], Any] = print) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        writer: see :func:`serving`.
        host: the same.
        port: the same.
        say: called with the line that names the address.
    """
    with deferred_interrupts() as asked, serving(writer, host, port) as address:
        say(f"The app is at {address} Press Ctrl-C to stop it.")
        asked.wait()
