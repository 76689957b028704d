"""Study of the chapter "From the RNN to attention": how long a gap can each network copy over?

    make study NAME=01_history/rnn_and_lstm_copy

One thread, about 3 minutes. An interrupted study goes on where it stopped.

Three networks of 25,000 to 36,000 parameters are trained to copy one symbol over a gap of 32, for
300 steps. Do they copy over longer gaps? Learning rates are tried with seeds of their own,
beginning with three rates; while the best is the lowest or the highest tried, the next one is
added. The best is that with which most networks copy everything over gaps up to 32, and then most
symbols over longer ones. With it, five other seeds are trained and tested on sequences that decided
nothing.

What a trained network does is then taken apart without further training: in the LSTM by exchanging
its two states between sequences, or by fixing its gates during the blanks; in the GPT by sharper
scores, or by positions squeezed into the range of the training.
"""

from __future__ import annotations

import math

import torch

import largemodels as lm
from largemodels.data.copying import copy_batches, copy_vocab_size
from largemodels.models import rotary
from largemodels.models.presets import preset

TRAINED_OVER = 32  # the gap from which the tests over other gaps start
OTHER_GAPS = (8, 16, 32, 64, 128, 256, 512)
LONG = 256  # the gap at which the LSTM is taken apart
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
FIRST = {
    "LSTM, forget bias 4": (3e-2, 1e-1, 3e-1),
    "GPT, rotary positions": (3e-3, 1e-2, 3e-2),
    "GPT, no positions": (1e-3, 3e-3, 1e-2),
}
TRIAL_SEEDS = (101, 102)
TEST_SEEDS = (1, 2, 3, 4, 5)
N_SYMBOLS, BATCH_SIZE, STEPS = 8, 32, 300
VALIDATION, TEST = 1_000_001, 1_000_002  # seeds of sequences on which nothing is trained
# Architecture, width, initialisation or positions. The widths give about as many weights.
MODELS = {
    "LSTM, forget bias 4": ("lstm", 64, 4.0),
    "GPT, rotary positions": ("gpt", 32, "rotary"),
    "GPT, no positions": ("gpt", 32, "none"),
}
N_SEQUENCES = 125  # for each gap of the tests over other gaps


def build(name: str) -> torch.nn.Module:
    """One layer of a recurrent network, or a modern GPT of two blocks."""
    architecture, width, choice = MODELS[name]
    vocab_size = copy_vocab_size(N_SYMBOLS)
    if architecture == "gpt":
        sizes = dict(n_layer=2, n_head=2, d_model=width, context_length=max(OTHER_GAPS) + 2)
        return lm.GPT(preset("modern", vocab_size=vocab_size, position=choice, **sizes))
    return lm.RecurrentLM(lm.RecurrentLMConfig(vocab_size, width, forget_bias=choice))


@torch.no_grad()
def copied(model: torch.nn.Module, tokens: torch.Tensor, targets: torch.Tensor) -> float:
    """Share of symbols copied; chance is 1 in 8."""
    right = model(tokens)[:, -1].argmax(dim=-1) == targets[:, -1]
    return right.double().mean().item()


def longer(phase: str, model: str, rate: float, seed: int) -> dict:
    """Train one network for 300 steps over a gap of 32 and test it over other gaps."""
    torch.manual_seed(seed)
    network = build(model)
    recipe = lm.TrainingConfig(
        steps=STEPS,
        learning_rate=rate,
        warmup_steps=15,
        weight_decay=0.0,
        evaluate_every=STEPS,
    )
    lm.train(network, copy_batches(N_SYMBOLS, 1, TRAINED_OVER, BATCH_SIZE, seed), recipe)
    network.eval()
    drawn = VALIDATION if phase == "longer trial" else TEST
    row = {}
    for gap in OTHER_GAPS:
        sequences = next(copy_batches(N_SYMBOLS, 1, gap, N_SEQUENCES, drawn))
        if isinstance(network, lm.GPT):
            row[str(gap)] = attended(network, *sequences)
            if gap <= TRAINED_OVER:
                continue
            sharper = math.log(gap + 2) / math.log(TRAINED_OVER + 2)
            squeezed = (TRAINED_OVER + 1) / (gap + 1)
            if network.config.position == "none":
                row[f"{gap} sharper"] = attended(network, *sequences, sharper)
            elif phase == "longer":
                row[f"{gap} sharper"] = attended(network, *sequences, sharper)
                row[f"{gap} squeezed"] = attended(network, *sequences, 1.0, squeezed)
                row[f"{gap} both"] = attended(network, *sequences, sharper, squeezed)
        else:
            row[str(gap)] = copied(network, *sequences)
    if not isinstance(network, lm.GPT):
        row |= taken_apart(network, drawn)
    return row


@torch.no_grad()
def attended(
    model: lm.GPT,
    tokens: torch.Tensor,
    targets: torch.Tensor,
    sharper: float = 1.0,
    squeezed: float = 1.0,
) -> float:
    """Share of symbols copied with all scores multiplied, and positions multiplied, by a number."""
    positions, rotation = torch.arange(tokens.shape[1]) * squeezed, None
    if model.config.position == "rotary":
        rotation = rotary.rotation(positions, model.config.d_head, model.config.rope_base)
    for block in model.blocks:
        block.attention.q_norm.weight.mul_(sharper)
    x = model.token_embedding(tokens)
    for block in model.blocks:
        x = block(x, None, rotation)
    right = model.logits(model.final_norm(x[:, -1])).argmax(dim=-1) == targets[:, -1]
    for block in model.blocks:
        block.attention.q_norm.weight.div_(sharper)
    return right.double().mean().item()


@torch.no_grad()
def taken_apart(model: lm.RecurrentLM, drawn: int) -> dict[str, float]:
    """What becomes of the answers after 256 blanks, and how much the cell grows from 32 on."""
    tokens, targets = next(copy_batches(N_SYMBOLS, 1, LONG, N_SEQUENCES, drawn))
    other = torch.randperm(N_SEQUENCES, generator=torch.Generator().manual_seed(0))
    own, theirs = targets[:, -1], targets[other, -1]
    row, cell = {}, {}
    for change in ("", "c exchanged", "h exchanged", "only held", "nothing kept"):
        answer, cell[change] = answers(model, tokens, other, change)
        if "exchanged" in change:
            row[f"{change}: own symbol"] = (answer == own).double().mean().item()
            row[f"{change}: the other's"] = (answer == theirs).double().mean().item()
        elif change:
            row[change] = (answer == own).double().mean().item()
    row["growth"] = (cell[""][LONG] / cell[""][TRAINED_OVER]).item()
    return row


def answers(
    model: lm.RecurrentLM, tokens: torch.Tensor, other: torch.Tensor, change: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """The LSTM step by step: answers at the cue, and the mean of its cell's size at each step.

    Halfway through the blanks ``c`` or ``h`` may be exchanged between sequences; or in all blanks
    the cell is only held (input gates at 0, forget gates at 1), or nothing is kept (forget gates at
    0).
    """
    layer, middle = model.network.layers[0], tokens.shape[1] // 2
    x = model.embedding(tokens)
    h = c = x.new_zeros(len(x), layer.d_hidden)
    sizes = []
    for t, x_t in enumerate(x.unbind(dim=1)):
        if t == middle and change == "c exchanged":
            c = c[other]
        if t == middle and change == "h exchanged":
            h = h[other]
        i, f, g, o = (layer.input(x_t) + layer.recurrent(h)).chunk(4, dim=1)
        i, f = i.sigmoid(), f.sigmoid()
        if 1 <= t < tokens.shape[1] - 1 and change == "only held":
            i, f = 0 * i, torch.ones_like(f)
        if 1 <= t < tokens.shape[1] - 1 and change == "nothing kept":
            f = 0 * f
        c = f * c + i * g.tanh()
        h = o.sigmoid() * c.tanh()
        sizes.append(c.abs().mean())
    return model.head(h).argmax(dim=-1), torch.stack(sizes)


def far(rows: list[dict]) -> tuple[float, ...]:
    """Most networks right over gaps up to that of the training; then most symbols over longer."""
    short = [str(gap) for gap in OTHER_GAPS if gap <= TRAINED_OVER]
    long = [str(gap) for gap in OTHER_GAPS if gap > TRAINED_OVER]
    right = sum(all(row[gap] == 1 for gap in short) for row in rows)
    return -right, -sum(row[gap] for row in rows for gap in long)


def best_rate(study: lm.studies.Study, model: str) -> float:
    """The rate with which a network copies best."""

    def score(rate: float) -> tuple[float, ...]:
        trial = dict(phase="longer trial", model=model, rate=rate)
        return far([study.row(longer, **trial, seed=seed) for seed in TRIAL_SEEDS])

    return lm.studies.best_inside(RATES, FIRST[model], score)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/rnn_and_lstm_copy")
    for model in FIRST:
        best = best_rate(study, model)
        for seed in TEST_SEEDS:
            study.row(longer, phase="longer", model=model, rate=best, seed=seed)
    study.save()
