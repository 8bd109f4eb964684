"""Loading the templates of the pages, which escape by default and reject unknown names."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

import edgeq
from edgeq.words import typeset
from edgeq.words.escape import hidden

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment, Template


def template(name: str) -> Template:
    """Return a template of the package."""
    return _environment().get_template(name)


def _shown(value: object) -> object:
    """Return what a page shows of a value: texts without characters that hide or reorder others."""
    return hidden(value) if type(value) is str else value


@cache
def _environment() -> Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edgeq.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=_bytecode(),
        finalize=_shown,
    )
    environment.filters["typeset"] = typeset
    return environment


def _bytecode() -> BytecodeCache | None:
    """Return a cache of compiled templates next to this module's bytecode, None if not writable.

    Compiling the templates takes longer than rendering a report. Anyone who can write to that
    folder could replace the module itself, so the cache adds no risk.
    """
    from jinja2 import FileSystemBytecodeCache, __version__
    from jinja2.bccache import Bucket

    class Beside(FileSystemBytecodeCache):
        """A best-effort cache: unreadable entries are compiled again, unwritable ones dropped."""

        def load_bytecode(self, bucket: Bucket) -> None:
            try:
                super().load_bytecode(bucket)
            except Exception:  # noqa: BLE001 - a damaged file may raise any exception
                bucket.reset()

        def dump_bytecode(self, bucket: Bucket) -> None:
            with suppress(OSError):
                super().dump_bytecode(bucket)

    folder = Path(cache_from_source(__file__)).parent
    if sys.dont_write_bytecode or not os.access(folder, os.W_OK):
        return None
    tag = f"edgeq-{edgeq.__version__}.jinja2-{__version__}.{sys.implementation.cache_tag}"
    return Beside(str(folder), f"{tag}.%s")
