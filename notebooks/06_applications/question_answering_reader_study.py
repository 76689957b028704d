"""Fourth study of the chapter "Question answering": MiniLM learns to mark the answer.

    make study NAME=06_applications/question_answering_reader

One thread, about 6 minutes, after question_answering_replies. A linear layer on MiniLM's hidden
states scores each word piece of a passage as the first and as the last of the answer, as in BERT's
paper. It and the upper three blocks learn from the questions of the part "training", which the same
rules made about other articles. The rate is chosen on development questions. Test passages are the
right ones.
"""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd
import question_answering_replies_study as language
import question_answering_study as search
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

import largemodels as lm
from largemodels.data.asked import asked_by_hand
from largemodels.text.answers import exact

BATCH, TIME, FROZEN, TUNING_STEPS = 8, 96, 3, 40
RATES = [3e-5, 1e-4, 3e-4, 1e-3, 3e-3]


class Reader(nn.Module):
    """MiniLM with a score for the first and the last word piece of the answer."""

    def __init__(self) -> None:
        super().__init__()
        encoder = lm.load_minilm()
        self.bert, self.tokenizer = encoder.model, encoder.tokenizer
        self.span = nn.Linear(384, 2)
        for part in (self.bert.token_embedding, *self.bert.blocks[:FROZEN]):
            part.requires_grad_(False)

    def pieces(self, question: str, passage: str, time: int) -> Any:
        """The word pieces of both, in one sequence, cut to ``time``."""
        self.tokenizer.enable_truncation(time, strategy="only_second")
        return self.tokenizer.encode(question, passage)

    def forward(self, its: list[Any]) -> Tensor:
        """Scores ``(batch, time, 2)``, lowest outside of the passage."""
        tokens = pad_sequence([torch.tensor(it.ids) for it in its], batch_first=True)
        mask = pad_sequence(
            [torch.ones(len(it.ids)).bool() for it in its], batch_first=True
        )
        segments = pad_sequence([torch.tensor(it.type_ids) for it in its], batch_first=True)
        scores = self.span(self.bert(tokens, mask, segments))
        inside = pad_sequence(
            [torch.tensor([place == 1 for place in it.sequence_ids]) for it in its],
            batch_first=True,
        )
        return scores.masked_fill(~inside[:, :, None], -1e4)


@torch.no_grad()
def answers(reader: Reader, questions: list[str], passages: list[str]) -> list[str]:
    """For each question the span of at most 10 word pieces with the highest sum of scores."""
    reader.eval()
    found = [""] * len(questions)
    order = sorted(range(len(questions)), key=lambda i: len(passages[i]))
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        its = [reader.pieces(questions[i], passages[i], 256) for i in chosen]
        for i, it, scores in zip(chosen, its, reader(its), strict=True):
            both = scores[:, None, 0] + scores[None, :, 1]  # (first, last)
            spans = torch.ones_like(both).triu().tril(9).bool()
            first, last = divmod(
                both.masked_fill(~spans, -1e9).argmax().item(), len(scores)
            )
            found[i] = passages[i][it.offsets[int(first)][0] : it.offsets[int(last)][1]]
    return found


@functools.cache
def examples() -> list[tuple[str, str, int, int]]:
    """Training questions, passages, and where the answer begins and ends in the passage."""
    made = []
    for row in search.questions("training").itertuples():
        passage = language.texts()[row.article]
        start = passage.find(row.sentence[:40])
        start = passage.find(row.answer, max(start, 0))
        if start >= 0:
            made.append((row.question, passage, start, start + len(row.answer)))
    return made


def trained(rate: float, seed: int, steps: int) -> Reader:
    """A reader after some steps; the rate falls linearly to 0."""
    torch.manual_seed(seed)
    reader = Reader()
    learned = [it for it in reader.parameters() if it.requires_grad]
    optimizer = torch.optim.AdamW(learned, rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    order = torch.randperm(
        len(examples()), generator=torch.Generator().manual_seed(seed)
    ).tolist()
    reader.train()
    for step in range(steps):
        its, targets = [], []
        for i in order[step * BATCH : (step + 1) * BATCH]:
            question, passage, start, end = examples()[i]
            it = reader.pieces(question, passage, TIME)
            first, last = it.char_to_token(start, 1), it.char_to_token(end - 1, 1)
            if first is not None and last is not None:
                its.append(it)
                targets.append([first, last])
        scores = reader(its)
        loss = F.cross_entropy(
            scores.transpose(1, 2).reshape(-1, scores.shape[1]), flat(targets)
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
    return reader


def flat(targets: list[list[int]]) -> Tensor:
    """First and last places, alternating, as the scores are."""
    return torch.tensor(targets).flatten()


def tune(rate: float, steps: int) -> dict[str, Any]:
    """Exactly right answers to development questions, in per cent."""
    its = pd.concat([language.asked("development", it, 30) for it in ("named", "reworded")])
    passages = [language.texts()[i] for i in its.article]
    said = answers(trained(rate, 100, steps), list(its.question), passages)
    right = [exact(one, other) for one, other in zip(said, its.answer, strict=True)]
    return {"right": 100 * sum(right) / len(right)}


def read(rate: float, seed: int) -> dict[str, Any]:
    """One pass over the training questions; answers to test questions and to those by hand."""
    reader = trained(rate, seed, len(examples()) // BATCH)
    said: dict[str, Any] = {"training": len(examples())}
    for form in ("named", "reworded"):
        its = language.asked("test", form)
        passages = [language.texts()[i] for i in its.article]
        said[form] = answers(reader, list(its.question), passages)
    its = asked_by_hand()
    said["hand"] = answers(
        reader, list(its.question), [language.texts()[i] for i in its.article]
    )
    return said


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/question_answering_reader")
    rate = lm.studies.best_inside(
        RATES, [3e-4], lambda it: -study.row(tune, rate=it, steps=TUNING_STEPS)["right"]
    )
    for seed in range(2):
        study.row(read, rate=rate, seed=seed)
    study.save()
