"""The web page of ``largemodels app``: a chat with a model that answers, and a form for one that only continues texts.

The page is built with Gradio (Abid et al., 2019, https://arxiv.org/abs/1906.02569). This module adds streaming, a stop
button, and fair use of one computer by many users: a few texts are generated at a time, and further requests wait in a
queue, whichever form they come from. The page contacts no other computer. The server stores nothing: a conversation
is kept by the reader's page, which sends it along with each message.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from html import escape
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

from ..training.interrupts import deferred_interrupts
from .conversation import can_answer, messages
from .server import ASKED, AppError, Guard, address_of, is_everywhere, listen, running
from .values import CHOICES, NAMES
from .writer import AppConfig as AppConfig
from .writer import Writer as Writer

if TYPE_CHECKING:
    from gradio import Blocks

# Gradio prints the limits of its sliders in a grey that is too light to read.
_LEGIBLE = ".min_value, .max_value { color: var(--body-text-color) !important; }"
# These run in the browser, so that the server only writes texts. A status that ends with "…" is not final.
_STOPPED = "status => !status || status.endsWith('…') ? 'Stopped.' : status"
_VISIBLE = "chosen => [{}].map(names => ({{__type__: 'update', visible: names.includes(chosen)}}))".format(
    ", ".join(str([name for name, used in CHOICES.items() if field in used]) for field in NAMES)
)
_CLEARED = "() => [[], '']"
# The conversation, the last input, is sent as JSON in place of the second, a hidden field: the server refuses objects,
# which Gradio could take for files. A message may come in parts, and is shown as HTML, in which markup is escaped.
_AS_TEXT = """(...values) => {
    const text = content => typeof content === 'string' ? content : content.map(part => part.text).join('');
    const unescaped = content => content.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
    const plain = values.pop().map(one => ({role: one.role, content: unescaped(text(one.content))}));
    return [values[0], JSON.stringify(plain), ...values.slice(2), null];
}"""
_FORMS = """chosen => [%s.includes(chosen)].flatMap(chat => [!chat, chat, !chat, chat, !chat])
    .map(visible => ({__type__: 'update', visible}))"""
_N_VALUES = (8, 10)  # that the page sends with a beginning, and with a message
_PATIENCE = 5.0  # seconds within which a client has to fetch what it asked for


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
    call: Callable[..., Generator[Any, None, None]], reads: Callable[[str | None], bool], request: Any
) -> Callable[..., Iterator[Any]]:
    """What the page calls: a function of the writer, as long as somebody reads the session that asked.

    Args:
        call: yields what the page shows.
        reads: see :func:`page`.
        request: the class of Gradio's requests; by the annotation Gradio knows what to pass.
    """

    def awaited(session: str | None, until: float) -> bool:
        while not (there := reads(session)) and time.monotonic() < until:
            time.sleep(0.02)
        return there

    def write(request: Any, *wishes: Any) -> Iterator[Any]:
        session, asked = request.session_hash, request.request.scope.get(ASKED, 0.0)
        if not awaited(session, asked + _PATIENCE):  # a client asks first and listens then
            return
        with closing(call(*wishes)) as written:
            for shown in written:
                if not awaited(session, time.monotonic() + 1):  # second, to renew a broken connection
                    return
                yield shown

    write.__annotations__["request"] = request
    return write


def _continuing(writer: Writer) -> Callable[..., Generator[tuple[Any, str], None, None]]:
    """The writer's texts, with what the page shows; a request that is refused leaves the text there as it is."""
    unchanged = gradio().skip()

    def proceed(*wishes: Any) -> Generator[tuple[Any, str], None, None]:
        with closing(writer.write(*wishes)) as written:
            for text, state in written:
                yield text or unchanged, state  # a text that is written holds its prompt

    return proceed


def _conversing(writer: Writer) -> Callable[..., Generator[tuple[Any, Any, str], None, None]]:
    """The writer's chat, with what the page shows: the message field, the conversation, and the status."""
    unchanged = gradio().skip()

    def safe(content: str) -> str:
        return escape(content, quote=False)

    def converse(message: Any, said: Any, *wishes: Any) -> Generator[tuple[Any, Any, str], None, None]:
        """The answer as it grows; a message that is refused stays in its field."""
        field: Any = ""  # emptied once: the user may already be typing the next message
        before: list[dict[str, str]] | None = None
        with closing(writer.chat(message, said, *wishes[:-1])) as written:
            for answer, state in written:
                if not answer and not state.endswith("…"):  # refused, or nothing was written
                    yield unchanged, unchanged, state
                    continue
                if before is None:
                    asked = [*messages(said), {"role": "user", "content": message}]
                    before = [one | {"content": safe(one["content"])} for one in asked]
                yield field, [*before, {"role": "assistant", "content": safe(answer)}], state
                field = unchanged

    return converse


def _beginning(gr: ModuleType) -> Any:
    """The field for a model that continues texts."""
    gr.Markdown("# A text, continued\nWrite a beginning. The model continues it, one token at a time.")
    return gr.Textbox(label="Beginning", lines=3, max_lines=8, placeholder="ROMEO:", elem_id="prompt")


def _conversation(gr: ModuleType) -> tuple[Any, Any]:
    """The fields for a model that answers: conversation, message."""
    gr.Markdown("# A conversation\nThe model answers, one token at a time. A small one is often wrong.")
    # As plain text: Markdown could name pictures elsewhere.
    said = gr.Chatbot(
        label="Conversation",
        placeholder="Ask: What is the capital of France?",
        height=380,
        elem_id="said",
        render_markdown=False,
        buttons=[],
        feedback_options=None,
    )
    return said, gr.Textbox(label="Message", lines=1, max_lines=6, autofocus=True, elem_id="message")


def _buttons(gr: ModuleType, first: str, *others: str) -> list[Any]:
    """In one row, also on a phone."""
    return [
        gr.Button(first, variant="primary", min_width=80),
        *(gr.Button(name, min_width=80) for name in others),
    ]


def _options(gr: ModuleType, writer: Writer) -> tuple[Any, list[Any]]:
    """The choice of the model, and the other fields that all requests share."""
    names, most = list(writer.models), writer.config.max_tokens
    model = gr.Dropdown(names, value=names[0], label="Model", filterable=False)
    choice = gr.Radio(list(CHOICES), value="top-p", label="Decoding method")
    temperature = gr.Slider(0.1, 2.0, 0.8, step=0.05, label="Temperature")
    top_k = gr.Slider(1, 200, 50, step=1, label="k: number of candidate tokens", visible=False)
    top_p = gr.Slider(0.05, 1.0, 0.95, step=0.05, label="p: total probability of the candidates")
    tokens = gr.Slider(1, most, min(200, most), step=1, label="Tokens to generate")
    seed = gr.Textbox(label="Seed", placeholder="empty: a different text each time", elem_id="seed")
    return model, [choice, temperature, top_k, top_p, tokens, seed]


def _on(
    gr: ModuleType,
    at_once: int,
    reads: Callable[[str | None], bool],
    events: list[Any],
    name: str,
    call: Callable[..., Generator[Any, None, None]],
    inputs: list[Any],
    outputs: list[Any],
    js: str | None = None,
) -> Any:
    """Call the writer at these events, in the one queue for both forms."""
    return gr.on(
        events,
        _for_readers(call, reads, gr.Request),
        inputs,
        outputs,
        js=js,
        api_name=name,
        concurrency_limit=at_once,
        concurrency_id="texts",
        show_progress="minimal",
        preprocess=False,  # the writer checks all values, and says what is wrong with them on the page
    )


def page(writer: Writer, reads: Callable[[str | None], bool] = lambda session: True) -> Blocks:
    """The page, not yet served. Which of its two forms is shown depends on the chosen model.

    Args:
        writer: what it calls.
        reads: whether somebody is there to read the results of a session; if not, its texts are not written.

    Raises:
        AppError: if Gradio is not installed.
    """
    gr = gradio()
    answering = [name for name, (_, tokenizer) in writer.models.items() if can_answer(tokenizer)]
    chat_first = next(iter(writer.models)) in answering
    with gr.Blocks(title="Large Models at Work", analytics_enabled=False) as blocks:
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                with gr.Column(visible=not chat_first) as continuing:
                    prompt = _beginning(gr)
                with gr.Column(visible=chat_first) as conversing:
                    said, message = _conversation(gr)
                # Above the buttons: on a phone, what is below them is out of sight.
                state = gr.Textbox(label="Status", lines=2, interactive=False, elem_id="state")
                with gr.Row(visible=not chat_first) as to_continue:
                    go, stop = _buttons(gr, "Write", "Stop")
                with gr.Row(visible=chat_first) as to_converse:
                    send, halt, clear = _buttons(gr, "Send", "Stop", "Clear")
                with gr.Column(visible=not chat_first) as continued:
                    text = gr.Textbox(label="Text", lines=12, max_lines=24, interactive=False, elem_id="text")
            with gr.Column(scale=1, min_width=280):
                model, others = _options(gr, writer)
        # These two come first: the server tells functions by their number.
        asks = functools.partial(_on, gr, writer.config.at_once, reads)
        writing = asks(
            [go.click, prompt.submit], "write", _continuing(writer), [prompt, model, *others], [text, state]
        )
        sent = gr.Textbox(visible=False)  # what was said, as JSON
        inputs, outputs = [message, sent, model, *others, said], [message, said, state]
        chatting = asks(
            [send.click, message.submit], "chat", _conversing(writer), inputs, outputs, js=_AS_TEXT
        )
        unseen: dict[str, Any] = dict(queue=False, api_visibility="private")
        for button, job in [(stop, writing), (halt, chatting)]:
            button.click(None, cancels=[job], **unseen)
            job.then(None, state, state, js=_STOPPED, **unseen)
        clear.click(None, None, [said, state], js=_CLEARED, cancels=[chatting], **unseen)
        choice, *filters = others[:4]
        choice.change(None, choice, filters, js=_VISIBLE, **unseen)
        by_form = [continuing, conversing, to_continue, to_converse, continued]
        forms = _FORMS % json.dumps(answering)
        model.change(None, model, by_form, js=forms, **unseen)
    blocks.queue(max_size=writer.config.waiting)
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
    build = functools.partial(page, writer)
    with serving_page(build, _N_VALUES, writer.config.at_once, host, port) as address:
        yield address


@contextmanager
def serving_page(
    build: Callable[[Callable[[str | None], bool]], Blocks],
    n_values: tuple[int, ...],
    at_once: int = 1,
    host: str = "127.0.0.1",
    port: int | None = None,
) -> Iterator[str]:
    """Serve any page made with Gradio as :func:`serving` serves the app's; yields its address.

    Args:
        build: makes the page; its argument says whether somebody reads the results of a session.
        n_values: see :class:`.server.Guard`.
        at_once: requests served at the same time, which share the threads.
        host: see :func:`serving`.
        port: see :func:`serving`.
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
        guard = Guard(FastAPI(openapi_url=None), host, everywhere=is_everywhere(listening), n_values=n_values)
        blocks = build(guard.reads)
        gr.mount_gradio_app(guard.app, blocks, path="/", **looks, **dict.fromkeys(parts, False))
        torch.set_num_threads(max(1, threads // at_once))
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
