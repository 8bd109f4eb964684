"""The templates of the pages: escaped by default, and strict about names."""

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
    """Return what a page shows: texts without characters that hide or turn around others."""
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
    """Return where compiled templates are kept: beside this module's own bytecode, if anywhere.

    To compile them takes longer than to render a report. Whoever can write there could replace the
    module itself, so this trusts nobody new.
    """
    from jinja2 import FileSystemBytecodeCache, __version__
    from jinja2.bccache import Bucket

    class Beside(FileSystemBytecodeCache):
        """Is only a memory: what can't be read is compiled, what can't be written is not kept."""

        def load_bytecode(self, bucket: Bucket) -> None:
            try:
                super().load_bytecode(bucket)
            except Exception:  # noqa: BLE001 - a torn file raises whatever its bytes make of it
                bucket.reset()

        def dump_bytecode(self, bucket: Bucket) -> None:
            with suppress(OSError):
                super().dump_bytecode(bucket)

    folder = Path(cache_from_source(__file__)).parent
    if sys.dont_write_bytecode or not os.access(folder, os.W_OK):
        return None
    tag = f"edgeq-{edgeq.__version__}.jinja2-{__version__}.{sys.implementation.cache_tag}"
    return Beside(str(folder), f"{tag}.%s")
