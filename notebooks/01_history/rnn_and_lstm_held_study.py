"""Study of the chapter "From the RNN to attention": what does a trained LSTM need while it waits?

    make study NAME=01_history/rnn_and_lstm_held

One thread, about 2 minutes. An interrupted study goes on where it stopped. For each gap there are
only eight different sequences, one for each symbol; all tests are on these eight.

The LSTM of the study of copying, trained over a gap of 32, is tested over 256 blanks with its gates
fixed: input gates at 0, forget gates at 1, or both, from the first blank on or from a later one.

What makes the simple network fail over a gap of 32? Before training, the gradient of the loss with
respect to the symbol is compared with that with respect to the last blank. In one of the networks
the inputs are made a hundred times smaller, which keeps tanh nearly linear; a learning rate is
searched for it as for the others in the study of learning, and five other seeds are trained.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

import largemodels as lm
from largemodels.data.copying import copy_batches, copy_vocab_size

TRAINED_OVER, LONG = 32, 256  # gaps
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
FIRST = (1e-3, 3e-3, 1e-2)  # with which the search begins
TIED = (
    3e-2,
    1e-2,
)  # of the LSTM that is taken apart: in its search both were right everywhere
TRIAL_SEEDS = (101, 102)
TEST_SEEDS = (1, 2, 3, 4, 5)
N_SYMBOLS, BATCH_SIZE = 8, 32
# Cell, width, bias of the forget gates, factor of the inputs
MODELS = {
    "RNN, orthogonal start": ("rnn", 128, 0.0, 1.0),
    "RNN, orthogonal start, small inputs": ("rnn", 128, 0.0, 0.01),
    "LSTM, forget bias 1": ("lstm", 64, 1.0, 1.0),
    "LSTM, forget bias 4": ("lstm", 64, 4.0, 1.0),
}


def build(name: str) -> lm.RecurrentLM:
    """One layer of a recurrent network."""
    cell, width, forget_bias, scale = MODELS[name]
    vocab_size = copy_vocab_size(N_SYMBOLS)
    model = lm.RecurrentLM(
        lm.RecurrentLMConfig(vocab_size, width, cell=cell, forget_bias=forget_bias)
    )
    model.embedding.weight.data *= scale
    return model


def eight(gap: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Every sequence that there is, as copy_batches draws them, and its targets."""
    tokens = torch.zeros(N_SYMBOLS, gap + 2, dtype=torch.long)
    tokens[:, 0] = torch.arange(1, N_SYMBOLS + 1)
    tokens[:, -1] = N_SYMBOLS + 1
    targets = torch.full_like(tokens, -100)
    targets[:, -1] = tokens[:, 0]
    return tokens, targets


@torch.no_grad()
def answers(
    model: lm.RecurrentLM, tokens: torch.Tensor, closed: bool, opened: bool, since: int
) -> torch.Tensor:
    """The LSTM step by step, with gates fixed from one of the blanks on; answers at the cue."""
    layer = model.network.layers[0]
    x = model.embedding(tokens)
    h = c = x.new_zeros(len(x), layer.d_hidden)
    for t, x_t in enumerate(x.unbind(dim=1)):
        i, f, g, o = (layer.input(x_t) + layer.recurrent(h)).chunk(4, dim=1)
        i, f = i.sigmoid(), f.sigmoid()
        if since <= t < tokens.shape[1] - 1:
            i = torch.zeros_like(i) if closed else i
            f = torch.ones_like(f) if opened else f
        c = f * c + i * g.tanh()
        h = o.sigmoid() * c.tanh()
    return model.head(h).argmax(dim=-1)


def held(phase: str, rate: float, seed: int) -> dict:
    """Train one LSTM as in the study of copying, and fix its gates over 256 blanks."""
    torch.manual_seed(seed)
    network = build("LSTM, forget bias 4")
    recipe = lm.TrainingConfig(
        steps=300, learning_rate=rate, warmup_steps=15, weight_decay=0.0, evaluate_every=300
    )
    lm.train(network, copy_batches(N_SYMBOLS, 1, TRAINED_OVER, BATCH_SIZE, seed), recipe)
    network.eval()
    tokens, targets = eight(LONG)
    row = {}
    for title, closed, opened, begins in (
        ("as trained", False, False, (1,)),
        ("forget gates open", False, True, (1,)),
        ("input gates closed", True, False, (1, 2, 3, 5, 9, 17)),
        ("both", True, True, (1, 5, 9, 17)),
    ):
        for since in begins:
            answer = answers(network, tokens, closed, opened, since)
            right = (answer == targets[:, -1]).double().mean().item()
            row[title if since == 1 else f"{title} since {since}"] = right
    return row


def gradient(phase: str, model: str, seed: int) -> dict:
    """Before training: gradient of the loss at the symbol, divided by that at the last blank."""
    torch.manual_seed(seed)
    network = build(model)
    tokens, targets = eight(TRAINED_OVER)
    x = network.embedding(tokens).detach().requires_grad_(True)
    logits = network.head(network.network(x)[0][:, -1])
    torch.nn.functional.cross_entropy(logits, targets[:, -1]).backward()
    norms = x.grad.norm(dim=-1).mean(dim=0)
    return {"ratio": (norms[0] / norms[-2]).item()}


@torch.no_grad()
def measured(model: lm.RecurrentLM) -> tuple[float, float]:
    """Loss and share of symbols copied; chance is 1 in 8."""
    tokens, targets = eight(TRAINED_OVER)
    right = model.eval()(tokens)[:, -1].argmax(dim=-1) == targets[:, -1]
    return model.loss(tokens, targets).item(), right.double().mean().item()


def until_solved(model: lm.RecurrentLM) -> Callable[[], dict[str, float]]:
    """An evaluation whose ``waiting`` falls until all is right, where patience ends training."""
    waited = 0

    def evaluate() -> dict[str, float]:
        nonlocal waited
        loss, right = measured(model)
        waited += right < 1
        return {"loss": loss, "right": right, "waiting": -waited}

    return evaluate


def learn(phase: str, model: str, rate: float, seed: int) -> dict:
    """Train one network until it copies every symbol, for at most 500 steps."""
    torch.manual_seed(seed)
    network = build(model)
    recipe = lm.TrainingConfig(
        steps=500, learning_rate=rate, warmup_steps=50, final_fraction=1.0, weight_decay=0.0,
        evaluate_every=20, patience=1, watch="waiting",
    )  # fmt: skip
    batches = copy_batches(N_SYMBOLS, 1, TRAINED_OVER, BATCH_SIZE, seed)
    history = lm.train(network, batches, recipe, until_solved(network))
    return {
        "solved": bool(history.right.max() == 1),
        "steps": int(history.step.iloc[-1]),
        "loss": float(history.loss.iloc[-1]),
        "right": float(history.right.iloc[-1]),
    }


def fast(rows: list[dict]) -> tuple[float, ...]:
    """Most seeds that solve the task; then the fewest steps; then the lowest loss."""
    solved = sum(row["solved"] for row in rows)
    steps, loss = (sum(row[name] for row in rows) for name in ("steps", "loss"))
    return -solved, steps, loss


def best_rate(study: lm.studies.Study, model: str) -> float:
    """The rate with which a network learns fastest."""

    def score(rate: float) -> tuple[float, ...]:
        trial = dict(phase="learn trial", model=model, rate=rate)
        return fast([study.row(learn, **trial, seed=seed) for seed in TRIAL_SEEDS])

    return lm.studies.best_inside(RATES, FIRST, score)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/rnn_and_lstm_held")
    for rate in TIED:
        for seed in TEST_SEEDS:
            study.row(held, phase="held", rate=rate, seed=seed)
    for model in MODELS:
        for seed in TEST_SEEDS:
            study.row(gradient, phase="gradient", model=model, seed=seed)
    small = "RNN, orthogonal start, small inputs"

    best = best_rate(study, small)
    for seed in TEST_SEEDS:
        study.row(learn, phase="learn", model=small, rate=best, seed=seed)
    study.save()
