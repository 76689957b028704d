"""CLIP: a picture tower and a text tower whose vectors can be compared.

Radford et al., 2021, "Learning transferable visual models from natural language supervision"
(https://arxiv.org/abs/2103.00020). The picture tower is a vision Transformer with a class token, the text tower a
causal Transformer whose vector is read at the end of the text; a linear map without bias takes each to a shared space,
where vectors have length 1. It gives the same vectors, logits, loss and gradients as ``CLIPModel`` of ``transformers``.

What differs from the paper: the temperature is not held at 1/100 or above, which training code may do; and the end
of a text is given by its token or by a mask.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least
from .encoder import Encoder, EncoderConfig


@dataclass(frozen=True)
class CLIPConfig:
    """Sizes of a CLIP. The defaults are those of the published ViT-B/32."""

    d_shared: int = 512  # width of the shared space
    image_size: int = 224  # side of the pictures, in pixels; a multiple of patch_size
    patch_size: int = 32  # side of a patch, in pixels
    in_channels: int = 3  # of the pictures
    vision_width: int = 768  # residual stream of the picture tower
    vision_layers: int = 12  # its blocks
    vision_heads: int = 12  # its attention heads
    vision_hidden: int | None = None  # inside its feed-forward networks; None: 4 vision_width
    vocab_size: int = 49408  # number of distinct tokens
    context_length: int = 77  # maximum number of tokens of a text
    text_width: int = 512  # residual stream of the text tower
    text_layers: int = 12  # its blocks
    text_heads: int = 8  # its attention heads
    text_hidden: int | None = None  # inside its feed-forward networks; None: 4 text_width
    end_token: int = 49407  # the text's vector is read where this token stands first
    activation: str = "quick_gelu"  # see feed_forward.py
    norm_eps: float = 1e-5  # added to the variance
    temperature: float = 0.07  # initial; cosines are divided by it

    def __post_init__(self) -> None:
        at_least(1, d_shared=self.d_shared, image_size=self.image_size, patch_size=self.patch_size)
        at_least(1, in_channels=self.in_channels, vocab_size=self.vocab_size)
        at_least(1, context_length=self.context_length)
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size ({self.image_size}) must be a multiple of patch_size ({self.patch_size})."
            )
        if not self.temperature > 0:
            raise ValueError(f"temperature ({self.temperature}) must be above 0.")
        self.vision, self.text  # noqa: B018  checks the sizes of the towers

    @property
    def vision(self) -> EncoderConfig:
        """Settings of the picture tower's blocks."""
        return EncoderConfig(
            self.vision_width,
            self.vision_layers,
            self.vision_heads,
            self.vision_hidden,
            activation=self.activation,
            norm_eps=self.norm_eps,
        )

    @property
    def text(self) -> EncoderConfig:
        """Settings of the text tower's blocks."""
        return EncoderConfig(
            self.text_width,
            self.text_layers,
            self.text_heads,
            self.text_hidden,
            activation=self.activation,
            norm_eps=self.norm_eps,
            causal=True,
        )


class PictureTower(nn.Module):
    """A vision Transformer: patches and a class token in, the class token's vector out."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        d_model, patch = config.vision_width, config.patch_size
        self.patches = nn.Conv2d(config.in_channels, d_model, patch, stride=patch, bias=False)
        n_patches = (config.image_size // patch) ** 2
        self.class_token = nn.Parameter(torch.randn(d_model) * d_model**-0.5)
        self.position_embedding = nn.Embedding(n_patches + 1, d_model)
        nn.init.normal_(self.position_embedding.weight, std=d_model**-0.5)
        self.first_norm = nn.LayerNorm(d_model, eps=config.norm_eps)
        self.encoder = Encoder(config.vision)

    def forward(self, pictures: Tensor) -> Tensor:
        """``(batch, in_channels, image_size, image_size)`` to ``(batch, vision_width)``."""
        patches = self.patches(pictures).flatten(2).transpose(1, 2)  # (batch, n_patches, vision_width)
        first = self.class_token.expand(len(pictures), 1, -1)
        x = torch.cat([first, patches], dim=1) + self.position_embedding.weight
        return self.encoder(self.first_norm(x))[:, 0]


class TextTower(nn.Module):
    """A causal Transformer: tokens in, the vector of the first end token out."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.end_token = config.end_token
        self.token_embedding = nn.Embedding(config.vocab_size, config.text_width)
        self.position_embedding = nn.Embedding(config.context_length, config.text_width)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.position_embedding.weight, std=0.01)
        self.encoder = Encoder(config.text)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(batch, time)``, padded after the end token, to ``(batch, text_width)``."""
        x = self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]
        end = (tokens == self.end_token).int().argmax(dim=1)  # causal: what follows the end does not matter
        return self.encoder(x)[torch.arange(len(tokens), device=tokens.device), end]


class CLIP(Model):
    """Two towers, a projection of each, and a learned temperature."""

    by_adamw = ("vision_projection", "text_projection")  # updated by AdamW even where Muon is used

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        self.vision, self.text = PictureTower(config), TextTower(config)
        self.vision_projection = nn.Linear(config.vision_width, config.d_shared, bias=False)
        self.text_projection = nn.Linear(config.text_width, config.d_shared, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(-math.log(config.temperature)))

    def embed_pictures(self, pictures: Tensor) -> Tensor:
        """``(batch, in_channels, image_size, image_size)`` to vectors of length 1, ``(batch, d_shared)``."""
        return F.normalize(self.vision_projection(self.vision(pictures)), dim=1)

    def embed_texts(self, tokens: Tensor) -> Tensor:
        """``(batch, time)`` to vectors of length 1, ``(batch, d_shared)``."""
        return F.normalize(self.text_projection(self.text(tokens)), dim=1)

    def forward(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        """Cosines of all pictures with all texts, divided by the temperature: ``(pictures, texts)``."""
        return self.logit_scale.exp() * self.embed_pictures(pictures) @ self.embed_texts(tokens).T

    def loss(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        """The contrastive loss of a batch whose pictures and texts belong together row by row."""
        return contrastive_loss(self(pictures, tokens))


def contrastive_loss(logits: Tensor) -> Tensor:
    """The mean of two cross-entropies: which text belongs to each picture, and which picture to each text.

    Args:
        logits: ``(n, n)``, a row a picture, a column a text; pairs stand on the diagonal.
    """
    pairs = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2
