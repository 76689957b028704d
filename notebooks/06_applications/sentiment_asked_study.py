"""Third study of the chapter "Sentiment": SmolLM2 is asked in four ways.

    make study NAME=06_applications/sentiment_asked

One thread, about 4 minutes, after sentiment_tuned. SmolLM2-135M-Instruct (4 bits, see its card)
reads the first 75 test sentences of each kind in one of four wordings. Its answer is how much more
probable "positive" is than "negative" as the next word, in nats.
"""

from __future__ import annotations

import functools
from typing import Any

import sentiment_tuned_study as first
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

import largemodels as lm
from largemodels.text.writing import written_dialogue

N_ASKED, BATCH_SIZE = 75, 20  # N_ASKED: test sentences of each kind
QUESTION = "Is the sentiment of this sentence positive or negative? Answer in one word.\n\n"
EXAMPLES = "".join(
    f"Sentence: {text}\nSentiment: {answer}\n\n"
    for text, answer in (
        ("What a wonderful evening!", "positive"),
        ("The screen broke after two days.", "negative"),
        ("A dull film that never ends.", "negative"),
        ("It works well and looks good.", "positive"),
    )
)
WORDINGS = {  # what stands before and after a sentence, and the two answers
    "plain": ("", "\nSentiment:", " positive", " negative"),
    "question": (QUESTION, "\nAnswer:", " positive", " negative"),
    "chat": (QUESTION, "", "Positive", "Negative"),  # within the model's own template
    "examples": (f"{EXAMPLES}Sentence: ", "\nSentiment:", " positive", " negative"),
}


@functools.cache
def smollm2() -> tuple[lm.GPT, Any]:
    """The model and its tokenizer."""
    return lm.load_smollm2()


def prompt(wording: str, text: str) -> Tensor:
    """What the model reads, as tokens."""
    tokenizer = smollm2()[1]
    before, after, *_ = WORDINGS[wording]
    if wording == "chat":
        said = [{"role": "user", "content": before + text + after}]
        return written_dialogue(tokenizer, said)
    tokens: Tensor = tokenizer.encode(before + text + after)
    return tokens


@torch.no_grad()
def answers(wording: str, texts: list[str]) -> Tensor:
    """How much more probable "positive" is than "negative", in nats, for each text."""
    model, tokenizer = smollm2()
    two = [int(tokenizer.encode(it)[0]) for it in WORDINGS[wording][2:]]
    read = [prompt(wording, it) for it in texts]
    order = sorted(range(len(read)), key=lambda it: len(read[it]))
    found = torch.empty(len(read))
    for start in range(0, len(order), BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        ends = torch.tensor([len(read[row]) - 1 for row in rows])
        padded = pad_sequence(
            [read[row] for row in rows], batch_first=True
        )  # nobody sees the end
        with torch.autocast("cpu", torch.bfloat16):
            hidden = model.hidden(padded)[torch.arange(len(rows)), ends]
        logits = model.logits(hidden.float())[:, two]
        found[rows] = logits[:, 0] - logits[:, 1]
    return found


def run(wording: str) -> dict[str, Any]:
    """Ask about all cases in one wording."""
    asked = first.some("test", N_ASKED)
    said = answers(wording, list(asked.text))
    study.keep(wording, {"thousandths": (1_000 * said).round().int()}, config={})
    scores = first.scores(torch.stack([said, said], 1), asked)
    return {name: it for name, it in scores.items() if name.startswith("mean")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/sentiment_asked")
    for wording in WORDINGS:
        study.row(run, wording=wording)
    study.save()
