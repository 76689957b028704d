"""Study of the chapter "Language modelling by hand": is the GPT too sure, and who reads its files?

    make study NAME=04_math/language_modelling_by_hand

One thread, about 3 minutes. An interrupted study goes on where it stopped.

Passages: loss, mean entropy and best temperature of the GPT on passages of one play each and on
samples that are spread evenly over all plays of a part. Readers: a file is written token by token
with one thread and the processor's own kernels, and read with two threads or with other kernels.
Counting is exact there, by fractions. The last row is what xz adds for the chapter's scene behind
all of the training plays.
"""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import largemodels as lm

# Characters of a passage; pieces of a sample, and theirs.
LONG, PIECES, SHORT = 8_000, 12, 1_000
LIMIT, TOKENS, FILES = 2**24, 40, 12  # as in the chapter


@cache
def material() -> tuple[lm.GPT, lm.ByteBPE, dict[str, str]]:
    """The GPT, its tokenizer and the three parts of the corpus."""
    corpus = lm.shakespeare()
    kept = lm.studies.weights("05_project/pretraining_longer", "gpt")
    gpt = lm.GPT(lm.GPTConfig(**kept.config)).eval()
    gpt.load_state_dict(kept.state)
    parts = {part: corpus.text(part) for part in ("train", "validation", "test")}
    return gpt, lm.ByteBPE.train(parts["train"], gpt.config.vocab_size), parts


def scene() -> str:
    """The chapter's scene."""
    plays = material()[2]["test"]
    return plays[plays.index("[Enter three Murderers.]") :][:5_000]


def logits_on(pieces: list[str]) -> tuple[Tensor, Tensor]:
    """Logits and right tokens in windows of 128: (positions, vocab_size), (positions,)."""
    gpt, pairs, _ = material()
    ids = [pairs.encode(piece) for piece in pieces]
    windows = torch.cat(
        [it[: (len(it) - 1) // 128 * 128 + 1].unfold(0, 129, 128) for it in ids]
    )
    with torch.no_grad():
        return gpt(windows[:, :-1]).flatten(0, 1).double(), windows[:, 1:].flatten()


def measured(z: Tensor, came: Tensor, beta: float) -> tuple[float, ...]:
    """Mean loss and entropy in nats, slope and curvature of the loss by beta."""
    log_p = (beta * z).log_softmax(-1)
    p = log_p.exp()
    mu, right = (p * z).sum(-1), torch.arange(len(came))
    slope = (mu - z[right, came]).mean().item()
    variance = ((p * z * z).sum(-1) - mu**2).mean().item()
    return (
        -log_p[right, came].mean().item(),
        -(p * log_p).sum(-1).mean().item(),
        slope,
        variance,
    )


def passage(part: str, kind: str, number: int) -> dict[str, object]:
    """Loss and entropy at temperature 1, best temperature and what it gains."""
    text = material()[2][part]
    if kind == "passage":
        n = len(text) // LONG
        step = n / min(n, 28) * LONG  # of the training plays not all: evenly spread
        pieces = [text[int(number * step) :][:LONG]]
    else:
        step = len(text) // PIECES
        pieces = [text[i * step + number * step // 10 :][:SHORT] for i in range(PIECES)]
    z, came = logits_on(pieces)
    beta = 1.0
    loss, entropy, slope, variance = measured(z, came, beta)
    for _ in range(3):
        beta -= slope / variance
        best, _, slope, variance = measured(z, came, beta)
    return {"loss": loss, "entropy": entropy, "temperature": 1 / beta, "gain": loss - best}


def frequencies(double: bool) -> np.ndarray:
    """Frequencies of the chapter's coder, token by token: (files, tokens, vocab_size)."""
    gpt, pairs, _ = material()
    gpt = gpt.double() if double else gpt
    begin, ids, found = pairs.encode("\n"), pairs.encode(scene()), []
    for start in range(0, 4 * TOKENS * FILES, 4 * TOKENS):
        past = torch.cat([begin, ids[start : start + TOKENS - 1]])
        with torch.no_grad():
            memory = gpt.new_cache(1)
            logits = torch.cat([gpt(t[None, None], cache=memory)[0] for t in past])
        p = logits.double().softmax(-1).numpy()
        found.append(1 + np.floor(p * (LIMIT - p.shape[1])).astype(np.int64))
    return np.stack(found)


def elsewhere(threads: int, kernels: str, double: bool) -> np.ndarray:
    """The frequencies as another process finds them."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "frequencies.npy"
        given = [str(place), str(threads), str(int(double))]
        own = {} if kernels == "own" else {"ATEN_CPU_CAPABILITY": kernels}
        subprocess.run([sys.executable, __file__, *given], check=True, env=os.environ | own)
        return np.load(place)


def readers(threads: int, kernels: str, double: bool) -> dict[str, object]:
    """How many files come back right, written by one thread and the processor's own kernels."""
    _, pairs, _ = material()
    ids, right = pairs.encode(scene()).tolist(), 0
    writer, reader = elsewhere(1, "own", double), elsewhere(threads, kernels, double)
    for number in range(FILES):
        piece = ids[4 * TOKENS * number :][:TOKENS]
        # The written interval, then whether its middle lies in the reader's: all by fractions.
        (low, width), (start, size) = (
            interval(it[number], piece) for it in (writer, reader)
        )
        right += start <= low + width / 2 < start + size
    return {"right": right, "files": FILES, "different": int((writer != reader).sum())}


def interval(rows: np.ndarray, piece: list[int]) -> tuple[Fraction, Fraction]:
    """Low end and width after a piece."""
    low, width = Fraction(0), Fraction(1)
    for f, token in zip(rows, piece, strict=True):
        total = int(f.sum())
        low += width * Fraction(int(f[:token].sum()), total)
        width *= Fraction(int(f[token]), total)
    return low, width


def behind(characters: int) -> dict[str, object]:
    """What xz adds for the scene behind the end of the training plays."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
    plays, raw = material()[2]["train"][-characters:].encode(), scene().encode()
    both, alone = (
        len(lzma.compress(it, lzma.FORMAT_RAW, -1, None, filters))
        for it in (plays + raw, plays)
    )
    return {"added": both - alone}


def main() -> None:
    """All rows."""
    study = lm.studies.Study("04_math/language_modelling_by_hand")
    for part in ("train", "validation", "test"):
        for number in range(10):
            study.row(passage, part=part, kind="sample", number=number)
        for number in range(min(len(material()[2][part]) // LONG, 28)):
            study.row(passage, part=part, kind="passage", number=number)
    for double in (False, True):
        for threads, kernels in ((1, "own"), (2, "own"), (1, "default")):
            study.row(readers, threads=threads, kernels=kernels, double=double)
    study.row(behind, characters=len(material()[2]["train"]))
    study.save()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        torch.set_num_threads(int(sys.argv[2]))
        np.save(sys.argv[1], frequencies(bool(int(sys.argv[3]))))
    else:
        torch.set_num_threads(1)
        main()
