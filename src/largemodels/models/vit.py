"""ViT, a Transformer that reads a picture as a sequence of patches, and DeiT, which also learns from a teacher.

Dosovitskiy et al., 2021, "An image is worth 16×16 words: Transformers for image recognition at scale"
(https://arxiv.org/abs/2010.11929): a picture is cut into square patches, one linear map makes a vector of each, a
learned class token comes before them, learned positions are added, and a classifier reads the class token after the
last block. With ``distilled=True`` it is DeiT (Touvron et al., 2021, "Training data-efficient image transformers &
distillation through attention", https://arxiv.org/abs/2012.12877): a second token, read by a second classifier, learns
the teacher's answers, and the two classifiers' logits are averaged in use. It gives the same hidden states, logits and
gradients as ``ViTForImageClassification`` and ``DeiTForImageClassificationWithTeacher`` of ``transformers``.

What differs from the papers: weights start as in the code of DeiT for both; there is no hidden layer in the classifier,
which ViT has while it is pretrained; dropout is one probability for all places; stochastic depth is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least, probability
from .encoder import Encoder, EncoderConfig
from .linear import Linear


@dataclass(frozen=True)
class ViTConfig:
    """Sizes of a ViT or DeiT. The defaults are those of the published ViT-Base/16 for ImageNet."""

    image_size: int = 224  # side of the pictures, in pixels; a multiple of patch_size
    patch_size: int = 16  # side of a patch, in pixels
    in_channels: int = 3  # of the pictures
    n_classes: int = 1000  # outputs of a classifier
    distilled: bool = False  # whether there is a second token and classifier for a teacher's answers: DeiT
    d_model: int = 768  # width of the residual stream; a multiple of n_head
    n_layer: int = 12  # number of blocks
    n_head: int = 12  # attention heads per block
    d_hidden: int | None = None  # inside the feed-forward networks; None: 4 d_model
    activation: str = "gelu"  # see feed_forward.py
    norm_eps: float = 1e-6  # added to the variance
    dropout: float = 0.0  # probability, in training only

    def __post_init__(self) -> None:
        at_least(1, image_size=self.image_size, patch_size=self.patch_size, in_channels=self.in_channels)
        at_least(1, n_classes=self.n_classes)
        probability(dropout=self.dropout)
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size ({self.image_size}) must be a multiple of patch_size ({self.patch_size})."
            )
        self.encoder  # noqa: B018  checks the sizes of the blocks

    @property
    def encoder(self) -> EncoderConfig:
        """Settings of the blocks."""
        return EncoderConfig(
            self.d_model,
            self.n_layer,
            self.n_head,
            self.d_hidden,
            activation=self.activation,
            norm_eps=self.norm_eps,
            dropout=self.dropout,
        )

    @property
    def n_patches(self) -> int:
        """Number of patches of a picture."""
        return (self.image_size // self.patch_size) ** 2

    @property
    def n_special(self) -> int:
        """Number of tokens before those of the patches."""
        return 2 if self.distilled else 1


def patches(pictures: Tensor, patch_size: int) -> Tensor:
    """Cut pictures into square patches, row by row from the top left.

    Args:
        pictures: ``(batch, channels, height, width)``, both multiples of ``patch_size``.
        patch_size: side of a patch, in pixels.

    Returns:
        ``(batch, n_patches, channels * patch_size²)``, a patch's channels one after the other.
    """
    return F.unfold(pictures, patch_size, stride=patch_size).transpose(1, 2)


class ViT(Model):
    """From pictures to the logits of classes."""

    by_adamw = ("patch_embedding", "head", "teacher_head")  # maps in and out: Muon leaves them to AdamW

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        d_model = config.d_model
        self.patch_embedding = Linear(config.in_channels * config.patch_size**2, d_model)
        self.special = nn.Embedding(config.n_special, d_model)  # the class token, and the distillation token
        self.position_embedding = nn.Embedding(config.n_special + config.n_patches, d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = Encoder(config.encoder)
        self.head = Linear(d_model, config.n_classes)
        if config.distilled:
            self.teacher_head = Linear(d_model, config.n_classes)
        self._initialise()

    def _initialise(self) -> None:
        """Weights N(0, 0.02²), cut off at two standard deviations, biases 0."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def hidden(self, pictures: Tensor) -> Tensor:
        """The hidden states after the last block and norm.

        Args:
            pictures: ``(batch, in_channels, image_size, image_size)``.

        Returns:
            ``(batch, n_special + n_patches, d_model)``: the class token, the distillation token if there is one, and
            the patches row by row.

        Raises:
            ValueError: if the pictures have another shape.
        """
        config = self.config
        shape = (config.in_channels, config.image_size, config.image_size)
        if pictures.shape[1:] != shape:
            raise ValueError(f"This model reads pictures of shape {shape}, not {tuple(pictures.shape[1:])}.")
        x = self.patch_embedding(patches(pictures, config.patch_size))
        x = torch.cat([self.special.weight.expand(len(x), -1, -1), x], dim=1)
        return self.encoder(self.dropout(x + self.position_embedding.weight))

    def both(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the classifier and of the one that learns from a teacher, each ``(batch, n_classes)``.

        Raises:
            ValueError: if the model has no distillation token, or the pictures have another shape.
        """
        if not self.config.distilled:
            raise ValueError("This model learns from no teacher: make it with distilled=True.")
        hidden = self.hidden(pictures)
        return self.head(hidden[:, 0]), self.teacher_head(hidden[:, 1])

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits ``(batch, n_classes)``; of a distilled model the mean of both classifiers'."""
        if self.config.distilled:
            own, learned = self.both(pictures)
            return (own + learned) / 2
        logits: Tensor = self.head(self.hidden(pictures)[:, 0])
        return logits

    def loss(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy in nats of the labels ``(batch,)``, without a teacher."""
        return F.cross_entropy(self(pictures), labels)
