"""A help desk on a web page: it answers from the FAQ, asks back, or hands over to a person.

    python -m largemodels.app.desk runs/customer_service

The chapter on customer service writes the folder: which searches to use, how sure they can be, what the outcomes cost.
The texts come from the installed FAQ. The page shows a section as it is and writes nothing of its own, so a message
cannot make it say anything else. It is served like the app's pages (:mod:`.pages`); a message is not stored.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import Tensor

from ..data.checks import DataError
from ..data.faq import faq
from ..pretrained.bert import load_minilm
from ..text.chinese import cutter
from ..text.retrieval import BM25
from ..text.service import Assistant, Costs, Odds, language_of
from ..training.interrupts import deferred_interrupts
from .pages import gradio, serving_page
from .server import AppError
from .values import check_text

if TYPE_CHECKING:
    from gradio import Blocks

FILE = "assistant.json"
LONGEST = 1_000  # characters of a message
NONE = "person"  # the choice of who wants none of the sections
WORDS = {
    "en": {
        "answer": "This section should answer it.",
        "ask": "Several sections may be meant. Which one?",
        "person": "I am not sure enough. A person will answer you.",
        "none": "None of these: a person, please",
        "source": "Source: Debian FAQ, section",
    },
    "zh": {
        "answer": "这一节应该能回答您的问题。",
        "ask": "可能是下面几个问题之一，请选择：",
        "person": "我没有把握，已转给人工客服。",
        "none": "都不是，请转人工",
        "source": "出处：Debian FAQ，小节",
    },
}
CHINESE: dict[str, Any] = {"k1": 32.0, "b": 0.5, "cut": cutter((1, 2))}  # chosen by the chapter's study
Search = Callable[[str], Tensor]


def searches(sections: pd.DataFrame) -> dict[str, Search]:
    """The searches of the assistant: MiniLM for English messages, counted characters for Chinese ones.

    Args:
        sections: of :func:`largemodels.data.faq.faq`.
    """
    minilm = load_minilm()
    vectors = minilm.embed(list(sections.question + " " + sections.answer))
    chinese = (sections.question_zh + " ") * 3 + sections.answer_zh  # a title counts three times
    counted = BM25(list(chinese), **CHINESE)
    return {
        "en": lambda message: (minilm.embed([message]) @ vectors.T)[0],
        "zh": lambda message: counted.scores([message])[0],
    }


def save(folder: Path | str, odds: Mapping[str, tuple[Odds, Odds]], costs: Costs) -> Path:
    """Write what an assistant has learned: no text of the FAQ, no weights.

    Args:
        folder: created if it does not exist.
        odds: see :class:`~largemodels.text.service.Assistant`.
        costs: of the outcomes.

    Returns:
        the file.
    """
    file = Path(folder) / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    written = {
        "costs": asdict(costs),
        "odds": {name: [asdict(it) for it in two] for name, two in odds.items()},
    }
    file.write_text(json.dumps(written, indent=1), encoding="utf-8")
    return file


def load(folder: Path | str, searches: Mapping[str, Search]) -> Assistant:
    """The assistant that :func:`save` has written, with its searches.

    Raises:
        AppError: if there is none, or it cannot be read.
    """
    file = Path(folder) / FILE
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        odds = {
            name: (Odds(one["bias"], tuple(one["weights"])), Odds(other["bias"], tuple(other["weights"])))
            for name, (one, other) in read["odds"].items()
        }
        return Assistant({name: searches[name] for name in odds}, odds, Costs(**read["costs"]))
    except OSError:
        raise AppError(
            f"There is no assistant in {folder}: run the chapter on customer service, which writes it."
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise AppError(f"{file} cannot be read: run the chapter on customer service again.") from None


class Desk:
    """What the page calls.

    Args:
        assistant: decides.
        titles: of the sections, by language.
        answers: the same.
        keys: the sections' names.
    """

    def __init__(
        self,
        assistant: Assistant,
        titles: Mapping[str, list[str]],
        answers: Mapping[str, list[str]],
        keys: list[str],
    ) -> None:
        self.assistant, self.titles, self.answers, self.keys = assistant, titles, answers, keys

    def receive(self, message: object) -> tuple[str, str, list[tuple[str, str]]]:
        """What to do with a message.

        Returns:
            a line that says what is done, a text, and the choices if the customer is asked back: what is shown of
            each, and its name.
        """
        try:
            check_text("message", message)
            assert isinstance(message, str)
            if len(message) > LONGEST:
                raise ValueError(
                    f"The message is too long: {len(message):,} characters, not over {LONGEST:,}."
                )
        except ValueError as error:
            return str(error), "", []
        language = language_of(message)
        reply = self.assistant.reply(message, language)
        says, line = WORDS[language], f"{reply.first:.0%} · {reply.among:.0%}"
        if reply.outcome == "answer":
            return f"{says['answer']} ({line})", self._section(language, reply.sections[0]), []
        if reply.outcome == "ask":
            choices = [(self.titles[language][row], f"{language}:{self.keys[row]}") for row in reply.sections]
            return f"{says['ask']} ({line})", "", [*choices, (says["none"], f"{language}:{NONE}")]
        return f"{says['person']} ({line})", "", []

    def choose(self, choice: object) -> tuple[str, str]:
        """What to show after a choice: a line and a text."""
        language, _, key = choice.partition(":") if isinstance(choice, str) else ("", "", "")
        if language in WORDS and key == NONE:
            return WORDS[language]["person"], ""
        if language not in self.titles or key not in self.keys:
            return "There is no such section.", ""
        return WORDS[language]["answer"], self._section(language, self.keys.index(key))

    def _section(self, language: str, row: int) -> str:
        source = f"{WORDS[language]['source']} {self.keys[row]}"
        return f"{self.titles[language][row]}\n\n{self.answers[language][row]}\n\n{source}"


def page(desk: Desk) -> Blocks:
    """The page, not yet served."""
    gr = gradio()

    def send(message: Any) -> Generator[tuple[str, str, Any], None, None]:
        line, text, choices = desk.receive(message)
        yield line, text, gr.update(choices=choices, value=None, visible=bool(choices))

    def pick(choice: Any) -> Generator[tuple[str, str], None, None]:
        yield desk.choose(choice)

    with gr.Blocks(title="Help desk", analytics_enabled=False) as blocks:
        gr.Markdown("# Help desk · 客服\nQuestions about Debian, in English or Chinese. 请用中文或英文提问。")
        message = gr.Textbox(label="Message · 留言", lines=2, max_lines=6, elem_id="message", autofocus=True)
        button = gr.Button("Send · 发送", variant="primary")
        state = gr.Textbox(label="Outcome · 结果", interactive=False, elem_id="state")
        choices = gr.Radio([], label="Which one? · 哪一个？", visible=False, elem_id="choices")
        text = gr.Textbox(label="Answer · 回答", lines=10, max_lines=24, interactive=False, elem_id="text")
        for events, call, inputs, outputs in (
            ([button.click, message.submit], send, [message], [state, text, choices]),
            ([choices.input], pick, [choices], [state, text]),
        ):
            gr.on(
                events,
                call,
                inputs,
                outputs,
                preprocess=False,
                concurrency_id="desk",
                show_progress="minimal",
            )
    blocks.queue(max_size=32)
    return blocks


def serving(desk: Desk, host: str = "127.0.0.1", port: int | None = None) -> AbstractContextManager[str]:
    """Serve the page until the block ends; yields its address. See :func:`.pages.serving`."""
    return serving_page(lambda reads: page(desk), (1, 1), 1, host, port)


def main() -> None:
    """Serve the page until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m largemodels.app.desk", description="A help desk.")
    parser.add_argument("folder", nargs="?", default="runs/customer_service", help="written by the chapter")
    parser.add_argument("--host", default="127.0.0.1", help="by default, this computer alone can connect")
    parser.add_argument("--port", type=int, help="by default, the first free one from 7860")
    asked = parser.parse_args()
    try:
        gradio()
        sections = faq()
        desk = desk_for(load(asked.folder, searches(sections)), sections)
        with deferred_interrupts() as stopped, serving(desk, asked.host, asked.port) as address:
            print(f"The help desk is at {address} Press Ctrl-C to stop it.", flush=True)
            stopped.wait()
    except (AppError, DataError, ValueError) as error:
        sys.exit(str(error))


def desk_for(assistant: Assistant, sections: pd.DataFrame) -> Desk:
    """A desk that shows the sections of the FAQ."""
    titles = {"en": list(sections.question), "zh": list(sections.question_zh)}
    answers = {"en": list(sections.answer), "zh": list(sections.answer_zh)}
    return Desk(assistant, titles, answers, list(sections.key))


if __name__ == "__main__":
    main()
