"""What has the network of the letters learnt to see through? And two checks of the other studies.

Networks trained in episodes, with distortions and without, and grey values: one font of a letter is
shown, another asked for, at several strengths of the distortion, and with changes of the asked
picture that no training showed. Then the rival that tells all letters apart, at learning rates
between those tried before; and waves of twice the frequency, with the rate of the steps and the
penalty of the last layer chosen on such waves.
"""

import meta_learning_letters_study as letters_study
import meta_learning_study as waves_study
import torch
import torch.nn.functional as F
from torch import Tensor

from largemodels.book.studies import Study
from largemodels.data.episodes import episodes
from largemodels.data.letters import Script, distorted
from largemodels.models.prototypical import prototype_logits

WAY, QUERY, N_TASKS, N_DRAWN = 5, 3, 100, 4
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
CHANGES = ("thickened", "noise", "quarter covered")
BLURS = (0, 1, 2, 3, 4, 6)
RATE = letters_study.RATES[5]  # of the training in episodes, chosen in the other study


def two_designs(part: str) -> list[Script]:
    """Scripts with a sans-serif and a serif font: four of validation, twelve of the test."""
    some = letters_study.PARTS[part]
    return [script for script in some if "Serif Regular" in script.fonts[1:]]


def drawn(script: Script, condition: float | str) -> Tensor:
    """Four pictures of each letter in either font, (2, letters, 4, 1, 28, 28): shown and asked."""
    generator = torch.Generator().manual_seed(2)
    strength = 0.0 if isinstance(condition, str) else condition
    fonts = []
    for font in (0, 1):  # in the order of the fonts: sans-serif, serif
        glyphs = script.pictures[:, font].repeat_interleave(
            N_DRAWN, dim=0
        )  # (n · 4, 56, 56)
        asked = font == 1
        if (
            condition == "thickened" and asked
        ):  # two pixels to each side; the ink is 40 wide
            glyphs = F.max_pool2d(glyphs[:, None].float(), 5, stride=1, padding=2)[:, 0]
        pictures = distorted(glyphs, generator, strength)
        if condition == "noise" and asked:
            pictures = pictures + 0.3 * torch.randn(pictures.shape, generator=generator)
        if condition == "quarter covered" and asked:
            corner = 14 * torch.randint(2, (len(pictures), 2), generator=generator)
            inside = [
                (torch.arange(28) >= c[:, None]) & (torch.arange(28) < c[:, None] + 14)
                for c in corner.T
            ]
            covered = inside[0][:, :, None] & inside[1][:, None]  # (n · 4, 28, 28)
            pictures = pictures.masked_fill(covered[:, None], 0.0)
        fonts.append(pictures.view(len(script.letters), N_DRAWN, 1, 28, 28))
    return torch.stack(fonts)


POOLS = {
    (part, condition): [drawn(script, condition) for script in two_designs(part)]
    for part in ("validation", "test")
    for condition in (*STRENGTHS, *CHANGES)
}


def right(features: Tensor, unit: bool) -> float:
    """Share of right answers, one font shown and the other asked; features (2, letters, 4, d)."""
    if unit:
        features = F.normalize(features, dim=-1)
    generator = torch.Generator().manual_seed(1)
    sizes = dict(way=WAY, shot=1, query=QUERY, n=N_TASKS, generator=generator)
    classes, shown, asked = episodes(features.shape[1], N_DRAWN, **sizes)
    known = features[0][classes[..., None], shown][:, :, 0]  # (tasks, way, d)
    asked = features[1][classes[..., None], asked].flatten(1, 2)  # (tasks, way · query, d)
    answers = prototype_logits(known, asked).argmax(-1)
    return (answers == torch.arange(WAY).repeat_interleave(QUERY)).float().mean().item()


def judged(embeddings: dict[str, object]) -> dict[str, object]:
    """Accuracies by test script for each condition, with what is best for it in validation.

    The choice is among the embeddings, and whether vectors are scaled to length one.
    """
    result: dict[str, object] = {}
    for condition in (*STRENGTHS, *CHANGES):
        found = {}
        for part in ("validation", "test"):
            for name, embed in embeddings.items():
                for unit in (False, True):
                    with torch.no_grad():
                        found[part, name, unit] = [
                            right(embed(p.flatten(0, 2)).view(*p.shape[:3], -1), unit)
                            for p in POOLS[part, condition]
                        ]
        ways = [key[1:] for key in found if key[0] == "validation"]
        best = max(ways, key=lambda way, found=found: sum(found["validation", *way]))
        result[str(condition)] = found["test", *best]
        result[f"{condition}, chosen"] = f"{best[0]}, unit {best[1]}"
    return result


def by_grey_values(query: int) -> dict[str, object]:
    """Blurs of several widths; query is that of a task, for a key."""

    def blurred(pictures: Tensor, blur: int) -> Tensor:
        for _ in range(2 * (blur > 0)):
            pictures = F.avg_pool2d(pictures, 2 * blur + 1, stride=1, padding=blur)
        return pictures.flatten(1)

    return judged({f"blur {b}": lambda p, b=b: blurred(p, b) for b in BLURS})


def by_network(strength: float, seed: int) -> dict[str, object]:
    """Trained in episodes of 60 letters, as in the other study, with distortions of a strength."""
    model, data = letters_study.network(seed), letters_study.Letters(seed, strength)

    def loss() -> Tensor:
        classes = data.classes(60, False)[:, None].expand(-1, 2)
        pictures = data.draw(classes.flatten()).view(60, 2, 1, 28, 28)
        return model.loss(pictures[:, :1], pictures[:, 1:])

    groups = [dict(params=model.parameters(), lr=RATE)]
    seconds = letters_study.fit(loss, groups, letters_study.STEPS)
    embeddings = {"network": model.eval()}
    return judged(embeddings) | {"core_seconds": seconds}


def at_rate(head: str, rate: float, seed: int) -> dict[str, object]:
    """The rival of the other study."""
    return letters_study.jointly(head=head, rate=rate, seed=seed)


def faster(method: str, seed: int) -> dict[str, object]:
    """Waves of twice the frequency: what steps and a last layer reach if chosen on such waves.

    The training is the other study's, with the settings that it chose.
    """
    fast = waves_study.waves(300, 60, torch.Generator().manual_seed(10**6 + 3), 2)
    waves_study.HELD["validation"] = fast
    waves_study.INNER = [1e-4 * 10 ** (k / 4) for k in range(15)]
    waves_study.RIDGE = [10.0**k for k in range(-6, 8)]
    outer = waves_study.OUTER[5]
    if method == "untrained":
        return waves_study.untrained(seed)
    if method == "shared features":
        return waves_study.heads(outer, seed)
    rate = 10**-1.75
    return waves_study.trained(method, rate, outer, seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/meta_learning_checks")
    for k in (2.5, 3.5):  # between 0.001, 0.0032 and 0.01
        study.row(at_rate, head="linear", rate=1e-4 * 10 ** (k / 2), seed=100)
    study.row(by_grey_values, query=QUERY)
    for seed in range(1, 4):
        for strength in (1, 0):
            study.row(by_network, strength=strength, seed=seed)
    for method in ("untrained", "shared features", "MAML", "joint"):
        for seed in range(5):
            study.row(faster, method=method, seed=seed)
    study.save()
