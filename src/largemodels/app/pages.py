"""A web page that continues a user's text: ``largemodels app``.

The page is built with Gradio (Abid et al., 2019, https://arxiv.org/abs/1906.02569). This module adds streaming, a stop
button, and fair use of one computer by many users: a few texts are generated at a time, further requests wait in a
queue, and each request has its own generator, cache and random numbers, so that requests cannot affect each other. The
page contacts no other computer and stores nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

from ..models.checks import at_least
from ..models.gpt import GPT
from ..text.tokenizers import Tokenizer
from ..text.writing import stream

if TYPE_CHECKING:
    from gradio import Blocks

# The decoding methods: their names on the page, and the fields of Sampling that each sets.
CHOICES: dict[str, tuple[str, ...]] = {
    "likeliest token": (),
    "temperature": ("temperature",),
    "top-k": ("temperature", "top_k"),
    "top-p": ("temperature", "top_p"),
}

# Gradio prints the limits of its sliders in a grey that is too light to read.
_LEGIBLE = ".min_value, .max_value { color: var(--body-text-color) !important; }"
_FIELDS = ("temperature", "top_k", "top_p")


class AppError(RuntimeError):
    """The app cannot be started; the message says why and what to do."""


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
    ) -> Iterator[tuple[str, str]]:
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
        refusal = self._refusal(prompt, model, choice, tokens, str(seed or 0))
        if refusal:
            yield "", refusal
            return
        gpt, tokenizer = self.models[model]
        values: dict[str, Any] = {"temperature": temperature, "top_k": int(top_k), "top_p": top_p}
        sampling: dict[str, Any] = {"temperature": 0.0} | {name: values[name] for name in CHOICES[choice]}
        generator = torch.Generator()
        generator.seed() if seed in (None, "") else generator.manual_seed(int(seed))
        try:
            pieces = stream(gpt, tokenizer, prompt, int(tokens), generator=generator, **sampling)
        except ValueError as error:  # a character without a token, a temperature below 0
            yield "", str(error)
            return
        with self._counted():
            yield from self._pieces(prompt, pieces)

    def _pieces(self, text: str, pieces: Iterator[str]) -> Iterator[tuple[str, str]]:
        """The growing text, at intervals; at the end, how long it took."""
        began = shown = time.perf_counter()
        first, n = 0.0, 0
        yield text, "Reading the prompt …"
        for n, piece in enumerate(pieces, start=1):
            text += piece
            now = time.perf_counter()
            first = first or now - began
            if now - shown >= self.config.refresh or n == 1:
                shown = now
                yield text, f"{n} tokens …"
        n -= 1  # the last piece is the remainder, without a token of its own
        seconds = time.perf_counter() - began
        yield (
            text,
            f"Done: {n} tokens in {seconds:.1f} s, the first after {first:.2f} s, "
            f"then {max(n - 1, 0) / max(seconds - first, 1e-9):.0f} a second.",
        )

    def _refusal(self, prompt: str, model: str, choice: str, tokens: int, seed: str) -> str:
        """Why a request is refused; empty if it is not."""
        if not prompt.strip():
            return "The prompt is empty: write a few words for the text to begin with."
        if model not in self.models or choice not in CHOICES:
            return (
                f"There is no model {model!r}."
                if model not in self.models
                else f"There is no decoding method {choice!r}."
            )
        if not 1 <= tokens <= self.config.max_tokens:
            return f"The number of tokens must lie between 1 and {self.config.max_tokens}."
        if not seed.strip().isdecimal() or int(seed) >= 2**63:
            return f"The seed must be a whole number, not {seed!r}, or empty."
        gpt, tokenizer = self.models[model]
        longest = min(self.config.max_prompt, gpt.config.context_length)
        try:
            # A token is rarely longer than 20 characters: a prompt that is far too long is not even tokenised.
            length = len(tokenizer.encode(prompt)) if len(prompt) <= 20 * longest else None
        except ValueError as error:
            return str(error)
        if length is None or length > longest:
            has = f"{len(prompt):,} characters" if length is None else f"{length:,} tokens"
            return (
                f"The prompt is too long: it has {has}, and {model} accepts {longest:,} tokens. Shorten it."
            )
        return ""

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self.running += 1
        try:
            yield
        finally:  # also if the user stops it or leaves: Gradio then closes the generator
            with self._lock:
                self.running -= 1


def gradio() -> ModuleType:
    """The package Gradio, with its usage reports switched off.

    Raises:
        AppError: if it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "0"  # read when Gradio is imported and when it starts
    try:
        import gradio
    except ImportError:
        raise AppError("The app needs the package 'gradio'. Run: pip install 'largemodels[app]'") from None
    return gradio


def page(writer: Writer) -> Blocks:
    """The page, not yet served.

    Raises:
        AppError: if Gradio is not installed.
    """
    gr, config, names = gradio(), writer.config, list(writer.models)
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
            writer.write,
            [prompt, model, choice, temperature, top_k, top_p, tokens, seed],
            [text, state],
            api_name="write",
            concurrency_limit=config.at_once,
            show_progress="minimal",
        )
        unseen: dict[str, Any] = dict(queue=False, api_visibility="private")
        stopped = stop.click(None, cancels=[writing], **unseen)
        stopped.then(lambda: "Stopped.", None, state, **unseen)  # after the last piece, not before it
        shown = lambda name: [gr.update(visible=some in CHOICES[name]) for some in _FIELDS]  # noqa: E731
        choice.change(shown, choice, [temperature, top_k, top_p], **unseen)
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
        AppError: if Gradio is missing, or the port is taken.
    """
    blocks = page(writer)
    # The system's fonts: Gradio's own themes may request fonts from elsewhere. The darker button is legible.
    theme = gradio().themes.Default(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    theme.set(
        button_primary_background_fill="*primary_700", button_primary_background_fill_hover="*primary_800"
    )
    # Simultaneous requests share the cores; more threads than cores would wait for each other.
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads // writer.config.at_once))
    try:
        try:
            _, address, _ = blocks.launch(
                server_name=host,
                server_port=port,
                theme=theme,
                css=_LEGIBLE,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                inbrowser=False,
                inline=False,
                ssr_mode=False,
                enable_monitoring=False,
                run_history=False,
                footer_links=[],
            )
        except OSError as error:
            raise AppError(f"The app cannot listen on {host}, port {port}: {error}") from None
        yield address
    finally:
        blocks.close(verbose=False)
        torch.set_num_threads(threads)


def serve(writer: Writer, host: str, port: int | None, say: Callable[[str], Any] = print) -> None:
    """Serve the page until Ctrl-C.

    Args:
        writer: see :func:`serving`.
        host: the same.
        port: the same.
        say: called with the line that names the address.
    """
    with serving(writer, host, port) as address, suppress(KeyboardInterrupt):
        say(f"The app is at {address} Press Ctrl-C to stop it.")
        threading.Event().wait()
