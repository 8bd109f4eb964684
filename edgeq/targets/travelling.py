"""The worker as an argument of ``python -c``, for machines on which edgeq is not installed."""

from __future__ import annotations

import ast
import base64
import zlib

TOO_OLD = 78
"""Exit code of a Python that is too old for the worker."""

MOST_CHARACTERS = 9000
"""Longest command that dropbear takes, the ssh server of many small boards."""


def travelling(worker: bytes) -> str:
    """Return code for ``python -c`` that runs a worker, or reports that this Python is too old.

    The home folder, which ``-c`` puts first in the import path, is removed from it. What the worker
    does not need to run, comments and docstrings, stays here.
    """
    packed = base64.b85encode(zlib.compress(_bare(worker), 9)).decode()
    return (
        "import sys;sys.version_info>=(3,9) or (sys.stderr.write('Python %d.%d'%"
        f"sys.version_info[:2]),sys.stderr.flush(),sys.exit({TOO_OLD}));"
        "sys.path[:]=filter(None,sys.path);"
        "import base64,zlib;"
        f"exec(compile(zlib.decompress(base64.b85decode('{packed}')),'worker.py','exec'))"
    )


def _bare(source: bytes) -> bytes:
    """Return Python source without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            continue
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode()
