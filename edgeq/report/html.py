"""The report as one self-contained HTML file, which needs no network and no JavaScript. Pure.

The only script sorts and filters. The page allows it by its hash and allows no other script.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from edgeq.record.structs import RunRecord
from edgeq.report.cells import HEADINGS, headings
from edgeq.report.changes import previous_view
from edgeq.report.embedded_record import carried
from edgeq.report.repair_view import repair_view
from edgeq.report.strength import strength
from edgeq.report.templating import template
from edgeq.report.trends import VariantTrends
from edgeq.report.view import ReportView, view


def render(
    record: RunRecord,
    shown: ReportView | None = None,
    *,
    history: Sequence[VariantTrends] = (),
) -> str:
    """Return the page.

    Args:
        record: The record of the run.
        shown: Its view, with its pictures; built without pictures if None.
        history: The trends of its figures over the runs.

    Raises:
        RecordError: A number of the record is not finite.
    """
    from markupsafe import Markup

    embedded, shown = carried(record), shown or view(record)
    return template("report.html.j2").render(
        view=shown,
        previous=previous_view(record.previous),
        challenge=strength(record),
        repair=repair_view(record.repair),
        history=history,
        columns=tuple(HEADINGS),
        headings=headings(row.cells for model in shown.models for row in model.rows),
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
