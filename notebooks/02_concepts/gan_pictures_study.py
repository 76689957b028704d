"""Pictures of clothes: two games of the same DCGAN at equal time, and two density models.

Each game gets its learning rate, then the number of steps of the discriminator for one of the
generator, by the distance to validation pictures; a round of the one costs more than a round of the
other, so the number of rounds of each is fixed such that they take about the same time. Then three
other seeds; last, the better game once for longer, whose generator is kept. One thread, about 20
minutes. It needs the judges that the study `gan_judge` has kept.
"""

import time

import numpy as np
import torch
from gan_judge_study import judge
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study, best_inside, weights
from largemodels.models.dcgan import DCGAN, DCGANConfig
from largemodels.objectives.adversarial import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)
from largemodels.objectives.frechet import frechet_distance

PARTS = {part: 2 * x - 1 for part, (x, _) in lm.fashion_mnist().items()}
HALF = 5_000  # pictures on each side of a distance
BATCH = 32
RATES = [1.25e-5 * 2**k for k in range(10)]
# Rounds in about 45 core seconds, by game and steps of the discriminator in a round.
ROUNDS = {
    ("non-saturating", 1): 1_600,
    ("non-saturating", 2): 920,
    ("wasserstein", 1): 1_120,
    ("wasserstein", 2): 616,
    ("wasserstein", 4): 344,
}
JUDGES = {}
for kind in ("convolutions", "layers"):
    JUDGES[kind] = judge(kind)
    JUDGES[kind].load_state_dict(weights("02_concepts/gan_judge", kind).state)


@torch.no_grad()
def features(pictures: Tensor, kind: str) -> Tensor:
    """`(n, 1, 28, 28)` to the judge's 64 features, `(n, 64)`."""
    return torch.cat([JUDGES[kind][:-1](some) for some in pictures.split(500)])


REAL = {
    (part, kind): features(PARTS[part][:HALF], kind)
    for part in ("validation", "test")
    for kind in JUDGES
}


def distances(pictures: Tensor) -> dict[str, float]:
    """To validation and test pictures, by both judges."""
    found = {kind: features(pictures, kind) for kind in JUDGES}
    return {
        f"{part}, {kind}": frechet_distance(found[kind], real)
        for (part, kind), real in REAL.items()
    }


def drawn(model: DCGAN, n: int, seed: int) -> Tensor:
    """Pictures `(n, 1, 28, 28)` of the generator in evaluation mode."""
    noise = torch.randn(
        n, model.config.latent_size, generator=torch.Generator().manual_seed(seed)
    )
    model.generator.eval()
    with torch.no_grad():
        pictures = torch.cat([model.generator(some) for some in noise.split(500)])
    model.generator.train()
    return pictures


def trained(
    game: str, rate: float, steps: int, rounds: int, seed: int
) -> tuple[DCGAN, dict]:
    """A DCGAN after so many rounds; on the way eight times its losses and its distance."""
    torch.manual_seed(seed)
    wasserstein = game == "wasserstein"
    model = DCGAN(DCGANConfig(norm="none" if wasserstein else "batch"))
    players = model.generator, model.discriminator
    make, tell = players
    betas = (0.0, 0.9) if wasserstein else (0.5, 0.999)  # of the two papers
    optimizers = [torch.optim.Adam(it.parameters(), lr=rate, betas=betas) for it in players]
    x, size = PARTS["train"], model.config.latent_size
    spent, path = 0.0, {"round": [], "generator": [], "discriminator": [], "told": []}
    path["distance"] = []
    seen = []
    for i in range(rounds):
        began = time.process_time()
        for group in [g for it in optimizers for g in it.param_groups]:
            group["lr"] = rate * min(1.0, 2 * (1 - i / rounds))  # falls in the second half
        for _ in range(steps):
            real = x[torch.randint(len(x), (BATCH,))]
            made = make(torch.randn(BATCH, size))
            for_real, for_made = tell(real), tell(made.detach())
            loss = discriminator_loss(for_real, for_made, game)
            if wasserstein:
                loss = loss + 10 * gradient_penalty(tell, real, made.detach())
            optimizers[1].zero_grad()
            loss.backward()
            optimizers[1].step()
        if steps > 1:
            made = make(torch.randn(BATCH, size))
        cheated = generator_loss(tell(made), game)
        optimizers[0].zero_grad()
        cheated.backward()
        optimizers[0].step()
        spent += time.process_time() - began
        told = ((for_real > 0).float().mean() + (for_made <= 0).float().mean()) / 2
        seen.append((cheated.item(), loss.item(), told.item()))
        if (i + 1) % (rounds // 8) == 0:
            path["round"].append(i + 1)
            for name, values in zip(
                ("generator", "discriminator", "told"), zip(*seen, strict=True), strict=True
            ):
                path[name].append(float(np.mean(values)))
            seen = []
            some = features(drawn(model, 2_000, 1), "convolutions")
            path["distance"].append(
                frechet_distance(some, REAL["validation", "convolutions"])
            )
    return model, {"core_seconds": spent} | {f"path, {k}": v for k, v in path.items()}


def run(game: str, rate: float, steps: int, seed: int) -> dict:
    """One game at the common length."""
    model, row = trained(game, rate, steps, ROUNDS[game, steps], seed)
    return row | distances(drawn(model, HALF, 0))


def longer(game: str, rate: float, steps: int, rounds: int, seed: int) -> dict:
    """The game that is kept."""
    model, row = trained(game, rate, steps, rounds, seed)
    state = model.generator.half().float().state_dict()
    study.keep("generator", state, model.config)
    return row | distances(drawn(model, HALF, 0))


def mixture(directions: int, components: int, seed: int) -> dict:
    """A mixture of Gaussians after principal components; with one component, a Gaussian."""
    x = PARTS["train"].flatten(1).numpy()
    began = time.process_time()
    pca = PCA(directions, svd_solver="covariance_eigh").fit(x)
    model = GaussianMixture(
        components, init_params="k-means++", reg_covar=1e-3, max_iter=20, random_state=seed
    )
    model.fit(pca.transform(x))
    codes = model.sample(HALF)[0]
    spent = time.process_time() - began
    pictures = torch.from_numpy(pca.inverse_transform(codes)).float().clamp(-1, 1)
    return {"core_seconds": spent} | distances(pictures.view(-1, 1, 28, 28))


def real(which: str) -> dict:
    """Distances of real pictures, the least that a generator could hope for."""
    some = PARTS["test"][HALF:] if which == "other test pictures" else PARTS["train"][:HALF]
    return distances(some)


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", message=".*did not converge|.*not symmetric")
    torch.set_num_threads(1)
    study = Study("02_concepts/gan_pictures")
    SCORE = "validation, convolutions"
    for which in ("other test pictures", "training pictures"):
        study.row(real, which=which)
    best = {}
    for game in ("non-saturating", "wasserstein"):

        def score(rate: float, game: str = game) -> float:
            """Distance to the validation pictures."""
            return study.row(run, game=game, rate=rate, steps=1, seed=100)[SCORE]

        rate = best_inside(RATES, RATES[4:7], score)
        choices = [steps for it, steps in ROUNDS if it == game]
        rows = {
            steps: study.row(run, game=game, rate=rate, steps=steps, seed=100)[SCORE]
            for steps in choices
        }
        steps = min(rows, key=rows.__getitem__)
        final = [
            study.row(run, game=game, rate=rate, steps=steps, seed=seed)[SCORE]
            for seed in range(3)
        ]
        best[game] = (sum(final), rate, steps)

    # First with 20 components, then along mixtures that take at most about as long as a game; its
    # last, one Gaussian of all pixels, is a natural end.
    for directions in (40, 80, 160, 320):
        study.row(mixture, directions=directions, components=20, seed=100)
    family = [(40, 150), (80, 60), (160, 20), (320, 6), (784, 1)]

    def fits(place: int) -> float:
        """Distance to the validation pictures."""
        directions, components = family[place]
        key = {"directions": directions, "components": components}
        return study.row(mixture, **key, seed=100)[SCORE]

    directions, components = family[best_inside(range(5), (1, 2, 3), fits)]
    game = min(best, key=best.__getitem__)
    _, rate, steps = best[game]
    study.row(longer, game=game, rate=rate, steps=steps, rounds=4_000, seed=0)
    for seed in range(3):
        study.row(mixture, directions=directions, components=components, seed=seed)
    study.row(mixture, directions=784, components=1, seed=0)
    study.save()
