"""Code cells that only check: they are folded on the page and, where possible, in JupyterLab and Colab.

A cell only checks if each of its statements is a check or an assignment, and at least half of them are checks.
A check is a call of `lm.claim`, of `torch.testing` or `np.testing`, an `assert`, or a loop, a condition or a
`with` around nothing but checks and assignments.
"""

from __future__ import annotations

import ast

_CLAIM = "lm.claim"
_TESTING = ("torch.testing.", "np.testing.", "numpy.testing.")
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_BLOCKS = (ast.For, ast.If, ast.With)


def checks_alone(source: str) -> bool:
    """Whether a code cell does nothing but check."""
    body = _statements(source)
    n_checks = sum(map(_is_check, body))
    return n_checks > 0 and 2 * n_checks >= len(body) and all(_is_check(one) or _assigns(one) for one in body)


def counts(source: str) -> tuple[int, int]:
    """How many calls of `lm.claim` and how many other checks a cell contains."""
    every = [node for one in _statements(source) for node in ast.walk(one)]
    called = [ast.unparse(node.func) for node in every if isinstance(node, ast.Call)]
    n_asserts = sum(isinstance(node, ast.Assert) for node in every)
    return called.count(_CLAIM), n_asserts + sum(name.startswith(_TESTING) for name in called)


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # IPython's own: %matplotlib, !ls
        return []


def _assigns(statement: ast.stmt) -> bool:
    return isinstance(statement, _ASSIGNMENTS)


def _is_check(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assert):
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        name = ast.unparse(statement.value.func)
        return name == _CLAIM or name.startswith(_TESTING)
    if isinstance(statement, _BLOCKS):
        body = [*statement.body, *getattr(statement, "orelse", [])]
        return any(map(_is_check, body)) and all(_is_check(one) or _assigns(one) for one in body)
    return False
