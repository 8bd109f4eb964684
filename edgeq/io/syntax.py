"""Parses Python source in a process with several threads.

CPython 3.11 and 3.12 count how deep the building of a syntax tree recurses for the interpreter, not
for the thread. If another thread builds one in between, either may get a SystemError ("AST
constructor recursion depth mismatch"). One lock therefore covers all that build syntax trees.
"""

from __future__ import annotations

import ast
import threading

BUILDING = threading.Lock()
"""Lock to hold while a syntax tree is built."""


def syntax_tree(source: str | bytes) -> ast.Module:
    """Return the syntax tree of a module's source.

    Raises:
        SyntaxError: The source is not Python.
        ValueError: It contains null bytes.
    """
    with BUILDING:
        return ast.parse(source)  # noqa: TID251 - the one place
