"""Packages of npm and Debian made by hand, and what a registry says of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable
from typing import Any

from backports import zstd

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}
FILES = {"a.txt": b"alpha\n" * 300, "deep/b.bin": bytes(range(256)) * 20}


def tar(members: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    """A tar archive of files, or of members that a test describes itself."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                archive.addfile(content)
            else:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def ar(members: dict[str, bytes]) -> bytes:
    """An ``ar`` archive."""
    packed = b"!<arch>\n"
    for name, content in members.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        packed += content + b"\n" * (len(content) % 2)
    return packed


def npm_package(
    files: dict[str, Any] = FILES, name: str = "letters", version: str = "1.0.0", folder: str = "package/src"
) -> bytes:
    """A package of npm."""
    facts = json.dumps({"name": name, "version": version, "scripts": {"preinstall": "touch /tmp/ran"}})
    inner = {f"{folder}/{file}": content for file, content in files.items()}
    return gzip.compress(tar({"package/package.json": facts.encode(), **inner, "package/x.js": b"x"}))


def deb_package(
    files: dict[str, Any] = FILES, name: str = "letters-data", version: str = "1:2.0-1", suffix: str = ".xz"
) -> bytes:
    """A package of Debian."""
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\n".encode()
    inner = {f"./usr/share/letters/{file}": content for file, content in files.items()}
    return ar(
        {
            "debian-binary": b"2.0\n",
            f"control.tar{suffix}": COMPRESS[suffix](tar({"./control": control, "./postinst": b"exit 1"})),
            f"data.tar{suffix}": COMPRESS[suffix](tar({**inner, "./usr/share/doc/x": b"x"})),
        }
    )


def source_archive(
    files: dict[str, Any] = FILES, name: str = "source_Letters", version: str = "3.1"
) -> bytes:
    """A source archive of PyPI, whose setup script must not run."""
    facts = f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n".encode()
    inner = {f"{name}-{version}/more/{file}": content for file, content in files.items()}
    script = b"raise SystemExit('the setup script has run')"
    return gzip.compress(
        tar({f"{name}-{version}/PKG-INFO": facts, **inner, f"{name}-{version}/setup.py": script}), mtime=0
    )


def known(files: dict[str, bytes] = FILES) -> dict[str, str]:
    """What the registry says of the files."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


ENTRIES: dict[str, Any] = {
    "letters": {
        "title": "Letters",
        "card": "cards/letters.md",
        "source": "npm",
        "package": "letters",
        "folder": "package/src",
        "unpacked_mb": 1,
        "versions": {"1.0.0": known()},
    },
    "deb-letters": {
        "title": "Letters",
        "card": "cards/letters.md",
        "source": "debian",
        "package": "letters-data",
        "folder": "usr/share/letters",
        "unpacked_mb": 1,
        "versions": {"1:2.0-1": known(), "1.9": known()},
    },
    "source-letters": {
        "title": "Letters",
        "card": "cards/letters.md",
        "source": "sdist",
        "package": "source_Letters",
        "folder": "source_Letters-{version}/more",
        "unpacked_mb": 1,
        "archives": {"3.1": hashlib.sha256(source_archive()).hexdigest()},
        "versions": {"3.1": known(), "3.0": known()},
    },
}
