"""The command line: ``largemodels train | generate | chat | app | data | info``.

Exit codes: 0, success; 1, failure; 2, wrong usage; 130, interrupted. Every error is one line on stderr. Modules are
imported inside the commands, so that ``--help`` does not wait for torch.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from . import console, datasets
from . import options as options

if TYPE_CHECKING:
    from ..models.gpt import GPT
    from ..text.tokenizers import Tokenizer

DEFAULT_MODEL = "runs/shakespeare"
SMOLLM2 = "smollm2"
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]  # the base class of Typer's usage errors

app = typer.Typer(
    help="Train language models on your own computer and let them write. Begin with: largemodels train\n\n"
    "Threads wait for each other without spinning, so that other programs can run beside. The environment variable "
    "OMP_WAIT_POLICY=ACTIVE changes that; OMP_NUM_THREADS sets their number.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(datasets.app, name="data", invoke_without_command=True)


def main() -> None:
    """Run the command in ``sys.argv`` and exit."""
    console.wait_without_spinning()  # in a process of our own, before torch is loaded
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code.

    Args:
        arguments: the command's arguments; None: those of the process.
    """
    given = sys.argv[1:] if arguments is None else arguments
    console.print_everything()
    try:
        code = app(args=given or ["--help"], prog_name="largemodels", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads our output any more: `largemodels generate | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (console.Stopped, KeyboardInterrupt, typer.Abort) as stopped:
        return console.fail(str(stopped) or "Interrupted.", 130)
    except _USAGE_ERROR as error:
        return console.fail(console.refused(error), 2)
    except Exception as error:
        if os.environ.get(console.DEBUG):
            raise
        return (
            console.fail(str(error), 2)
            if isinstance(error, ValueError)
            else console.fail(console.explained(error), 1)
        )
    if code == 130:  # Typer turns Ctrl-C into that
        return console.fail("Interrupted.", 130)
    return code if isinstance(code, int) else 0


@app.command()
def train(
    data: options.Data = "shakespeare",
    out: options.Out = None,
    scale: options.Scale = "laptop",
    tokenizer: options.TokenizerKind = None,
    vocab_size: options.VocabSize = None,
    preset: options.Preset = None,
    n_layer: options.NLayer = None,
    n_head: options.NHead = None,
    d_model: options.DModel = None,
    context_length: options.ContextLength = None,
    steps: options.Steps = None,
    seconds: options.Seconds = None,
    batch_size: options.BatchSize = None,
    optimizer: options.Optimizer = "muon",
    learning_rate: options.LearningRate = None,
    precision: options.Precision = "fp32",
    seed: options.TrainingSeed = 0,
) -> None:
    """Train a GPT on a text: by default on Shakespeare, in a few minutes.

    The run is saved as it goes. If it is interrupted, the same command resumes it; with more --steps or --seconds it
    becomes longer, and the learning rate follows the new length from there on. All else stays as the run began.
    """
    from ..training.interrupts import Interrupted
    from .preparing import prepare_run
    from .report import report
    from .runs import stored_length, train_prepared
    from .settings import recipe_for, settings_for

    chosen = dict(
        n_layer=n_layer, n_head=n_head, d_model=d_model, context_length=context_length, preset=preset
    )
    texts = dict(data=data, tokenizer=tokenizer, vocab_size=vocab_size, batch_size=batch_size, seed=seed)
    settings = settings_for(scale, **chosen, **texts)
    if vocab_size is not None and settings.tokenizer == "characters":
        raise ValueError("--vocab-size is for byte pairs: add --tokenizer bytes, or leave it out.")
    name = Path(data).resolve().stem if Path(data).exists() else data
    folder = out or Path("runs") / (name if scale == "laptop" else f"{name}-{scale}")
    if steps is None and seconds is None:
        steps, seconds = stored_length(folder)
    recipe = recipe_for(scale, steps, seconds, optimizer, learning_rate, precision)
    known = prepare_run(folder, settings)
    console.say(f"Training on {data} into {folder}. Ctrl-C stops and saves; the same command resumes.")
    try:
        history = train_prepared(folder, known, settings, recipe)
    except Interrupted as stopped:
        raise console.Stopped(f"{stopped} The same command resumes.") from None
    try:
        if console.first():
            report(folder, dict(zip(history.columns, history.iloc[-1], strict=True)))
    except KeyboardInterrupt:
        raise console.Stopped(f"Interrupted. The run is complete and saved in {folder}.") from None


def _open(name: str) -> tuple[GPT, Tokenizer]:
    """A model and its tokenizer, by folder or name."""
    from .runs import load_run

    if name == SMOLLM2 and not Path(name).exists():
        from ..pretrained.smollm2 import load_smollm2

        model, tokenizer = load_smollm2()
        from ..training.loop import device

        return model.to(device()), tokenizer
    return load_run(name)


def _note_length(tokens: int, model: GPT) -> None:
    """Say that the model does not see the whole prompt."""
    longest = model.config.context_length
    if tokens > longest:
        console.say(f"Note: the prompt has {tokens} tokens; the model sees only the last {longest}.")


def _given(context: typer.Context, *names: str) -> list[str]:
    """The options among these that were given on the command line, as they are written there."""
    sources = {name: context.get_parameter_source(name) for name in names}
    return [
        f"--{name.replace('_', '-')}"
        for name, source in sources.items()
        if source and source.name == "COMMANDLINE"
    ]


@app.command()
def generate(
    context: typer.Context,
    prompt: options.Prompt = "\n",
    model: options.ModelName = DEFAULT_MODEL,
    tokens: options.Tokens = 300,
    samples: options.Samples = 1,
    stop: options.Stop = None,
    seed: options.Seed = None,
    temperature: options.Temperature = 0.8,
    top_k: options.TopK = None,
    top_p: options.TopP = None,
    repetition_penalty: options.Penalty = 1.0,
    beams: options.Beams = 1,
) -> None:
    """Continue a text.

    The text goes to stdout; everything else goes to stderr.
    """
    import torch

    from ..text.sampling import Sampling
    from ..text.writing import complete, likeliest, stream

    filters: dict[str, Any] = dict(
        temperature=temperature, top_k=top_k, top_p=top_p, repetition_penalty=repetition_penalty
    )
    Sampling(**filters)  # refuses wrong values before anything is loaded
    if not prompt:
        raise ValueError("The prompt is empty: give at least one character, or leave it out.")
    if beams > 1 and (given := _given(context, "samples", "seed", "temperature", "top_k", "top_p")):
        raise ValueError(f"--beams does not sample: leave out {', '.join(given)}.")
    gpt, tokenizer = _open(model)
    _note_length(len(tokenizer.encode(prompt)), gpt)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    if beams > 1:
        written = likeliest(
            gpt, tokenizer, prompt, tokens, beams, stop=stop or (), repetition_penalty=repetition_penalty
        )
        print(prompt + written)
    elif samples > 1:
        several = complete(
            gpt, tokenizer, [prompt] * samples, tokens, stop=stop or (), generator=generator, **filters
        )
        print("\n\n──\n".join(prompt + text for text in several))
    else:
        pieces = stream(gpt, tokenizer, prompt, tokens, stop=stop or (), generator=generator, **filters)
        for piece in itertools.chain([prompt], pieces):
            print(piece, end="", flush=True)
        print()


@app.command()
def chat(
    model: options.ModelName = SMOLLM2,
    tokens: options.Tokens = 300,
    seed: options.Seed = None,
    temperature: options.Temperature = 0.7,
    top_k: options.TopK = None,
    top_p: options.TopP = 0.95,
    repetition_penalty: options.Penalty = 1.1,
) -> None:
    """Chat with an instruction-tuned model. An empty line or Ctrl-D ends the conversation."""
    import torch

    from ..text.sampling import Sampling
    from ..text.writing import stream, written_dialogue

    filters: dict[str, Any] = dict(
        temperature=temperature, top_k=top_k, top_p=top_p, repetition_penalty=repetition_penalty
    )
    Sampling(**filters)
    gpt, tokenizer = _open(model)
    said: list[dict[str, str]] = []
    written_dialogue(tokenizer, [{"role": "user", "content": ""}])  # refuses a model that cannot answer
    console.say("An empty line ends the conversation. A model of this size is often wrong.")
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    while question := _ask():
        said.append({"role": "user", "content": question})
        so_far = written_dialogue(tokenizer, said)
        _note_length(len(so_far), gpt)
        answer = ""
        for piece in stream(gpt, tokenizer, so_far, tokens, generator=generator, **filters):
            answer += piece
            print(piece, end="", flush=True)
        print()
        said.append({"role": "assistant", "content": answer})


def _ask() -> str:
    """The user's next line; empty at the end of the input.

    Raises:
        ValueError: if it is not text.
    """
    try:
        line = input("> " if sys.stdin.isatty() else "")
        line.encode()  # where bytes that are no text come as surrogates
    except EOFError:
        return ""
    except UnicodeError as error:
        raise ValueError(f"The input is not text in {sys.stdin.encoding.upper()} ({error}).") from None
    return line.lstrip("\ufeff").strip()


@app.command("app")
def serve_app(
    model: options.AppModels = None,
    host: options.Host = "127.0.0.1",
    port: options.Port = None,
    tokens: options.MaxTokens = 300,
    at_once: options.AtOnce = 2,
    waiting: options.Waiting = 32,
) -> None:
    """Serve a web page: a chat with a model that answers, a form for one that continues texts."""
    from .pages import AppConfig, Writer, gradio, serve
    from .server import is_private

    config = AppConfig(max_tokens=tokens, at_once=at_once, waiting=waiting)
    gradio()  # says what is missing before anything is loaded
    private = is_private(host, port)  # and whether the app can listen there
    writer = Writer({name: _open(name) for name in model or _models_there()}, config)
    if not private:
        console.say(f"Note: anyone who can reach {host} can use your models; there is no password.")
    serve(writer, host, port, console.say)


def _models_there() -> list[str]:
    """Names of the models that are ready to use, the run that was last written to first."""
    from ..data.registry import DataError, files
    from .preparing import TOKENIZER

    runs = [path.parent for path in Path("runs").glob(f"*/{TOKENIZER}")]
    found = [run.as_posix() for run in sorted(runs, key=lambda run: (-run.stat().st_mtime, run))]
    try:
        files(SMOLLM2)
    except DataError as error:
        if not found:
            raise DataError(
                f"There is no model in runs/: train one, with largemodels train. {error}"
            ) from None
        return found
    return [*found, SMOLLM2]


@app.command()
def info(run: options.RunFolder = None) -> None:
    """Show what is installed, or describe a run."""
    if run is not None:
        return _describe(run)
    import torch

    from .. import __version__
    from ..book.provenance import versions
    from ..paths import data_root
    from ..training.loop import device

    print(f"largemodels  {__version__}")
    for name, version in versions().items():
        print(f"{name:12} {version}")
    print(f"device       {device()}, {torch.get_num_threads()} threads")
    print(f"data         {data_root()}")
    return None


def _describe(folder: Path) -> None:
    """Print the settings and the progress of a run."""
    from dataclasses import asdict

    from ..training.checkpoints import load_record
    from .runs import find_run, load_run
    from .settings import load_settings

    home, checkpoint = find_run(folder)
    model, tokenizer = load_run(checkpoint)
    progress = load_record(checkpoint)["progress"]
    facts = asdict(load_settings(home)) | {
        "vocab_size": tokenizer.vocab_size,
        "parameters": f"{model.n_parameters():,}",
        "steps": f"{progress['step']:,}",
        "seconds": f"{progress['seconds']:,.0f}",
    }
    if progress["rows"] and (loss := progress["rows"][-1].get("validation_loss")) is not None:
        unit = "character" if tokenizer.name == "characters" else "token"
        facts["validation_loss"] = f"{loss:.3f} nats per {unit}"
    for name, value in facts.items():
        print(f"{name:16} {value}")
