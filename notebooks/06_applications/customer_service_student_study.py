"""Second study of the chapter "Customer service": a small encoder with English vectors of Chinese.

    make study NAME=06_applications/customer_service_student

One thread, about 9 minutes. The students learn from LibreOffice's messages: the vector of the
Chinese text is to be the one that MiniLM gives the English text (Reimers and Gurevych, 2020). One
is a bag: the mean of a vector for each character and each pair of neighbours. The other is a small
Transformer over characters. Their settings are chosen by how many of 500 Chinese messages of the
validation part find their English text among the 500; the test has 1,000 others. "faq" adds the
titles of the FAQ and its short answers, which a help desk has in both languages.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.chinese import chinese_messages
from largemodels.data.faq import faq
from largemodels.data.service import service_messages
from largemodels.models.bert import BERT, BERTConfig
from largemodels.models.int8 import quantise

D, ROWS, LONGEST, BATCH, EPOCHS = 384, 9_600, 96, 256, 12
RATES = {"bag": [1e-3, 3e-3, 1e-2, 3e-2, 1e-1], "transformer": [3e-4, 1e-3, 3e-3, 1e-2]}
NAME = "06_applications/customer_service_student"


@functools.cache
def pairs() -> dict[str, tuple[list[str], Tensor]]:
    """Chinese texts and the vectors of their English ones, by part; and those of the FAQ."""
    minilm, made = lm.load_minilm(), {}
    for part, its in chinese_messages().items():
        made[part] = (its.target, minilm.embed(its.source))
    own = faq()
    made["titles"] = (list(own.question_zh), minilm.embed(list(own.question)))
    short = own[own.answer_zh.str.len() <= LONGEST]
    made["answers"] = (list(short.answer_zh), minilm.embed(list(short.answer)))
    return made


def grams(text: str) -> list[str]:
    """Latin words, Chinese characters, and pairs of neighbouring Chinese characters."""
    tokens = re.findall(r"[a-z0-9]+|[^\sa-z0-9]", text.lower())
    both = itertools.pairwise(tokens)
    return tokens + [a + b for a, b in both if len(a) == len(b) == 1]


def vocabulary(texts: list[str], kind: str) -> dict[str, int]:
    """The commonest runs, or all characters seen twice; 0 stands for others."""
    if kind == "bag":
        counts = Counter(it for text in texts for it in set(grams(text)))
        kept = [it for it, _ in counts.most_common(ROWS - 1)]
    else:
        counts = Counter(it for text in texts for it in text.lower())
        kept = [it for it, n in counts.items() if n > 1]
    return {it: n for n, it in enumerate(kept, start=1)}


class Bag(nn.Module):
    """The mean of vectors."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(n, D, mode="mean")
        nn.init.normal_(self.table.weight, std=0.05)

    def forward(self, rows: list[list[int]]) -> Tensor:
        """Unit vectors of texts."""
        starts = np.cumsum([0] + [len(it) for it in rows[:-1]])
        flat = torch.tensor([it for row in rows for it in row])
        return F.normalize(self.table(flat, torch.tensor(starts)), dim=1)


class Small(nn.Module):
    """A Transformer over characters, the mean of its last states, and a linear map."""

    def __init__(self, n: int) -> None:
        super().__init__()
        heads = dict(n_segment=0, masked_head=False, pooler=False, n_classes=0)
        sizes = dict(context_length=LONGEST, n_layer=2, n_head=4, d_model=192)
        self.body = BERT(BERTConfig(vocab_size=n, dropout=0.1, **sizes, **heads))
        self.out = nn.Linear(192, D)

    def forward(self, rows: list[list[int]]) -> Tensor:
        """Unit vectors of texts."""
        tokens = nn.utils.rnn.pad_sequence(
            [torch.tensor(it) for it in rows], batch_first=True
        )
        lengths = torch.tensor([len(it) for it in rows])
        mask = torch.arange(tokens.shape[1]) < lengths[:, None]
        states = self.out(self.body(tokens, mask)) * mask[:, :, None]
        return F.normalize(states.sum(dim=1) / lengths[:, None], dim=1)


def cut(text: str, known: dict[str, int], kind: str) -> list[int]:
    """A text as numbers; never empty."""
    its = grams(text) if kind == "bag" else list(text.lower())
    return [
        known.get(it, 0) for it in its[: 2 * LONGEST if kind == "bag" else LONGEST]
    ] or [0]


def data(which: str, share: float, seed: int) -> tuple[list[str], Tensor]:
    """Training pairs: a share of the messages, and the FAQ's own, or not."""
    texts, vectors = pairs()["train"]
    rows = np.random.default_rng(seed).permutation(len(texts))[: int(share * len(texts))]
    made, theirs = [texts[n] for n in rows], vectors[torch.tensor(rows)]
    if which == "faq":
        for name in ("titles", "answers"):
            made = made + pairs()[name][0] * 3
            theirs = torch.cat([theirs, *[pairs()[name][1]] * 3])
    return made, theirs


@functools.cache
def trained(
    kind: str, loss: str, rate: float, which: str, share: float, seed: int
) -> tuple[Any, dict[str, int]]:
    """A student and its vocabulary."""
    texts, wanted = data(which, share, seed)
    known = vocabulary(texts, kind)
    rows = [cut(it, known, kind) for it in texts]
    torch.manual_seed(seed)
    model = {"bag": Bag, "transformer": Small}[kind](len(known) + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    steps = EPOCHS * (len(rows) // BATCH)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    order = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(EPOCHS):
        for its in torch.randperm(len(rows), generator=order).split(BATCH)[
            : len(rows) // BATCH
        ]:
            made, right = model([rows[n] for n in its.tolist()]), wanted[its]
            if loss == "distance":
                cost = (made - right).square().sum(dim=1).mean()
            else:
                cost = F.cross_entropy(20 * made @ right.T, torch.arange(len(its)))
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            plan.step()
    return model.eval(), known


@torch.no_grad()
def found(model: Any, known: dict[str, int], kind: str, part: str) -> np.ndarray:
    """Whether each Chinese text of a part finds its English one first among all of the part."""
    texts, right = pairs()[part]
    made = model([cut(it, known, kind) for it in texts])
    return ((made @ right.T).argmax(dim=1) == torch.arange(len(texts))).numpy()


@functools.cache
def targets() -> tuple[list[str], Tensor, list[set[int]]]:
    """Answerable Chinese messages, English vectors of the sections, and which fit."""
    own, messages = faq(), service_messages()
    row = {key: n for n, key in enumerate(own.key)}
    minilm = lm.load_minilm()
    both = minilm.embed(list(own.question)) + minilm.embed(
        list(own.question + " " + own.answer)
    )
    clear = messages[messages.kind == "answerable"]
    fits = [{row[key] for key in keys} for keys in clear.fits]
    return list(clear.zh), F.normalize(both, dim=1), fits


@torch.no_grad()
def reached(model: Any, known: dict[str, int], kind: str) -> dict[str, float]:
    """In per cent, answerable Chinese messages with a section that fits first, and among three."""
    texts, sections, fits = targets()
    top = (
        (model([cut(it, known, kind) for it in texts]) @ sections.T).topk(3, dim=1).indices
    )
    its = list(zip(top.tolist(), fits, strict=True))
    first = sum(row[0] in fit for row, fit in its)
    among = sum(bool(fit & set(row)) for row, fit in its)
    return {"messages_1": 100 * first / len(its), "messages_3": 100 * among / len(its)}


def student(
    kind: str, loss: str, rate: float, which: str, share: float, seed: int
) -> dict[str, float]:
    """One student: in per cent, who finds the English text; for the test also by length."""
    its = *trained(kind, loss, rate, which, share, seed), kind
    test = found(*its, "test")
    lengths = np.array([len(it) for it in pairs()["test"][0]])
    short = lengths <= np.median(lengths)
    return {
        "validation": 100 * float(found(*its, "validation").mean()),
        "test": 100 * float(test.mean()),
        "short": 100 * float(test[short].mean()),
        "long": 100 * float(test[~short].mean()),
        "titles": 100 * float(found(*its, "titles").mean()),
        "parameters": sum(it.numel() for it in its[0].parameters()),
    } | reached(*its)


def keep(loss: str, rate: float) -> dict[str, float]:
    """The bag that has read the FAQ, too: each row of its table as integers and a scale."""
    model, known = trained("bag", loss, rate, "faq", 1.0, 0)
    rows, scale = quantise(model.table.weight.detach())
    letters = torch.tensor(list("\n".join(known).encode()), dtype=torch.uint8)
    study.keep("bag", {"rows": rows, "scale": scale, "letters": letters}, {"n": len(known)})
    exact = model([cut(it, known, "bag") for it in pairs()["test"][0]])
    model.table.weight.data = rows * scale.half().float()[:, None]
    again = model([cut(it, known, "bag") for it in pairs()["test"][0]])
    return {"smallest_cosine": float((exact * again).sum(dim=1).min())}


@functools.cache
def kept() -> tuple[Bag, dict[str, int]]:
    """The student that was kept."""
    state = lm.studies.weights(NAME, "bag").state
    names = bytes(state["letters"].tolist()).decode().split("\n")
    model = Bag(len(names) + 1)
    model.table.weight.data = state["rows"] * state["scale"].float()[:, None]
    return model.eval(), {it: n for n, it in enumerate(names, start=1)}


@torch.no_grad()
def embed(texts: list[str]) -> Tensor:
    """Vectors of Chinese texts by the student that was kept."""
    model, known = kept()
    return model([cut(it, known, "bag") for it in texts])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(NAME)
    base = dict(which="libreoffice", share=1.0)

    def missed(rate: float) -> float:
        """What is not found on validation."""
        its = study.row(student, kind="bag", loss="distance", rate=rate, **base, seed=0)
        return -its["validation"]

    rate = lm.studies.best_inside(RATES["bag"], [1e-2], missed)
    bag = dict(kind="bag", loss="distance", rate=rate)
    for seed in (1, 2):
        study.row(student, **bag, which="libreoffice", share=1.0, seed=seed)
    for share in (0.25, 0.0625):
        study.row(student, **bag, which="libreoffice", share=share, seed=0)
    for seed in (0, 1, 2):
        study.row(student, **bag, which="faq", share=1.0, seed=seed)
    study.row(keep, loss="distance", rate=rate)
    study.save()
