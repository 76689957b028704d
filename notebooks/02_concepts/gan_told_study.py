"""Who tells generated pictures from real ones? And the two games of pictures with one set-up.

Fresh discriminators, one with convolutions and one with layers only, learn to tell the pictures of
the kept generator, of a mixture of Gaussians, or other real ones from real ones; what counts is
held-out pictures. Once more with all pictures averaged over squares of four by four pixels, which
takes the fine detail away. Last the non-saturating game with the layers and the optimiser of the
Wasserstein game. One thread, about 5 minutes. It needs the generator that `gan_pictures` has kept.
"""

import time

import torch
import torch.nn.functional as F
from gan_judge_study import judge
from gan_pictures_study import BATCH, HALF, PARTS, distances, drawn
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import Tensor

from largemodels.book.studies import Study, weights
from largemodels.models.dcgan import DCGAN, DCGANConfig
from largemodels.objectives.adversarial import discriminator_loss, generator_loss

STEPS, SOME, TRAINED, HELD_OUT = 600, 64, 4_000, 1_000
FITTED = 15_000  # pictures for the mixture, the first of the training part, as on the page


def pictures(source: str, seed: int) -> Tensor:
    """`(5,000, 1, 28, 28)` to be told from real ones."""
    if source == "GAN":
        kept = weights("02_concepts/gan_pictures", "generator")
        model = DCGAN(DCGANConfig(**kept.config))
        model.generator.load_state_dict(kept.state)
        return drawn(model, TRAINED + HELD_OUT, seed)
    if source == "mixture":
        x = PARTS["train"][:FITTED].flatten(1).numpy()
        pca = PCA(80, svd_solver="covariance_eigh").fit(x)
        model = GaussianMixture(
            20, init_params="k-means++", reg_covar=1e-3, max_iter=20, random_state=seed
        )
        codes = model.fit(pca.transform(x)).sample(TRAINED + HELD_OUT)[0]
        flat = torch.from_numpy(pca.inverse_transform(codes)).float().clamp(-1, 1)
        order = torch.randperm(len(flat), generator=torch.Generator().manual_seed(seed))
        return flat[order].view(-1, 1, 28, 28)
    start = 30_000 + seed * (TRAINED + HELD_OUT)
    return PARTS["train"][start : start + TRAINED + HELD_OUT]


def told(source: str, kind: str, coarse: bool, seed: int) -> dict[str, float]:
    """Share of held-out pictures that a fresh discriminator gets right, on the way and last."""
    began = time.process_time()
    made, real = pictures(source, seed), PARTS["train"][20_000 : 20_000 + TRAINED]
    x = torch.cat([real, made[:TRAINED], PARTS["test"][:HELD_OUT], made[TRAINED:]])
    if coarse:
        x = F.interpolate(F.avg_pool2d(x, 4), scale_factor=4)
    x, held_out = x[: 2 * TRAINED], x[2 * TRAINED :]
    torch.manual_seed(seed)
    model = judge(kind)  # of its ten logits the first two are used
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    row = {}
    for i in range(STEPS):
        some = torch.randint(len(x), (SOME,))
        loss = F.cross_entropy(model(x[some])[:, :2], (some >= TRAINED).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i + 1 in (150, 300, STEPS):
            with torch.no_grad():
                right = model(held_out)[:, :2].argmax(dim=1) == (
                    torch.arange(len(held_out)) >= HELD_OUT
                )
            row[f"right after {i + 1}"] = right.float().mean().item()
    return {"core_seconds": time.process_time() - began} | row


def one_set_up(rate: float, rounds: int, seed: int) -> dict[str, float]:
    """The non-saturating game without normalisation and with the other game's Adam."""
    torch.manual_seed(seed)
    model = DCGAN(DCGANConfig(norm="none"))
    make, tell = model.generator, model.discriminator
    makes, tells = (
        torch.optim.Adam(it.parameters(), lr=rate, betas=(0.0, 0.9)) for it in (make, tell)
    )
    x, began = PARTS["train"], time.process_time()
    for i in range(rounds):
        for group in makes.param_groups + tells.param_groups:
            group["lr"] = rate * min(1.0, 2 * (1 - i / rounds))
        real = x[torch.randint(len(x), (BATCH,))]
        made = make(torch.randn(BATCH, model.config.latent_size))
        loss = discriminator_loss(tell(real), tell(made.detach()))
        tells.zero_grad()
        loss.backward()
        tells.step()
        loss = generator_loss(tell(made))
        makes.zero_grad()
        loss.backward()
        makes.step()
    row = {"core_seconds": time.process_time() - began}
    return row | distances(drawn(model, HALF, 0))


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", message=".*did not converge|.*not symmetric")
    torch.set_num_threads(1)
    study = Study("02_concepts/gan_told")
    for seed in range(3):
        for kind in ("convolutions", "layers"):
            for source in ("GAN", "mixture", "other real"):
                study.row(told, source=source, kind=kind, coarse=False, seed=seed)
    for seed in range(3):
        for kind in ("convolutions", "layers"):
            for source in ("GAN", "mixture"):
                study.row(told, source=source, kind=kind, coarse=True, seed=seed)
    for seed in range(3):
        study.row(one_set_up, rate=3.2e-3, rounds=1_600, seed=seed)
    study.save()
