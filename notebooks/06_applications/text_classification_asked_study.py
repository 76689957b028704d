"""Third study of "Text classification": a language model is asked, without any labels.

    make study NAME=06_applications/text_classification_asked

One thread, about 5 minutes. SmolLM2-135M-Instruct (4 bits a weight, computed in bfloat16) reads
the first words of a post, no more than MiniLM reads, and a question. The answer is the group whose
word, one token each, it finds the likeliest next, or whose word gains most over an empty post (what
Zhao et al., 2021, call calibration). One of three questions, and one of these two ways, is chosen
on 40 validation posts; the test is 200 of the 2,000 test posts of the first study, every tenth.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import text_classification_study as first
import torch

import largemodels as lm

WORDS = {
    "alt.atheism": "atheism", "comp.graphics": "graphics", "comp.os.ms-windows.misc": "Windows",
    "comp.sys.ibm.pc.hardware": "PC", "comp.sys.mac.hardware": "Mac",
    "comp.windows.x": "X", "misc.forsale": "sale", "rec.autos": "cars",
    "rec.motorcycles": "motorcycles", "rec.sport.baseball": "baseball",
    "rec.sport.hockey": "hockey", "sci.crypt": "encryption",
    "sci.electronics": "electronics", "sci.med": "medicine", "sci.space": "space",
    "soc.religion.christian": "Christianity", "talk.politics.guns": "guns",
    "talk.politics.mideast": "Israel", "talk.politics.misc": "politics",
    "talk.religion.misc": "religion",
}  # fmt: skip
TOPICS = ", ".join(WORDS.values())
QUESTIONS = {
    "plain": "{post}\n\nThis message was posted in a discussion group about",
    "list": f"Topics: {TOPICS}.\n\nMessage: {{post}}\n\nThe topic of this message is",
    "chat": f"The topics are: {TOPICS}.\n\nMessage: {{post}}\n\nWhich topic is it? Answer "
    "with one of the topics.",
}


@functools.cache
def model() -> Any:
    """SmolLM2 and its tokenizer."""
    return lm.load_smollm2()


@functools.cache
def answer_tokens() -> list[int]:
    """The first token of each group's word, with the blank before it; all differ."""
    tokenizer = model()[1]
    found = [tokenizer.encode(" " + WORDS[it])[0].item() for it in sorted(WORDS)]
    if len(set(found)) < len(found):
        raise ValueError("Two words begin with the same token.")
    return found


@torch.no_grad()
def likely(question: str, post: str) -> np.ndarray:
    """Log-probability of each group's word after the question."""
    network, tokenizer = model()
    text = QUESTIONS[question].format(post=post)
    if question == "chat":  # in the model's own template, the answer begun for it
        turns = [{"role": "user", "content": text}]
        text = tokenizer.inner.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True
        )
        inner = tokenizer.inner.encode(text + "The topic is", add_special_tokens=False)
        tokens = torch.tensor(inner)[None]
    else:
        tokens = tokenizer.encode(text)[None]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = network.hidden(tokens)[:, -1]
    return (
        network.logits(hidden.float()).log_softmax(-1)[0, answer_tokens()].double().numpy()
    )


@functools.cache
def asked(question: str, use: str) -> np.ndarray:
    """Scores of the posts, ``(n, 20)``."""
    posts = (
        first.rows("validation")[::25] if use == "validation" else first.rows("test")[::10]
    )
    return np.stack([likely(question, first.first_words()[it]) for it in posts])


def scores(question: str, way: str, use: str) -> np.ndarray:
    """As they are, or what they gain over an empty post."""
    return asked(question, use) - (likely(question, "") if way == "gain" else 0)


def tune(question: str, way: str) -> dict[str, Any]:
    """Share of 40 validation posts named rightly."""
    truth = first.target()[first.rows("validation")[::25]]
    right = scores(question, way, "validation").argmax(1) == truth
    return {"validation": 100 * float(right.mean())}


def test(who: str, question: str, way: str) -> dict[str, Any]:
    """The groups of 200 test posts."""
    found = scores(question, way, "test")
    degrees = first.temperature(
        scores(question, way, "validation"), first.target()[first.rows("validation")[::25]]
    )
    row = first.answers(found, first.target()[first.rows("test")[::10]])
    raw = {"sure": first.sure(found, degrees), "sure_raw": first.sure(found, 1.0)}
    return row | raw | {"degrees": degrees}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/text_classification_asked")
    tried = [
        study.row(tune, question=question, way=way)
        for question in QUESTIONS
        for way in ("raw", "gain")
    ]
    best = max(tried, key=lambda it: it["validation"])
    study.row(test, who="asked", question=best["question"], way=best["way"])
    study.save()
