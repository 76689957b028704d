"""How to cite the book: the page of that name, and the link to the website in README.md, made from CITATION.cff.

CITATION.cff is the one place for authors, year, version and, once the book is published, its two addresses:
`repository-code`, and `url`, the website.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tools.notebooks import ROOT

FILE = "CITATION.cff"


def citation(root: Path = ROOT) -> dict[str, Any]:
    """What CITATION.cff says of the book.

    Raises:
        ValueError: if the file lacks something that the page needs.
    """
    path = (
        root / FILE if (root / FILE).exists() else ROOT / FILE
    )  # an edition of some chapters cites the book
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    book = found.get("preferred-citation", {}) if isinstance(found, dict) else {}
    said = {"title": book.get("title"), "authors": book.get("authors"), "year": book.get("year")}
    said["version"] = found.get("version") if isinstance(found, dict) else None
    if lacking := [name for name, value in said.items() if not value]:
        raise ValueError(f"{FILE}: {lacking[0]} is missing")
    return said | {name: found.get(name, "") for name in ("url", "repository-code")}


def _author(one: dict[str, str]) -> str:
    return one.get("name") or " ".join(filter(None, (one.get("given-names"), one.get("family-names"))))


def page(root: Path = ROOT) -> str:
    """The page "How to cite"."""
    said = citation(root)
    authors = [_author(one) for one in said["authors"]]
    address = said["url"] or said["repository-code"]
    fields = {
        "title": f"{{{said['title']}}}",
        "author": " and ".join(f"{{{name}}}" if "{" not in name else name for name in authors),
        "year": said["year"],
        "note": f"Version {said['version']}",
        "url": address,
    }
    entry = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    where = (
        f"<{address}>."
        if address
        else "This edition has no public address yet; say where your copy comes from."
    )
    return f"""\
# How to cite

{", ".join(authors)} ({said["year"]}). *{said["title"]}*, version {said["version"]}. {where}

```bibtex
@book{{large_models_at_work,
{entry}
}}
```

To cite one chapter, add its title. Numbers can change from one version to the next: [Costs and claims](records.md) says
when each chapter was last executed, and with which packages.
"""


def website(root: Path = ROOT) -> str:
    """The sentence of README.md about the website, with a link once there is one."""
    address = citation(root)["url"]
    return f"The book is a website: <{address}>." if address else "A published edition is a website."
