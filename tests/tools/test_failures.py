"""Errors of other processes in one line, whatever their message looks like."""

from __future__ import annotations

import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tools.failures import first_line, last_error

RAISED = [
    ("ValueError()", "ValueError"),
    ("ValueError('')", "ValueError"),
    ("ValueError('one')", "ValueError: one"),
    ("ValueError('\\n\\n  one\\ntwo')", "ValueError: one"),
    ("ValueError('one\\nValueError: two\\n')", "ValueError: one"),
    ("ValueError(' \\n\\t')", "ValueError"),
    ("KeyError('a: b')", "KeyError: 'a: b'"),
    ("AssertionError", "AssertionError"),
    ("type('Trouble', (Exception,), {'__module__': 'builtins'})('a\\n  b')", "Trouble: a"),
]


@pytest.mark.parametrize(("raised", "line"), RAISED)
def test_a_process_that_fails_is_named_by_kind_and_first_line(raised: str, line: str) -> None:
    code = f"import sys; print('before', file=sys.stderr)\ndef f():\n    raise {raised}\nf()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert last_error(done.stderr) == line


@pytest.mark.parametrize(("raised", "line"), RAISED)
def test_a_cell_that_fails_is_named_by_kind_and_first_line(raised: str, line: str) -> None:
    shell = InteractiveShell(colors="linux")
    try:
        exec(f"raise {raised}")
    except Exception as error:
        trace = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
    if "ValueError: two" not in line + raised:  # IPython repeats nothing that tells the two apart
        assert last_error("\n".join(trace)) == line


@pytest.mark.parametrize(
    ("printed", "line"), [("", "nothing"), (" \n", "nothing"), ("a\nb\n", "b"), ("Killed", "Killed")]
)
def test_without_a_traceback_the_last_line_counts(printed: str, line: str) -> None:
    assert last_error(printed, "nothing") == line


def test_a_text_without_lines_has_no_first_line() -> None:
    assert first_line(" \n\n") == first_line("") == ""


def test_what_a_kernel_notes_as_it_ends_is_no_reason() -> None:
    note = "[IPKernelApp] WARNING | Parent appears to have exited, shutting down."
    assert last_error(f"cell 1: print less\n{note}\n") == "cell 1: print less"
    assert last_error(f"{note}\n") == "ended without an error message"
