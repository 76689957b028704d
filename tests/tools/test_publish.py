"""Publishing: the address goes where it belongs, a wrong one nowhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tools import notebooks, publish
from tools.notebooks import ROOT
from tools.publish import PublishError

ADDRESS = "https://github.com/someone/a-book.of_2"


@pytest.fixture
def checkout(book: Path) -> Path:
    """The small book with the settings of the real one."""
    for name in ("_config.yml", "CITATION.cff", publish.LIBRARY):
        (book / name).parent.mkdir(parents=True, exist_ok=True)
        (book / name).write_bytes((ROOT / name).read_bytes())
    return book


def setup_cell(root: Path) -> str:
    return str(notebooks.read(notebooks.paths(root)[0]).cells[1].source)


def test_address_is_written_once(checkout: Path) -> None:
    assert publish.stamp(checkout, f"{ADDRESS}.git") == 1
    assert f'REPOSITORY = "{ADDRESS}"' in setup_cell(checkout).splitlines()
    config = yaml.safe_load((checkout / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"] == {"url": ADDRESS, "branch": "notebooks"}
    assert config["html"]["use_edit_page_button"] is True
    assert config["launch_buttons"]["colab_url"] == "https://colab.research.google.com"
    assert config["launch_buttons"]["binderhub_url"] == "https://mybinder.org"
    library = (checkout / publish.LIBRARY).read_text(encoding="utf-8")
    assert f'REPOSITORY = "{ADDRESS}"' in library.splitlines()
    citation = yaml.safe_load((checkout / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["repository-code"] == ADDRESS
    assert citation["url"] == "https://someone.github.io/a-book.of_2/"
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    publish.stamp(checkout, ADDRESS)
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before


def test_an_edition_of_somebody_else_still_cites_the_book(checkout: Path) -> None:
    path = checkout / "CITATION.cff"
    text = path.read_text(encoding="utf-8") + 'url: "https://a.example/"\n'
    assert publish.stamp_citation(text, ADDRESS) == text


def test_the_website_of_a_repository_named_as_one_is_at_the_top() -> None:
    stamped = publish.stamp_citation("version: 1\n", "https://github.com/Some/Some.github.io")
    assert 'url: "https://some.github.io/"' in stamped


def test_only_the_address_changes_in_a_notebook(checkout: Path) -> None:
    path = notebooks.paths(checkout)[0]
    before = path.read_text(encoding="utf-8").splitlines()
    after = publish.stamp_notebook(path, ADDRESS).splitlines()
    assert len(after) == len(before)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_another_address_is_refused(checkout: Path) -> None:
    publish.stamp(checkout, ADDRESS)
    with pytest.raises(PublishError, match=r"small\.ipynb: already stamped with"):
        publish.stamp(checkout, "https://github.com/another/book")
    text = (checkout / "_config.yml").read_text(encoding="utf-8")
    with pytest.raises(PublishError, match="already stamped with"):
        publish.stamp_config(text, "https://github.com/another/book")


@pytest.mark.parametrize(
    "address",
    ["", "github.com/a/b", "http://github.com/a/b", "https://github.com/a", "https://github.com/a/b/c",
     "https://example.org/a/b", 'https://github.com/a/b"', "https://github.com/a b/c", 'file:///tmp/a',
     "https://github.com/a/..", "https://github.com/a/."],
)  # fmt: skip
def test_a_wrong_address_is_refused(address: str, checkout: Path) -> None:
    before = setup_cell(checkout)
    with pytest.raises(PublishError, match="not of the form"):
        publish.stamp(checkout, address)
    assert setup_cell(checkout) == before


@pytest.mark.parametrize("source", ["print(1)", 'REPOSITORY = ""\nREPOSITORY = ""'])
def test_a_cell_without_its_line_is_refused(source: str) -> None:
    with pytest.raises(PublishError, match="one is needed"):
        publish.stamp_source(source, ADDRESS)


def test_a_config_without_its_lines_is_refused() -> None:
    with pytest.raises(PublishError, match="'  url:'"):
        publish.stamp_config("title: A\n", ADDRESS)


def test_a_copy_has_what_git_would_have(checkout: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(checkout)], check=True)
    (checkout / ".gitignore").write_text("ignored\n", encoding="utf-8")
    (checkout / "ignored").write_text("", encoding="utf-8")
    copy = tmp_path.parent / f"{tmp_path.name}-copy"
    publish.copy_checkout(checkout, copy)
    assert (copy / "notebooks/05_project/small.ipynb").exists()
    assert not (copy / "ignored").exists()
    with pytest.raises(PublishError, match="not empty"):
        publish.copy_checkout(checkout, copy)
    with pytest.raises(PublishError, match="not a folder"):
        publish.copy_checkout(checkout, copy / "_config.yml")
    with pytest.raises(PublishError, match="inside the checkout"):
        publish.copy_checkout(checkout, checkout / "ignored folder")
    inside, nowhere = tmp_path / "inside", tmp_path / "nowhere"
    inside.symlink_to(checkout / "new")
    with pytest.raises(PublishError, match="inside the checkout"):
        publish.copy_checkout(checkout, inside)
    nowhere.symlink_to(tmp_path.parent / "gone")
    with pytest.raises(PublishError, match="leads nowhere"):
        publish.copy_checkout(checkout, nowhere)


def test_what_does_not_fit_leaves_the_checkout_as_it_is(checkout: Path) -> None:
    (checkout / "_config.yml").write_text("title: A\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    with pytest.raises(PublishError):
        publish.stamp(checkout, ADDRESS)
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before


def test_links_are_copied_as_links_and_not_written_through(checkout: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (checkout / "_config.yml").rename(outside / "settings")
    (checkout / "_config.yml").symlink_to(outside / "settings")
    (checkout / "secret").symlink_to(outside)
    before = (outside / "settings").read_bytes()
    subprocess.run(["git", "init", "-q", str(checkout)], check=True)
    copy = tmp_path.parent / f"{tmp_path.name}-copy"
    publish.copy_checkout(checkout, copy)
    assert (copy / "secret").is_symlink()
    publish.stamp(copy, ADDRESS)
    assert (outside / "settings").read_bytes() == before
    assert ADDRESS in (copy / "_config.yml").read_text(encoding="utf-8")


def called(*arguments: str, root: Path, monkeypatch: pytest.MonkeyPatch, git: bool = True) -> int:
    monkeypatch.setattr(publish, "ROOT", root)
    monkeypatch.setattr("sys.argv", ["publish", "--address", ADDRESS, *arguments])
    if not git:
        monkeypatch.setenv("PATH", "")
    return publish.main()


@pytest.mark.parametrize("what", ["no checkout", "no git", "no place", "a damaged notebook"])
def test_a_target_that_cannot_be_made_is_one_line(
    what: str,
    checkout: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path.parent / f"{tmp_path.name}-target"
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if what != "no checkout":
        subprocess.run(["git", "init", "-q", str(checkout)], check=True)
    if what == "a damaged notebook":
        notebooks.paths(checkout)[0].write_text("{", encoding="utf-8")
    if what == "no place":
        target.write_text("", encoding="utf-8")
        target /= "below a file"
    assert called("--into", str(target), root=checkout, monkeypatch=monkeypatch, git=what != "no git") == 1
    said = capsys.readouterr().err
    assert said.startswith("publish: ")
    assert len(said.splitlines()) == 1
