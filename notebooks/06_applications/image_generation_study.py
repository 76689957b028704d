"""Clothes by class: a small diffusion model and a GAN at equal training time, three seeds each.

Both are told the class. Each gets its learning rate by the distance to validation pictures, at the
length at which it is reported; the numbers of steps are fixed such that both train for about the
same time. The GAN is the better one of part 2, its critic told the class; of its generator the last
weights and their running mean are measured, of the U-Net the running mean. One thread, about 7
minutes. It needs the judges that the study `02_concepts/gan_judge` has kept.
"""

import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

sys.path.insert(0, str(Path(__file__).parents[1] / "02_concepts"))
from gan_judge_study import judge

import largemodels as lm
from largemodels.book.studies import Study, best_inside, weights
from largemodels.models.dcgan import DCGANConfig, Discriminator, Generator
from largemodels.models.unet import UNet, UNetConfig
from largemodels.objectives.adversarial import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)
from largemodels.objectives.diffusion import diffusion_loss, drawn
from largemodels.objectives.frechet import frechet_distance

CLOTHES = lm.fashion_mnist()
PARTS = {part: 2 * x - 1 for part, (x, _) in CLOTHES.items()}
CLASSES, NO_LABEL, LATENT, BATCH = 10, 10, 64, 32
N, N_REAL, STEPS = 1_000, 5_000, 20  # pictures drawn, real ones, steps of DDIM
ROUNDS = {"diffusion": 400, "GAN": 545}  # about 30 core seconds each
RATES = [2e-4 * 2**k for k in range(9)]
JUDGES = {}
for kind in ("convolutions", "layers"):
    JUDGES[kind] = judge(kind)
    JUDGES[kind].load_state_dict(weights("02_concepts/gan_judge", kind).state)


@torch.no_grad()
def features(pictures: Tensor, kind: str) -> Tensor:
    """`(n, 1, 28, 28)` to the judge's 64 features, `(n, 64)`."""
    return torch.cat([JUDGES[kind][:-1](some) for some in pictures.split(500)])


REAL = {
    (part, kind): features(PARTS[part][:N_REAL], kind)
    for part in ("validation", "test")
    for kind in JUDGES
}


def labels_for(n: int) -> Tensor:
    """The ten classes in turn, `(n,)`."""
    return torch.arange(n) % CLASSES


def noise_of(seed: int, *shape: int) -> Tensor:
    """The same for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def measured(pictures: Tensor) -> dict[str, float]:
    """Distances to validation and test pictures, and how many a judge takes for their class."""
    found = {kind: features(pictures, kind) for kind in JUDGES}
    row = {
        f"{part}, {kind}": frechet_distance(found[kind], real)
        for (part, kind), real in REAL.items()
    }
    with torch.no_grad():
        said = JUDGES["convolutions"][-1](found["convolutions"]).argmax(dim=1)
    row["right class"] = 100 * (said == labels_for(len(said))).float().mean().item()
    return row


def by_diffusion(
    model: nn.Module, n: int = N, steps: int = STEPS, scale: float = 1.0, seed: int = 0
) -> Tensor:
    """Pictures `(n, 1, 28, 28)`, classes in turn."""
    pairs = zip(
        noise_of(seed, n, 1, 28, 28).split(100), labels_for(n).split(100), strict=True
    )
    return torch.cat([drawn(model, *pair, steps, NO_LABEL, scale=scale) for pair in pairs])


def told(noise: Tensor, labels: Tensor) -> Tensor:
    """Noise of a generator, `(n, 64)`, beside its class: `(n, 74)`."""
    return torch.cat([noise, F.one_hot(labels, CLASSES).float()], dim=1)


@torch.no_grad()
def by_gan(make: nn.Module, n: int = N, seed: int = 0) -> Tensor:
    """Pictures `(n, 1, 28, 28)`, classes in turn."""
    return torch.cat(
        [make(it) for it in told(noise_of(seed, n, LATENT), labels_for(n)).split(500)]
    )


def set_rate(optimizers: list, rate: float, i: int, rounds: int, warm: int = 0) -> None:
    """It rises over `warm` steps and falls in the second half."""
    for group in [g for it in optimizers for g in it.param_groups]:
        group["lr"] = rate * min(1.0, 2 * (1 - i / rounds), (i + 1) / max(1, warm))


def train_diffusion(
    rate: float, rounds: int, seed: int, n_pictures: int = 55_000
) -> tuple[nn.Module, float]:
    """The running mean of a U-Net's weights, and the core seconds."""
    torch.manual_seed(seed)
    x, y = PARTS["train"][:n_pictures], CLOTHES["train"][1][:n_pictures]
    model = UNet(UNetConfig())
    mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0
    )
    began = time.process_time()
    for i in range(rounds):
        set_rate([optimizer], rate, i, rounds, warm=50)
        some = torch.randint(len(x), (BATCH,))
        loss = diffusion_loss(model, x[some], y[some], NO_LABEL)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean.update_parameters(model)
    return mean.module.eval(), time.process_time() - began


def train_gan(rate: float, rounds: int, seed: int) -> tuple[nn.Module, nn.Module, float]:
    """The last generator, the running mean of its weights, and the core seconds."""
    torch.manual_seed(seed)
    x, y = PARTS["train"], CLOTHES["train"][1]
    make = Generator(DCGANConfig(latent_size=LATENT + CLASSES))
    tell = Discriminator(DCGANConfig(picture_channels=1 + CLASSES, norm="none"))
    for name, it in [*make.named_parameters(), *tell.named_parameters()]:
        if it.ndim == 4:  # the paper's starting weights, as in lm.DCGAN
            nn.init.normal_(it, 0.0, 0.02)
        elif "weight" in name:
            nn.init.normal_(it, 1.0, 0.02)
    mean = AveragedModel(make, multi_avg_fn=get_ema_multi_avg_fn(0.99), use_buffers=True)
    optimizers = [
        torch.optim.Adam(it.parameters(), betas=(0.0, 0.9)) for it in (make, tell)
    ]
    began = time.process_time()
    for i in range(rounds):
        set_rate(optimizers, rate, i, rounds)
        some = torch.randint(len(x), (BATCH,))
        real, labels = x[some], y[some]
        maps = F.one_hot(labels, CLASSES).float()[:, :, None, None].expand(-1, -1, 28, 28)
        judged = lambda it, maps=maps: tell(torch.cat([it, maps], dim=1))  # noqa: E731
        made = make(told(torch.randn(BATCH, LATENT), labels))
        loss = discriminator_loss(judged(real), judged(made.detach()), "wasserstein")
        loss = loss + 10 * gradient_penalty(judged, real, made.detach())
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        cheated = generator_loss(judged(made), "wasserstein")
        optimizers[0].zero_grad()
        cheated.backward()
        optimizers[0].step()
        mean.update_parameters(make)
    spent = time.process_time() - began
    return make.eval(), mean.module.eval(), spent


def diffusion(rate: float, seed: int, n: int = N, steps: int = STEPS) -> dict[str, float]:
    """One U-Net at the common length."""
    model, spent = train_diffusion(rate, ROUNDS["diffusion"], seed)
    return {"core_seconds": spent} | measured(by_diffusion(model, n, steps))


def gan(rate: float, seed: int, n: int = N, steps: int = 1) -> dict[str, float]:
    """One GAN at the common length, which draws in one step."""
    assert steps == 1
    last, mean, spent = train_gan(rate, ROUNDS["GAN"], seed)
    row = {"core_seconds": spent} | measured(by_gan(last, n))
    return row | {f"{name}, mean": it for name, it in measured(by_gan(mean, n)).items()}


def real(which: str) -> dict[str, float]:
    """As many real pictures, other ones than those on the other side of the distance."""
    x = PARTS["test"][N_REAL:] if which == "test" else PARTS["train"]
    row = measured(x[:N])
    del row["right class"]  # their classes do not come in turn
    return row


SCORE = "validation, convolutions"
FINAL = range(3)


def chosen(study: Study) -> dict[str, float]:
    """The learning rate of each, from trials with another seed."""
    best = {}
    for name, compute, steps in (("diffusion", diffusion, 10), ("GAN", gan, 1)):

        def score(rate: float, compute=compute, steps=steps) -> float:
            """Distance to validation pictures; of the GAN, of the better of both weights."""
            row = study.row(compute, rate=rate, seed=100, n=500, steps=steps)
            return min(row[SCORE], row.get(f"{SCORE}, mean", row[SCORE]))

        best[name] = best_inside(RATES, RATES[3:6], score)
    return best


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/image_generation")
    for which in ("test", "train"):
        study.row(real, which=which)
    best = chosen(study)
    for seed in FINAL:
        study.row(diffusion, rate=best["diffusion"], seed=seed)
        study.row(gan, rate=best["GAN"], seed=seed)
    study.save()
