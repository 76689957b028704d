"""Named configurations: the published GPT-2 sizes, a modern variant, SmolLM2."""

from __future__ import annotations

from dataclasses import replace

from .gpt import GPTConfig

PRESETS = {
    # Radford et al., 2019, table 2; the parameter counts are those of the released weights.
    "gpt2": GPTConfig(),  # 124,439,808 parameters
    "gpt2-medium": GPTConfig(n_layer=24, n_head=16, d_model=1024),  # 354,823,168
    "gpt2-large": GPTConfig(n_layer=36, n_head=20, d_model=1280),  # 774,030,080
    "gpt2-xl": GPTConfig(n_layer=48, n_head=25, d_model=1600),  # 1,557,611,200
    # The sizes of gpt2 with the architectural changes that have proved useful since.
    "modern": GPTConfig(
        norm="rmsnorm",
        position="rotary",
        qk_norm=True,
        activation="relu2",
        bias=False,
        tied_head=False,
        zero_init=True,
        embedding_std=1.0,  # learned faster than 0.02 on Shakespeare, with all three seeds tried
    ),
    # Ben Allal et al., 2025 (https://arxiv.org/abs/2502.02737); see pretrained/smollm2.py.
    "smollm2-135m": GPTConfig(  # 134,515,008
        vocab_size=49152,
        context_length=8192,
        n_layer=30,
        n_head=9,
        d_model=576,
        norm="rmsnorm",
        position="rotary",
        rope_base=100_000.0,
        n_kv_head=3,
        activation="swiglu",
        d_hidden=1536,
        bias=False,
    ),
}


def preset(name: str, **changes: object) -> GPTConfig:
    """A named configuration, with some fields changed: ``preset("modern", n_layer=4, vocab_size=65)``.

    Raises:
        ValueError: if there is no such preset, or a changed value is invalid.
        TypeError: if there is no such field.
    """
    if name not in PRESETS:
        raise ValueError(f"There is no preset {name!r}. There are: {', '.join(PRESETS)}.")
    return replace(PRESETS[name], **changes)  # type: ignore[arg-type]
