"""A stack of standard Transformer blocks, to build models such as ViT and CLIP from.

The block of Vaswani et al., 2017, "Attention is all you need", section 3.1 (https://arxiv.org/abs/1706.03762). What
differs from the paper: the norms come before the sub-layers and once at the end (Xiong et al., 2020,
https://arxiv.org/abs/2002.04745), which trains without a warm-up. Equal to ``torch.nn.TransformerEncoder`` with
``norm_first=True`` and a final norm, weight for weight. Embeddings and positions are left to the model: the stack sees
vectors only.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .attention import Attention
from .base import Model
from .checks import at_least, one_of, probability
from .feed_forward import ACTIVATIONS, FeedForward
from .norm import NORMS, make_norm


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes and choices of an encoder. The defaults are those of ViT-Base (https://arxiv.org/abs/2010.11929)."""

    d_model: int = 768  # width of the residual stream; a multiple of n_head
    n_layer: int = 12  # number of blocks
    n_head: int = 12  # attention heads per block
    d_hidden: int | None = None  # hidden width of a block's feed-forward network; None: 4 d_model
    activation: str = "gelu"  # see feed_forward.py
    norm: str = "layernorm"  # or "rmsnorm"
    norm_eps: float = 1e-5  # added to the variance or the mean square
    bias: bool = True  # of linear layers and LayerNorm
    dropout: float = 0.0  # probability, in training only
    causal: bool = False  # a position sees itself and those before it, as in the text encoder of CLIP

    def __post_init__(self) -> None:
        at_least(1, d_model=self.d_model, n_layer=self.n_layer, n_head=self.n_head, d_hidden=self.d_hidden)
        one_of(ACTIVATIONS, activation=self.activation)
        one_of(NORMS, norm=self.norm)
        probability(dropout=self.dropout)
        if self.d_model % self.n_head:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of n_head ({self.n_head}).")


class EncoderBlock(nn.Module):
    """Attention and a feed-forward network, each added to the residual stream."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        d_model, bias, dropout = config.d_model, config.bias, config.dropout
        self.attention_norm = make_norm(config.norm, d_model, eps=config.norm_eps, bias=bias)
        self.attention = Attention(d_model, config.n_head, causal=config.causal, bias=bias, dropout=dropout)
        self.mlp_norm = make_norm(config.norm, d_model, eps=config.norm_eps, bias=bias)
        d_hidden = config.d_hidden or 4 * d_model
        self.mlp = FeedForward(d_model, d_hidden, activation=config.activation, bias=bias, dropout=dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(batch, time, d_model)`` to the same shape."""
        x = x + self.attention(self.attention_norm(x), mask)
        return x + self.mlp(self.mlp_norm(x))


class Encoder(Model):
    """A stack of blocks and a final norm."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(EncoderBlock(config) for _ in range(config.n_layer))
        self.final_norm = make_norm(config.norm, config.d_model, eps=config.norm_eps, bias=config.bias)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode sequences of vectors.

        Args:
            x: ``(batch, time, d_model)``.
            mask: ``(batch, time)``, false where a position is padding: nothing attends to it, and its output is
                meaningless. Or a full attention mask, see :func:`.attention.attend`.

        Returns:
            ``(batch, time, d_model)``.
        """
        for block in self.blocks:
            x = block(x, mask)
        return self.final_norm(x)
