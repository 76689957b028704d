"""The commands ``largemodels data``: list, describe and install data sets."""

from __future__ import annotations

import typer

from . import options as options

app = typer.Typer(help="List, describe and install data sets and trained weights.")


@app.callback()
def show_all(context: typer.Context) -> None:
    """List, describe and install data sets and trained weights."""
    if context.invoked_subcommand is not None:
        return
    from ..data.registry import registry
    from ..data.sources import DataError, checked

    for name, entry in registry().items():
        try:
            checked(name, entry)
            state = "there, checked"
        except DataError as error:
            state = str(error)
        print(f"{name:18} {entry['title']}\n{'':18} {state}")


@app.command("install")
def install(
    names: options.DataNames = None,
    weights: options.Weights = False,
    file: options.PackageFile = None,
) -> None:
    """Fetch data sets by name, or those of the book's chapters: pinned, checked by their SHA-256."""
    from ..data import registry

    if names and weights:
        raise ValueError("--weights takes the place of names: leave out one of them.")
    registry.install(names or registry.names(weights=weights), file=file)


@app.command("card")
def card(name: options.DataName) -> None:
    """Say what a data set is, where it is from, and what it must not be used for."""
    from ..data.registry import registry
    from ..paths import data_root

    entries = registry()
    if name not in entries:
        raise ValueError(f"There is no data set {name!r}. There are: {', '.join(entries)}.")
    print((data_root() / entries[name]["card"]).read_text(encoding="utf-8").strip())
