"""Study of the chapter "Dialogue": the base model, a GPT that has read three kinds of English.

    make study NAME=06_applications/dialogue_base

One thread, about 20 minutes where the processor multiplies in bfloat16. An interrupted study goes
on where it stopped, even within the run.
"""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.novels import austen
from largemodels.models.presets import preset

# Tokens after those of the text: who speaks. The base model has room for them and never sees one.
N_TEXT = 2046
USER, ASSISTANT = 2046, 2047
SIZES = dict(vocab_size=2048, context_length=128, n_layer=4, n_head=4, d_model=144)
# The rates of "Pretraining a GPT" for its modern GPT, for a width between its two.
RECIPE = dict(steps=2_000, learning_rate=5e-3, matrix_learning_rate=0.01, seed=0)
BATCH_SIZE = 32
N_PART = 40_000  # characters of each kind of validation text for the curve
CHECKPOINT = Path(__file__).resolve().parents[2] / "_build" / "dialogue_base"


def corpora() -> dict[str, lm.Corpus]:
    """The three kinds of English."""
    return {"articles": lm.wikipedia("en"), "plays": lm.shakespeare(), "novels": austen()}


def encode(tokenizer: lm.Tokenizer, documents: dict[str, str]) -> Tensor:
    """Tokens of documents, with an end of text after each."""
    end = torch.tensor([tokenizer.end_of_text])
    return torch.cat(
        [part for text in documents.values() for part in (tokenizer.encode(text), end)]
    )


def base(
    steps: int, learning_rate: float, matrix_learning_rate: float, seed: int, **sizes: int
) -> dict[str, Any]:
    """Train the base model; losses in bits a byte, by kind of text."""
    read = corpora()
    texts = [text for corpus in read.values() for text in corpus.train.values()]
    tokenizer = lm.ByteBPE.train(texts, N_TEXT)
    tokens = torch.cat([encode(tokenizer, corpus.train) for corpus in read.values()])
    torch.manual_seed(seed)
    gpt = lm.GPT(preset("modern", **sizes))

    def bits(text: str) -> float:
        encoded = tokenizer.encode(text)
        length = gpt.context_length
        loss = lm.evaluate(gpt, encoded, length, overlap=length // 2)
        return (
            loss * len(encoded) / len(text.encode()) / torch.log(torch.tensor(2.0)).item()
        )

    spent = time.process_time()  # before training, and in evaluations

    def evaluate() -> dict[str, Any]:
        nonlocal spent
        began = time.process_time()
        found: dict[str, Any] = {
            kind: bits(corpus.text("validation")[:N_PART]) for kind, corpus in read.items()
        }
        found |= {"sample": sample(gpt, tokenizer, seed), "core": began - spent}
        spent += time.process_time() - began
        return found

    recipe = lm.TrainingConfig(
        steps=steps, learning_rate=learning_rate, matrix_learning_rate=matrix_learning_rate,
        optimizer="muon", precision="bf16", warmup_steps=steps // 20, evaluate_every=400,
        save_every=50,
    )  # fmt: skip
    windows = partial(lm.batches, tokens, BATCH_SIZE, gpt.context_length, seed)
    history = lm.train(gpt, windows, recipe, evaluate, checkpoint=CHECKPOINT)
    # A run that was resumed counts from zero again.
    passed = history.core.diff().fillna(history.core)
    seconds = passed.where(passed >= 0, history.core).cumsum()
    study.keep("gpt", gpt)
    gpt.load_state_dict(
        {name: weight.half().float() for name, weight in gpt.state_dict().items()}
    )
    row: dict[str, Any] = {
        "n_parameters": gpt.n_parameters(),
        "n_characters": sum(map(len, texts)),
        "n_tokens": len(tokens),
        "n_read": steps * BATCH_SIZE * gpt.context_length,
        "core_seconds": seconds.iloc[-1],
        "tokenizer": tokenizer.to_json(),
        "curve_steps": history.step.tolist(),
        "curve_seconds": seconds.tolist(),
        "curve_samples": history["sample"].tolist(),
    }
    for kind, corpus in read.items():
        row[f"curve_{kind}"] = history[kind].tolist()
        row[f"{kind}_validation_bits"] = bits(corpus.text("validation"))
        row[f"{kind}_test_bits"] = bits(corpus.text("test"))
    shutil.rmtree(CHECKPOINT)
    return row


def sample(gpt: lm.GPT, tokenizer: lm.Tokenizer, seed: int) -> str:
    """A short text that the model has written."""
    generator = torch.Generator().manual_seed(seed)
    prompt = torch.tensor([[tokenizer.end_of_text]])
    written = lm.generate(gpt, prompt, 60, 0.8, generator=generator)[0, 1:]
    return tokenizer.decode(written[written < N_TEXT])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/dialogue_base", timed=("core_seconds", "curve_seconds"))
    study.row(base, **RECIPE, **SIZES)
    study.save()
