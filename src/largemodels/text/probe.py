"""Trying a tokenizer from a file in a process of its own.

The package ``tokenizers`` is written in Rust. What a malicious or damaged file asks of it (padding to 10¹² tokens, a
table that points outside itself, rules that double a text forty times) may end the process that loads it, without an
exception that Python could catch. So a child process loads the tokenizer first, encodes a text and decodes it, with
limited time and, except on Windows, memory. A tokenizer that fails only for one particular text passes.
"""

from __future__ import annotations

import subprocess
import sys

SECONDS = 60
_PROGRAM = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
except (ImportError, ValueError, OSError):
    pass
try:
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_str(sys.stdin.buffer.read().decode())
    tokenizer.decode(tokenizer.encode("To be, or not to be: caf\\u00e9 \\u4f60\\u597d \\U0001f642 12 <|a|>\\n\\t").ids)
except BaseException as error:  # a panic in Rust is no Exception
    sys.exit("reason: " + ascii(str(error))[1:200])
"""


def check(tokenizer: str) -> None:
    """Refuse a tokenizer that cannot be loaded and used.

    Args:
        tokenizer: as JSON, in the format of the package ``tokenizers``.

    Raises:
        ValueError: saying why.
    """
    command = [
        sys.executable,
        "-P",
        "-c",
        _PROGRAM,
    ]  # -P: no module of the same name in the working directory
    try:
        done = subprocess.run(command, input=tokenizer.encode(), capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise ValueError(f"its tokenizer takes more than {SECONDS} s for a short text") from None
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("reason: ")
        raise ValueError(last[2].rstrip("'\"") if last[1] else "its tokenizer ends the process that loads it")
