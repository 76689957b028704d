"""Second study of "Text classification": all weights of MiniLM learn from 10 or 50 labels a group.

    make study NAME=06_applications/text_classification_tuned

One thread, about 20 minutes. The classifier on top begins as the logistic regression on frozen
vectors, so that no step is spent on what those know; then all weights learn at one rate, chosen on
250 of the 1,000 validation posts by a ladder that is extended until the best lies inside. The test
is every other post of the 2,000 of the first study: 1,000. The network computes in bfloat16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import text_classification_study as first
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.batches import shuffled

STEPS = {10: 30, 50: 40}  # by labels a group, of 16 posts each
DRAWS = {10: (0, 1), 50: (0,)}
RATES = [1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3]


class Reader(nn.Module):
    """MiniLM and a linear layer on its sentence vector."""

    by_adamw = ("head",)

    def __init__(self) -> None:
        super().__init__()
        self.encoder = lm.load_minilm()
        self.encoder.tokenizer.enable_truncation(first.TIME)
        self.head = nn.Linear(384, 20)
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Logits of the groups, ``(n, 20)``."""
        longest = int(mask.sum(1).max())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = self.encoder(tokens[:, :longest], mask[:, :longest])
        logits: Tensor = self.head(vectors.float())
        return logits

    @torch.no_grad()
    def scores(self, numbers: np.ndarray) -> np.ndarray:
        """Logits of posts, those of similar length computed together."""
        texts = [first.posts().text[it] for it in numbers]
        order = np.argsort([len(it) for it in texts], kind="stable")
        found = np.zeros((len(texts), 20))
        self.eval()
        for its in np.array_split(order, max(1, len(order) // 50)):
            tokens, mask = self.encoder.batch([texts[it] for it in its])
            found[its] = self(tokens, mask).numpy()
        return found


def tuned(n: int, draw: int, rate: float) -> Reader:
    """MiniLM after it has learnt from a draw of labels."""
    torch.manual_seed(draw)
    taught = first.labelled(n, draw)
    reader, texts = Reader(), [first.posts().text[it] for it in taught]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vectors = reader.encoder.embed(texts).float().numpy()
    begun = LogisticRegression(C=10.0, max_iter=3_000).fit(vectors, first.target()[taught])
    reader.head.weight.data = torch.tensor(begun.coef_).float()
    reader.head.bias.data = torch.tensor(begun.intercept_).float()
    tokens, mask = reader.encoder.batch(texts)
    truth = torch.tensor(first.target()[taught])
    batches = shuffled(tokens, mask, truth, batch_size=16, seed=draw)

    def loss(model: nn.Module, tokens: Tensor, mask: Tensor, truth: Tensor) -> Tensor:
        return F.cross_entropy(model(tokens, mask), truth)

    recipe = lm.TrainingConfig(
        steps=STEPS[n], warmup_steps=STEPS[n] // 10, learning_rate=rate, weight_decay=0.01,
        evaluate_every=STEPS[n], final_fraction=0.02,
    )  # fmt: skip
    lm.train(reader, batches, recipe, loss=loss)
    return reader


def tune(n: int, rate: float) -> dict[str, Any]:
    """Share of 250 validation posts named rightly."""
    asked = first.rows("validation")[::4]
    said = tuned(n, first.TUNING_DRAW, rate).scores(asked).argmax(1)
    return {"validation": 100 * float((said == first.target()[asked]).mean())}


def test(who: str, n: int, draw: int, rate: float) -> dict[str, Any]:
    """The groups of 1,000 test posts."""
    reader, asked = tuned(n, draw, rate), first.rows("test")[::2]
    found = reader.scores(asked)
    row = first.answers(found, first.target()[asked])
    if draw == 0:
        before = first.rows("validation")[::4]
        degrees = first.temperature(reader.scores(before), first.target()[before])
        row |= {"sure": first.sure(found, degrees), "sure_raw": first.sure(found, 1.0)}
        row["degrees"] = degrees
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/text_classification_tuned")
    for n, draws in DRAWS.items():

        def score(rate: float, n: int = n) -> float:
            """Minus what ``best_inside`` makes as large as it can."""
            return -float(study.row(tune, n=n, rate=rate)["validation"])

        rate = lm.studies.best_inside(RATES, [3e-4], score)
        for draw in draws:
            study.row(test, who="tuned", n=n, draw=draw, rate=rate)
    study.save()
