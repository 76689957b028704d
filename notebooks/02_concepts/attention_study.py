"""Study of the chapter "Attention": which positions carry a look-up to longer texts?

    make study NAME=02_concepts/attention

One thread, about 10 minutes. An interrupted study goes on where it stopped.

Lines of the training plays are enciphered, each by a substitution of its own. Wherever a symbol has
occurred exactly once before, the network names the symbol that followed it there. Trained on 32
symbols, tested on 256. The learning rate of each scheme is searched with one seed at the trained
length, until both neighbours of the best are worse; it is then trained with five other seeds. The
networks with rotary positions are also tested with the rotation of one block switched off, and with
scores made sharper at longer lengths, both without further training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

import largemodels as lm
from largemodels.models import rotary
from largemodels.models.positions import alibi, alibi_slopes, sinusoidal
from largemodels.models.presets import preset

SCHEMES = (
    "none", "learned", "sinusoidal", "rotary", "alibi", "rotary, first block", "LSTM",
)  # fmt: skip
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
TRIAL_SEED, TEST_SEEDS = 101, (1, 2, 3, 4, 5)
N_SYMBOLS, TRAINED, LONGEST = 27, 32, 256
WIDTH, N_HEAD, LSTM_WIDTH, STEPS, BATCH_SIZE = 32, 4, 64, 400, 64
BINS = (0, 32, 64, 128, 256)


def symbols(part: str) -> Tensor:
    """The plays of a part as numbers: 1 to 26 for letters, 0 for a run of anything else."""
    text = lm.shakespeare().text(part)[:1_000_000].lower()
    words = "".join(c if "a" <= c <= "z" else " " for c in text).split()
    return torch.tensor([max(0, ord(c) - 96) for c in " ".join(words)])


def look_ups(text: Tensor, length: int, batch: int, draw: torch.Generator) -> tuple:
    """Enciphered pieces of a text, and what followed the one earlier occurrence."""
    starts = torch.randint(len(text) - length, (batch, 1), generator=draw)
    plain = text[starts + torch.arange(length)]
    cipher = torch.rand(batch, N_SYMBOLS, generator=draw).argsort(dim=1)
    tokens = cipher.gather(1, plain)  # (batch, length)
    same = (tokens[:, :, None] == tokens[:, None, :]).tril(-1)  # (batch, time, earlier)
    followed = tokens.gather(1, same.int().argmax(dim=2) + 1)
    return tokens, followed.where(same.sum(dim=2) == 1, -100)


def batches(text: Tensor, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of the trained length."""
    draw = torch.Generator().manual_seed(seed)
    while True:
        yield look_ups(text, TRAINED, BATCH_SIZE, draw)


class Placed(lm.GPT):
    """A GPT of two blocks that is told in one of several ways where a token stands."""

    def __init__(self, scheme: str) -> None:
        sizes = dict(n_layer=2, n_head=N_HEAD, d_model=WIDTH, context_length=LONGEST)
        position = "learned" if scheme == "learned" else "none"
        super().__init__(preset("modern", vocab_size=N_SYMBOLS, position=position, **sizes))
        self.scheme = scheme
        self.rotated = {"rotary": (0, 1), "rotary, first block": (0,)}.get(scheme, ())

    def hidden(self, tokens: Tensor, mask: object = None, cache: object = None) -> Tensor:
        """The final hidden states, (batch, time, d_model)."""
        length = tokens.shape[1]
        x, bias = self.token_embedding(tokens), None
        if self.scheme == "learned":
            x = x + self.position_embedding.weight[:length]
        elif self.scheme == "sinusoidal":
            x = x + sinusoidal(length, WIDTH)
        elif self.scheme == "alibi":
            bias = alibi(alibi_slopes(N_HEAD), length)
        turn = rotary.rotation(torch.arange(length), self.config.d_head)
        for layer, block in enumerate(self.blocks):
            x = block(x, bias, turn if layer in self.rotated else None)
        return self.final_norm(x)


def build(scheme: str) -> torch.nn.Module:
    """The network of a scheme."""
    if scheme == "LSTM":
        return lm.RecurrentLM(lm.RecurrentLMConfig(N_SYMBOLS, LSTM_WIDTH))
    return Placed(scheme)


@torch.no_grad()
def shares(model: torch.nn.Module, part: str, length: int, n: int) -> dict[str, float]:
    """Share of right answers by the place at which they are due."""
    tokens, targets = look_ups(symbols(part), length, n, torch.Generator().manual_seed(0))
    model.eval()
    right = torch.cat([model(some).argmax(dim=-1) for some in tokens.split(64)]) == targets
    asked, found = targets != -100, {}
    for first, last in zip(BINS, BINS[1:], strict=False):  # noqa: RUF007
        if last <= length:
            here = right[:, first:last][asked[:, first:last]]
            found[f"to {last}"] = here.double().mean().item()
    return found


@torch.no_grad()
def changed(network: Placed) -> dict[str, float]:
    """The same network with the rotation of a block off, or with sharper scores."""
    row = {}
    for name, rotated in (("first off", (1,)), ("second off", (0,))):
        network.rotated = rotated
        for place, share in shares(network, "test", LONGEST, 256).items():
            row[f"{name}, {place}"] = share
    network.rotated = (0, 1)
    factor = math.log(LONGEST) / math.log(TRAINED)
    for block in network.blocks:
        block.attention.q_norm.weight.mul_(factor)
    sharper = shares(network, "test", LONGEST, 256)
    return row | {f"sharper, {place}": share for place, share in sharper.items()}


def train(phase: str, scheme: str, rate: float, seed: int) -> dict:
    """Train one network; test it at the trained length and beyond."""
    torch.manual_seed(seed)
    network = build(scheme)
    recipe = lm.TrainingConfig(
        steps=STEPS,
        learning_rate=rate,
        warmup_steps=STEPS // 20,
        weight_decay=0.0,
        evaluate_every=STEPS,
    )
    began = time.process_time()
    lm.train(network, batches(symbols("train"), seed), recipe)
    row: dict = {"n_parameters": network.n_parameters()}
    row["core_seconds"] = time.process_time() - began
    if phase == "trial":
        found = shares(network, "validation", TRAINED, 1024)
        return row | {"validation_right": found[f"to {TRAINED}"]}
    row |= shares(network, "test", LONGEST, 256)
    return row | (changed(network) if scheme == "rotary" else {})


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/attention")
    for scheme in SCHEMES:

        def wrong(rate: float, scheme: str = scheme) -> float:
            """Share of wrong answers on validation texts."""
            key = dict(scheme=scheme, rate=rate, seed=TRIAL_SEED)
            return 1 - study.row(train, phase="trial", **key)["validation_right"]

        best = lm.studies.best_inside(RATES, (3e-3, 1e-2), wrong)
        for seed in TEST_SEEDS:
            study.row(train, phase="test", scheme=scheme, rate=best, seed=seed)
    study.save()
