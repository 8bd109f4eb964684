"""Reads names of a user's functions in the spec, and imports the functions."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeq.errors import SpecError

FUNCTION = "Write package.module:function, importable from the spec's folder"
"""What to do about a name that is not one of a function."""


def is_function(text: str) -> bool:
    """Return whether a text has the form of a function's name, ``"package.module:function"``."""
    module, _, name = text.partition(":")
    return bool(module.strip() and name.strip()) and ":" not in name


def load_function(text: str, root: Path, *, where: str) -> Callable[..., Any]:
    """Import a user's function, named as ``"package.module:function"``.

    The project's folder ``root`` is searched first for the module; ``where`` is the key in the
    spec, for errors.

    Raises:
        SpecError: The module can't be imported, or has no such function.
    """
    module, _, name = text.partition(":")
    sys.path.insert(0, str(root))
    try:
        function = getattr(importlib.import_module(module), name, None)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise SpecError(
            f"{text!r} can't be imported: {error}",
            where=where,
            remedy="Name a function as package.module:function, importable from the spec's folder",
        ) from error
    finally:
        sys.path.remove(str(root))
    if not callable(function):
        raise SpecError(
            f"module {module!r} has no function {name!r}",
            where=where,
            remedy="Correct the name after the colon",
        )
    loaded: Callable[..., Any] = function
    return loaded
