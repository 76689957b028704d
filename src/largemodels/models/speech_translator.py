"""Speech translated by one network: a Transformer whose source is encoded sound instead of text.

The idea of Bérard et al., 2016 (https://arxiv.org/abs/1612.01744) and Weiss et al., 2017
(https://arxiv.org/abs/1703.08581): no words of the spoken language are written on the way. What differs: the sound has
been encoded before by the frozen encoder of a recogniser, so that only an adapter and a Transformer are trained. The
adapter takes the place of the source's embedding; all else is :class:`.transformer.Transformer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from .attention import visible
from .checks import at_least
from .mel import whisper_features
from .transformer import Transformer, TransformerConfig

RATE = 16_000  # samples a second
POOLED = 4  # states of the recogniser's encoder that are averaged
_STATE = 320  # samples of one state, 20 ms


@dataclass(frozen=True)
class SpeechTranslatorConfig(TransformerConfig):
    """Sizes and choices. Of the source vocabulary nothing is used."""

    d_source: int = 384  # width of the encoded sound; Whisper tiny's

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, d_source=self.d_source)
        if self.position != "sinusoidal":
            raise ValueError(f"position must be 'sinusoidal', not {self.position!r}.")


class SpeechTranslator(Transformer):
    """From encoded sound and the target so far to the logits of the target's next token.

    As :class:`.transformer.Transformer`, but that ``source`` is ``(batch, source_time, d_source)``, floats, with
    padding on the right only.
    """

    def __init__(self, config: SpeechTranslatorConfig) -> None:
        super().__init__(config)
        self.source_norm = nn.LayerNorm(config.d_source)
        self.adapter = nn.Linear(config.d_source, config.d_model)
        nn.init.xavier_uniform_(self.adapter.weight)
        nn.init.zeros_(self.adapter.bias)

    def encode(self, source: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """The encoded source, ``(batch, source_time, d_model)``; meaningless where the source is padding.

        Raises:
            ValueError: if the source is longer than ``context_length``.
        """
        time = source.shape[1]
        if time > self.context_length:
            raise ValueError(
                f"A source of {time} states does not fit into a context of {self.context_length}."
            )
        x = self.dropout(self.adapter(self.source_norm(source)) + self.positions[:time])
        # (batch, 1, 1, time), which hides padding from every query
        mask = None if source_mask is None else visible(1, time, causal=False, padding=source_mask)
        for block in self.encoder:
            x = block(x, mask)
        return self.encoder_norm(x)


class _Recogniser(Protocol):
    def encode(self, source: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """Spectrograms to states."""


@torch.no_grad()
def sound_states(recogniser: _Recogniser, sound: Tensor) -> Tensor:
    """What the recogniser's encoder makes of a sound, averaged over :data:`POOLED` states: ``(time, d_source)``.

    The encoder reads the sound and one to two seconds of silence, instead of the half-minute of Whisper's training,
    which takes a fraction of the time; the states of the silence are left out.

    Args:
        recogniser: :class:`.whisper.Whisper`, in evaluation mode.
        sound: ``(samples,)``, :data:`RATE` samples a second, at most 28 seconds.

    Raises:
        ValueError: if the sound is longer.
    """
    seconds = len(sound) // RATE + 2
    if seconds > 30:
        raise ValueError(f"A sound may last 28 seconds, not {len(sound) / RATE:.1f}.")
    (states,) = recogniser.encode(whisper_features(sound, seconds=seconds)[None])
    n = max(1, -(-len(sound) // (_STATE * POOLED)))
    return states[: n * POOLED].unflatten(0, (n, POOLED)).mean(dim=1)
