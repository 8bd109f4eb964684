"""The report as one self-contained HTML file, which needs no network and no JavaScript. Pure.

The only script sorts and filters. The page allows it by its hash and allows no other script.

The templates of all pages escape by default and reject unknown names.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

import edgeq
from edgeq.record.structs import RunRecord
from edgeq.report.cells import headings
from edgeq.report.changes import previous_view
from edgeq.report.embedded_record import carried
from edgeq.report.repair_view import repair_view
from edgeq.report.strength import strength
from edgeq.report.trends import VariantTrends
from edgeq.report.view import ReportView, view
from edgeq.words import typeset
from edgeq.words.escape import hidden
from edgeq.words.samples import page_of_arrays

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment, Template


def render(
    record: RunRecord,
    shown: ReportView | None = None,
    *,
    history: Sequence[VariantTrends] = (),
) -> str:
    """Return the page.

    ``shown`` is the record's view with its pictures, built without pictures if None; ``history``
    has the trends over the runs.

    Raises:
        RecordError: A number of the record is not finite.
    """
    from markupsafe import Markup

    embedded, shown = carried(record), shown or view(record)
    columns = headings(row.cells for model in shown.models for row in model.judged)
    return template("report.html.j2").render(
        view=shown,
        previous=previous_view(record),
        challenge=strength(record),
        repair=repair_view(record.repair),
        history=history,
        columns=columns,
        record_json=Markup(embedded),  # noqa: S704 - escaped for exactly this place
        script=Markup(_script()),  # noqa: S704 - a file of ours
        script_hash=_hash(_script()),
    )


@cache
def _script() -> str:
    return (Path(__file__).parent / "templates" / "report.js").read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Return the hash by which a Content-Security-Policy allows a script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


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
    environment.filters["page_of_arrays"] = page_of_arrays
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
