"""Study of the chapter "Generation and analysis": ways to choose a token, and people.

    make study NAME=05_project/generation_and_analysis

One thread, about 5 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch

import largemodels as lm
from largemodels.pretrained.smollm2 import load_smollm2
from largemodels.text.evaluation import continuation_loss
from largemodels.text.repetition import distinct, repeated

METHODS = {
    "greedy": {"temperature": 0.0},
    "beam 4": {},
    "temperature 0.7": {"temperature": 0.7},
    "top-k 40": {"top_k": 40},
    "top-p 0.9": {"top_p": 0.9},
    "temperature 1": {},
}
smollm2 = lru_cache(load_smollm2)


@lru_cache
def wikipedia_counts() -> tuple[lm.NGram, lm.CharTokenizer]:
    """The judge: a 6-gram of the characters of Wikipedia; what is not ASCII becomes a blank."""
    tokenizer = lm.CharTokenizer("".join(map(chr, range(128))))
    text = ascii_only(lm.wikipedia().text("train"))
    return lm.NGram(6, 128).fit(tokenizer.encode(text).numpy()), tokenizer


def ascii_only(text: str) -> str:
    """A text with a blank in place of other characters."""
    return "".join(character if character.isascii() else " " for character in text)


def beginnings(seed: int, n_prompt: int, n_new: int) -> tuple[torch.Tensor, torch.Tensor]:
    """12 held-out articles, cut in two: (12, n_prompt) and (12, n_new) tokens."""
    tokenizer, articles = smollm2()[1], lm.wikipedia().test.values()
    texts = [tokenizer.encode(article.partition("\n")[2]) for article in articles]
    long = [text for text in texts if len(text) >= n_prompt + n_new]
    chosen = np.random.default_rng(seed).permutation(len(long))[:12]
    pieces = torch.stack([long[i][: n_prompt + n_new] for i in chosen])
    return pieces[:, :n_prompt], pieces[:, n_prompt:]


def judged(prompts: list[str], texts: list[str]) -> float:
    """What the judge pays for continuations, in bits a character."""
    (counts, tokenizer), total = wikipedia_counts(), 0.0
    for prompt, text in zip(prompts, texts, strict=True):
        costs = -counts.log_probs(tokenizer.encode(ascii_only(prompt + text)).numpy())
        total += float(costs[len(prompt) :].sum())
    return total / math.log(2) / sum(map(len, texts))


def write(method: str, seed: int, n_prompt: int, n_new: int) -> dict:
    """Let SmolLM2, or people, continue 12 texts, and measure what comes out."""
    model, tokenizer = smollm2()
    prompts, by_people = beginnings(seed, n_prompt, n_new)
    end, generator = tokenizer.end_of_text, torch.Generator().manual_seed(seed)
    if method == "people":
        whole = torch.cat([prompts, by_people], dim=1)
    elif method == "beam 4":
        whole = lm.beam_search(model, prompts, n_new, 4, end_token=end)
    else:
        options = METHODS[method]
        whole = lm.generate(
            model, prompts, n_new, generator=generator, end_token=end, **options
        )
    rows = [row[row != end] for row in whole[:, n_prompt:]]
    texts = [tokenizer.decode(row) for row in rows]
    n_tokens = sum(map(len, rows))
    return {
        "repeated": 100 * repeated(texts),
        "distinct": 100 * distinct(texts),
        "own_loss": continuation_loss(model, list(prompts), rows) / n_tokens,
        "judged": judged([tokenizer.decode(row) for row in prompts], texts),
        "n_tokens": n_tokens / len(rows),
        "text": texts[0],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("05_project/generation_and_analysis")
    for seed in range(3):
        for method in ("people", *METHODS):
            study.row(write, method=method, seed=seed, n_prompt=32, n_new=40)
    study.save()
