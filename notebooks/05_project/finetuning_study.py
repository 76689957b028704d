"""Study of the chapter "Fine-tuning": what is trained, on what, and an adapter to keep.

    make study NAME=05_project/finetuning

One thread, about 25 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
import time

import peft
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.text.writing import written_dialogue

CONTEXT_LENGTH, BATCH_SIZE = 256, 1  # of training
LAYERS = ["qkv", "project", "expand", "contract"]
LADDER = [float(f"{digit}e-{power}") for power in range(6, 0, -1) for digit in (1, 3)]
# The first rates of the ladder that are tried; more follow until the best one is not at an edge.
RATES = {
    "LoRA": (1e-3, 3e-3, 1e-2),
    "all weights": (3e-5, 1e-4, 3e-4),
}
CHOOSING_SEED = 7  # settings are chosen with it, and nothing is reported of it
TEXTS, N_TOKENS = ("French", "English", "Shakespeare"), 2_049  # of each, to measure on
QUESTIONS = [
    "What is the capital of Italy?",
    "Give me three tips for sleeping well.",
    "Explain gravity to a child.",
    "Write two sentences about the sea.",
    "How do I boil an egg?",
    "Why is the sky blue?",
    "Name four fruits and their colours.",
    "Write a short thank-you note to a teacher.",
]
PROMPTS = [
    "My computer will not start.",
    "The telephone rang in the middle of the night.",
    "Dear customer, your parcel",
    "How to make tea:",
]


@functools.cache
def pretrained() -> tuple[lm.GPT, lm.TransformersTokenizer]:
    """SmolLM2-135M-Instruct, rounded to 4 bits a number and widened to 32, and its tokenizer."""
    return lm.load_smollm2()


@functools.cache
def tokens(corpus: str, part: str, characters: int) -> Tensor:
    """Tokens of the beginning of a corpus whose documents were shuffled: ``(time,)``."""
    texts = {
        "French": lambda: lm.wikipedia("fr"),
        "English": lm.wikipedia,
        "Shakespeare": lm.shakespeare,
    }[corpus]()
    documents = list(getattr(texts, part).values())
    random.Random(0).shuffle(documents)
    return pretrained()[1].encode("\n\n".join(documents)[:characters])


def rounded(matrix: Tensor, shift: int) -> Tensor:
    """A matrix as Q4_1 stores it: of each 32 numbers the least, a step and 4 bits each.

    Args:
        matrix: any shape whose size is a multiple of 32.
        shift: by how many numbers the groups are moved; 0 leaves a rounded matrix as it is.
    """
    groups = matrix.flatten().roll(shift).view(-1, 32)
    least = groups.min(1, keepdim=True).values
    step = ((groups.max(1, keepdim=True).values - least) / 15).clamp(min=1e-12)
    levels = ((groups - least) / step).round()
    return (least + levels * step).flatten().roll(-shift).view_as(matrix)


def copy_of(model: lm.GPT, shift: int | None = None) -> lm.GPT:
    """A copy; with a shift, the matrices of its blocks are rounded again."""
    made = lm.GPT(model.config)
    made.load_state_dict(model.state_dict())
    if shift is not None:
        with torch.no_grad():
            for matrix in made.blocks.parameters():
                if matrix.dim() == 2:
                    matrix.copy_(rounded(matrix, shift))
    return made.eval()


def adapted(model: lm.GPT, method: str, rank: int = 8) -> nn.Module:
    """The model with what is to be trained: small matrices beside its own, or all of its own."""
    if method == "LoRA":
        settings = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LAYERS)
        return peft.get_peft_model(model, settings)
    return model


def loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in nats a token, of anything that gives logits."""
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


def trained(
    model: nn.Module, corpus: str, learning_rate: float, steps: int, seed: int
) -> float:
    """Train in place; the seconds of one thread, without those of other work on the machine."""
    recipe = lm.TrainingConfig(
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=2,
        weight_decay=0.0,
        precision="bf16",
        evaluate_every=steps,
    )
    sources = [
        lm.batches(tokens(name, "train", 400_000), BATCH_SIZE, CONTEXT_LENGTH, seed)
        for name in corpus.split(", ")
    ]
    in_turn = (next(source) for source in itertools.cycle(sources))
    began = time.process_time()
    lm.train(model, in_turn, recipe, loss=loss)
    return time.process_time() - began


@torch.no_grad()
def answers() -> list[tuple[Tensor, Tensor]]:
    """Questions in the chat template, and answers that the model as released draws."""
    model, tokenizer = pretrained()
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for question in QUESTIONS:
        prompt = written_dialogue(tokenizer, [{"role": "user", "content": question}])
        text = lm.generate(
            model, prompt[None], 40, generator=generator, end_token=tokenizer.end_of_text
        )[0]
        pairs.append((prompt, text[len(prompt) :]))
    return pairs


@functools.cache
def drawn() -> list[tuple[Tensor, Tensor]]:
    """The answers, once."""
    return answers()


@torch.no_grad()
def surprise(model: nn.Module) -> float:
    """Mean loss on those answers in nats a token."""
    total, count = 0.0, 0
    for prompt, answer in drawn():
        inputs = torch.cat([prompt, answer])[None, :-1]
        logits = model(inputs)[0, len(prompt) - 1 :]
        total += F.cross_entropy(logits.float(), answer, reduction="sum").item()
        count += len(answer)
    return total / count


def measure(model: nn.Module, part: str, short: bool) -> dict[str, float]:
    """Nats a token: with 512 to 1,023 tokens of context, and in windows of 256 without overlap."""
    found = {}
    with torch.autocast("cpu", torch.bfloat16):
        for corpus in TEXTS if part == "test" else TEXTS[:2]:
            text = tokens(corpus, part, 12_000)[:N_TOKENS]
            found[corpus] = lm.evaluate(model, text, 1_024, overlap=512, batch_size=1)
            if short:
                found[f"{corpus}, short"] = lm.evaluate(model, text, 256, batch_size=4)
        found["answers"] = surprise(model)
    return found


def run(
    method: str,
    corpus: str,
    learning_rate: float,
    steps: int,
    seed: int,
    part: str,
    start: str = "as released",
    end: str = "as trained",
) -> dict:
    """Adapt the model; what was trained, how long it took, and the losses on one part."""
    torch.manual_seed(seed)
    model = copy_of(pretrained()[0], shift=16 if start == "rounded once more" else None)
    plain, core_seconds, n_trained = model, 0.0, 0
    if steps:
        model = adapted(model, method)
        plain = model.base_model.model if method == "LoRA" else model
        n_trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        core_seconds = trained(model, corpus, learning_rate, steps, seed)
    if end == "rounded again":
        plain = copy_of(model.merge_and_unload(), shift=0)
    return {"n_trained": n_trained, "core_seconds": core_seconds} | measure(
        plain.eval(), part, short=part == "test" and method in ("none", "LoRA")
    )


@torch.no_grad()
def without_training(text: str, temperature: float, markers: bool) -> dict:
    """Loss as released, with a temperature, and perhaps with the chat's markers ruled out."""
    model, _ = pretrained()
    total = count = 0
    windows = tokens(text, "test", 12_000)[:N_TOKENS].unfold(0, 1_025, 512)
    for number, window in enumerate(windows):
        first = 512 if number else 0
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(window[None, :-1])[0, first:].float() / temperature
        if not markers:
            logits[:, :17] = -math.inf  # the 17 control tokens come first in the vocabulary
        total += F.cross_entropy(logits, window[1 + first :], reduction="sum").item()
        count += len(logits)
    return {"loss": total / count}


def adapter(rank: int, learning_rate: float, steps: int, seed: int) -> dict:
    """An adapter for Shakespeare, kept; its losses, and what is written before and after."""
    torch.manual_seed(seed)
    model = adapted(copy_of(pretrained()[0]), "LoRA", rank)
    core_seconds = trained(model, "Shakespeare", learning_rate, steps, seed)
    state = peft.get_peft_model_state_dict(model)
    study.keep("shakespeare", state, {"r": rank, "lora_alpha": 2 * rank})
    after = model.base_model.model.eval()
    texts = {}
    for name, some in [("before", pretrained()[0]), ("after", after)]:
        for prompt in PROMPTS:
            generator = torch.Generator().manual_seed(1)
            (text,) = lm.complete(
                some, pretrained()[1], [prompt], 48, temperature=0.7, generator=generator
            )
            texts[f"{name}: {prompt}"] = text
    size = sum(matrix.numel() for matrix in state.values())
    return (
        {"n_trained": size, "core_seconds": core_seconds}
        | measure(after, "test", False)
        | texts
    )


def chosen(method: str, steps: int, rates: tuple[float, ...]) -> float:
    """The rate with the least loss on French validation text, not at an edge of those tried."""
    tried: dict[float, float] = {}
    while True:
        for rate in rates:
            if rate not in tried:
                tried[rate] = study.row(
                    run, method=method, corpus="French", learning_rate=rate, steps=steps,
                    seed=CHOOSING_SEED, part="validation",
                )["French"]  # fmt: skip
        best = min(tried, key=tried.__getitem__)
        if best not in (min(tried), max(tried)):
            return best
        rates = (LADDER[LADDER.index(best) + (1 if best == max(tried) else -1)],)


def test(seeds: range, **key: object) -> None:
    """The same run with several seeds, measured on the test texts."""
    for seed in seeds:
        study.row(run, seed=seed, part="test", **key)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("05_project/finetuning")
    nothing = {"method": "none", "corpus": "", "learning_rate": 0.0, "steps": 0, "seed": 0}
    study.row(run, **nothing, part="validation")
    study.row(run, **nothing, part="test")
    best = {method: chosen(method, 10, RATES[method]) for method in RATES}
    for method, rate in best.items():
        test(range(5), method=method, corpus="French", learning_rate=rate, steps=10)
    study.row(adapter, rank=1, learning_rate=5e-3, steps=120, seed=0)
    # Why English gains
    lora = {"method": "LoRA", "learning_rate": best["LoRA"], "steps": 10}
    study.row(run, **nothing, part="test", start="rounded once more")
    test(range(3), **lora, corpus="French", start="rounded once more")
    for corpus in ("English", "Shakespeare"):
        test(range(3), **lora, corpus=corpus)
    for temperature in (1.0, 1.03, 1.06, 1.1):
        study.row(without_training, text="English", temperature=temperature, markers=True)
    study.row(without_training, text="English", temperature=1.0, markers=False)
    # After rounding the tuned weights; with rehearsal, where every second window is English
    test(range(3), **lora, corpus="French", end="rounded again")
    test(range(3), **(lora | {"steps": 20}), corpus="French, English")
    # Three times as long
    for method in RATES:
        below = LADDER[LADDER.index(best[method]) - 1]
        rate = chosen(method, 30, (below, best[method]))
        test(range(3), method=method, corpus="French", learning_rate=rate, steps=30)
    study.save()
