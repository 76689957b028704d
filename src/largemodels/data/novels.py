"""The six novels of Jane Austen, for a model that is to read conversations in prose."""

from __future__ import annotations

from .r_files import read_lazy
from .registry import files
from .text import Corpus

TITLES = {
    "sensesensibility": "Sense and Sensibility",
    "prideprejudice": "Pride and Prejudice",
    "mansfieldpark": "Mansfield Park",
    "emma": "Emma",
    "northangerabbey": "Northanger Abbey",
    "persuasion": "Persuasion",
}
VALIDATION, TEST = "Northanger Abbey", "Persuasion"  # the shortest two


def austen(*, unchecked: bool = False) -> Corpus:
    """Jane Austen's six novels, of Project Gutenberg: four to learn from, one for validation, one for the test.

    The lines of a paragraph are joined by spaces, and paragraphs are divided by a blank line, so that no line ends
    where the edition's did.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.
    """
    folder = next(iter(files("austen", unchecked=unchecked).values())).parent
    stored = read_lazy(folder)
    novels = {title: paragraphs(stored[name].values) for name, title in TITLES.items()}
    validation = {VALIDATION: novels.pop(VALIDATION)}
    test = {TEST: novels.pop(TEST)}
    return Corpus(novels, validation, test)


def paragraphs(lines: list[str]) -> str:
    """Lines of print as paragraphs: blank lines divide them."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(" ".join(line.split()))
        elif found[-1]:
            found.append([])
    return "\n\n".join(" ".join(some) for some in found if some) + "\n"
