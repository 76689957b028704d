"""How close translations come to those of a translator: BLEU and chrF, as the package ``sacrebleu`` computes them.

BLEU (Papineni et al., 2002, https://aclanthology.org/P02-1040) counts runs of one to four words that a translation
shares with its reference; chrF (Popović, 2015, https://aclanthology.org/W15-3049) counts runs of characters. Both
depend on details such as how a text is split into words, so scores can be compared only if one program computed them
(Post, 2018, https://aclanthology.org/W18-6319), which states these details in its signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One system's score by one metric, over all texts together."""

    system: str
    metric: str  # "BLEU" or "chrF2"
    score: float  # from 0 to 100
    half_width: float  # of the 95% interval around the mean of the resamples
    p_value: float | None  # of the difference from the first system, which has none itself
    signature: str  # how it was computed


def translation_scores(
    systems: Mapping[str, Sequence[str]], references: Sequence[str], n_bootstrap: int = 1000
) -> list[Score]:
    """BLEU and chrF of each system's translations, with bootstrap intervals and paired tests against the first.

    Texts are drawn with replacement, the same for all systems, and scored anew (Koehn, 2004,
    https://aclanthology.org/W04-3250). The interval covers the choice of test texts; that of the training's random
    numbers needs several trainings. Every call draws the same, unless the environment variable ``SACREBLEU_SEED`` is
    another number.

    Args:
        systems: translations of all texts, by the name of the system.
        references: a translator's translations, in the same order.
        n_bootstrap: number of resamples.

    Returns:
        for each system its BLEU and its chrF. ``pandas.DataFrame(...)`` makes a table of them.

    Raises:
        ValueError: if there is no system or no text, or a system has another number of translations.
        ImportError: if ``sacrebleu`` is not installed.
    """
    if not systems or not references:
        raise ValueError("There is nothing to score: give at least one system and one text.")
    for name, found in systems.items():
        if len(found) != len(references):
            raise ValueError(f"{name!r} has {len(found)} translations for {len(references)} references.")
    try:
        from sacrebleu.metrics import BLEU, CHRF
        from sacrebleu.significance import PairedTest, Result
    except ImportError:
        raise ImportError("Scores of translations need another package. Run: pip install sacrebleu") from None

    metrics = {"BLEU": BLEU(), "chrF2": CHRF()}
    named: list[tuple[str, Sequence[str]]] = [(name, list(found)) for name, found in systems.items()]
    signatures, scores = PairedTest(named, metrics, [list(references)], "bs", n_bootstrap)()
    rows = []
    for number, name in enumerate(systems):
        for metric in metrics:
            first, it = scores[metric][0], scores[metric][number]
            assert isinstance(first, Result) and isinstance(it, Result) and it.ci is not None
            p_value = it.p_value
            if number and it.score == first.score:  # there sacrebleu gives 1 / (n_bootstrap + 1)
                p_value = 1.0
            rows.append(Score(name, metric, it.score, it.ci, p_value, str(signatures[metric])))
    return rows
