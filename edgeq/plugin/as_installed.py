"""Has Python import edgeq's own modules, where pytest would rewrite them.

pytest rewrites the assertions in every package that brings a plugin. edgeq's gates don't assert, so
that would only parse its several hundred modules again: in each fresh environment, and also in
threads, in which CPython 3.11 and 3.12 don't parse reliably (see ``edgeq.io.syntax``).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

PREFIX = "edgeq."


class _AsInstalled(MetaPathFinder):
    """Finds edgeq's modules before pytest's import hook does, which must come later in the list."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where one of edgeq's modules is, None for every other module."""
        return PathFinder.find_spec(name, path, target) if name.startswith(PREFIX) else None


def import_as_installed() -> None:
    """Import all further modules of edgeq as they are installed."""
    sys.meta_path.insert(0, _AsInstalled())
