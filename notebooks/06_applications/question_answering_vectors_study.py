"""First study of the chapter "Question answering": a vector of MiniLM for each article.

    make study NAME=06_applications/question_answering_vectors

One thread, about 8 minutes. The 10,033 English summaries of Wikipedia, each after its title, become
vectors of 384 numbers (all-MiniLM-L6-v2, the first 256 word pieces of each text), kept as int8 with
one step for all numbers. The row says how much the rounding changes a cosine.
"""

from __future__ import annotations

from typing import Any

import torch

import largemodels as lm
from largemodels.data.text import wikipedia_articles


def embed(texts: str) -> dict[str, Any]:
    """Vectors of all articles, rounded to int8 and kept."""
    articles = wikipedia_articles()
    whole = [
        f"{title}. {text}"
        for title, text in zip(articles.title, articles.text, strict=True)
    ]
    minilm = lm.load_minilm()
    vectors = minilm.embed(whole)
    step = vectors.abs().max().item() / 127
    rounded = (vectors / step).round().to(torch.int8)
    study.keep("vectors", {"vectors": rounded}, {"step": step})
    again = torch.nn.functional.normalize(rounded.float(), dim=1)
    probe = vectors[:: len(vectors) // 500]
    off = (probe @ vectors.T - probe @ again.T).abs()
    lengths = [len(it.ids) for it in minilm.tokenizer.encode_batch(whole)]
    return {
        "n": len(vectors),
        "step": step,
        "largest_error": off.max().item(),
        "mean_error": off.mean().item(),
        "cut": sum(it >= minilm.longest for it in lengths),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/question_answering_vectors")
    study.row(embed, texts="title and summary")
    study.save()
