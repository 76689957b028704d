"""Fourth study of the chapter "Sentiment": MiniLM learns from all kinds of sentences, and is kept.

    make study NAME=06_applications/sentiment_kept

One thread, about 4 minutes, after sentiment_tuned, whose rate it uses. MiniLM learns from 800
sentences of each of the four kinds. What has changed in it is kept for the chapter: each matrix as
a product of two thin ones. Kept, too, are vectors of these sentences, by MiniLM as it is published,
in 8 bits, so that the chapter can look up neighbours.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import sentiment_tuned_study as first
import torch
import torch.nn.functional as F
from sentiment_tuned_study import Reader
from torch import Tensor, nn

import largemodels as lm

RANK = 16  # of the change of each matrix, as it is kept


def low_rank(reader: Reader) -> dict[str, Tensor]:
    """What has changed since MiniLM was published: matrices as products of two thin ones."""
    before, state = lm.load_minilm().model.state_dict(), {}
    for name, now in reader.bert.state_dict().items():
        change = now - before[name]
        if "embedding" in name or not change.any():
            continue
        if change.ndim == 2:
            u, s, v = torch.linalg.svd(change, full_matrices=False)
            state[f"{name}.left"] = u[:, :RANK] * s[:RANK].sqrt()
            state[f"{name}.right"] = s[:RANK].sqrt()[:, None] * v[:RANK]
        else:
            state[name] = change
    return state | {f"head.{name}": it for name, it in reader.head.state_dict().items()}


def restored(state: dict[str, Tensor]) -> Reader:
    """The reader again, from what :func:`low_rank` says of it."""
    reader = Reader().eval()
    weights = reader.bert.state_dict()
    for name, it in state.items():
        if name.endswith(".left"):
            name = name.removesuffix(".left")
            weights[name] += it.float() @ state[f"{name}.right"].float()
        elif name in weights:
            weights[name] += it.float()
    reader.head.load_state_dict(
        {it: state[f"head.{it}"].float() for it in ("weight", "bias")}
    )
    return reader


def lesson(table: pd.DataFrame, rate: float, seed: int) -> Reader:
    """MiniLM after as many passes as in the first study."""
    torch.manual_seed(seed)
    reader, steps = Reader(), first.PASSES * len(table) // first.BATCH_SIZE
    recipe = lm.TrainingConfig(
        steps=steps, warmup_steps=steps // 10, learning_rate=rate, weight_decay=0.01,
        evaluate_every=steps, final_fraction=0.02, precision="bf16",
    )  # fmt: skip

    def loss(model: nn.Module, tokens: Tensor, mask: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(model(tokens, mask), targets)

    lm.train(reader, first.batches(reader.encoder, table, seed), recipe, loss=loss)
    return reader.eval()


def run(rate: float, seed: int) -> dict[str, Any]:
    """Learn from 800 sentences of each kind; be asked, as it is and as it is kept."""
    taught, asked = first.some("train", first.N_TRAIN), first.some("test", first.N_TEST)
    reader = lesson(taught, rate, seed)
    answers = reader.rate(list(asked.text))
    state = low_rank(reader)
    study.keep("reader", state, config={})
    again = restored({name: it.half() for name, it in state.items()}).rate(list(asked.text))
    study.keep(
        "answers", {"thousandths": (1_000 * again).round().to(torch.int16)}, config={}
    )
    vectors = (127 * lm.load_minilm().embed(list(taught.text))).round().to(torch.int8)
    study.keep("vectors", {"of_127": vectors}, config={})
    whole, kept = first.scores(answers, asked), first.scores(again, asked)
    return whole | {f"kept_{name}": it for name, it in kept.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/sentiment_kept")
    known = lm.studies.load("06_applications/sentiment_tuned")
    study.row(run, rate=float(known[known.seed == 0].rate.iloc[0]), seed=0)
    study.save()
