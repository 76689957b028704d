"""Study of the chapter "Encoder and decoder": which learning rates are best for the long runs?

    make study NAME=02_concepts/encoder_decoder_rates

One thread, about 20 minutes. An interrupted study goes on where it stopped.

The long runs of the study before took the learning rates that were best after 400 steps. Here both
networks try them again on validation words after as many steps as the long runs have, and the test
is repeated where another is better. The table of letters and the long run with attention whose
weights are kept are also counted on the test words that were drawn without regard to their length.
"""

from __future__ import annotations

import encoder_decoder_longer_study as longer
import encoder_decoder_study as first
import torch

import largemodels as lm

STUDY = "02_concepts/encoder_decoder_rates"
N_RANDOM = 3_000  # test words drawn at random; after them come the other long ones
first.STEPS = longer.STEPS


class KeepsNothing:
    """In place of a study, for runs whose weights are not kept."""

    def keep(self, name: str, weights: torch.nn.Module) -> None:
        """Do nothing."""


def run(phase: str, model: str, rate: float, seed: int) -> dict:
    """One network: a trial on validation words, or a long run as in the study before."""
    if phase == "trial":
        return first.train(KeepsNothing(), phase, model, rate, seed)
    return longer.train(KeepsNothing(), model, rate, seed)


def at_random(phase: str, model: str) -> dict:
    """The table, or the kept network with attention, on the test words drawn at random."""
    some = first.words()
    some["test"] = some["test"][:N_RANDOM]
    if model == "table of letters":
        return first.scores(first.by_table(some), some["test"])
    kept = lm.studies.weights("02_concepts/encoder_decoder_longer", "attention")
    network = lm.Seq2Seq(lm.Seq2SeqConfig(**kept.config)).eval()
    network.load_state_dict(kept.state)
    said = first.pronounce(network, first.sources(some["test"], False))
    return first.scores(said, some["test"])


def main(study: lm.studies.Study) -> None:
    """All rows."""
    for model in ("table of letters", "attention"):
        study.row(at_random, phase="random words", model=model)
    for model in ("last state", "attention"):

        def score(rate: float, model: str = model) -> float:
            return study.row(run, phase="trial", model=model, rate=rate, seed=101)["per"]

        rate = lm.studies.best_inside(first.RATES, (1e-2, 3e-2), score)
        if rate != longer.RATES[model]:
            for seed in range(1, 4):
                study.row(run, phase="test", model=model, rate=rate, seed=seed)
    study.save()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(lm.studies.Study(STUDY))
