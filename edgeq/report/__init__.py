"""Making pages, tables and summaries from a record, without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeq.history.past import Past
from edgeq.io.files import write_text
from edgeq.record import structs as records
from edgeq.record.ship_decision import answered
from edgeq.record.structs import RunRecord
from edgeq.report import cases_csv, html, index, markdown, pictures
from edgeq.report.trends import VariantTrends
from edgeq.report.view import ReportView, view

RECORD_FILE = "run.json"
HTML_FILE = "report.html"
MARKDOWN_FILE = "summary.md"
CASES_FILE = "cases.csv"
INDEX_FILE = "index.html"


@dataclass(frozen=True)
class Written:
    """The files of a report."""

    record: Path
    html: Path
    markdown: Path
    cases: Path
    view: ReportView


def write(
    record: RunRecord,
    folder: Path,
    *,
    shown: pictures.Pictures | None = None,
    history: Sequence[VariantTrends] = (),
) -> Written:
    """Write the record, the report, the summary and the cases, each atomically, the record last.

    The report notes those of the pictures that are missing; ``history`` has the trends over the
    runs.

    Raises:
        RecordError: A number of the record is not finite; nothing is written then.
        StoreError: The folder can't be written.
    """
    record = answered(record)
    written = Written(
        record=folder / RECORD_FILE,
        html=folder / HTML_FILE,
        markdown=folder / MARKDOWN_FILE,
        cases=folder / CASES_FILE,
        view=view(record, shown),
    )
    page = html.render(record, written.view, history=history)
    summary = markdown.render(record, written.view)
    pictures.write(shown or {}, folder)
    write_text(written.html, page)
    write_text(written.markdown, summary)
    write_text(written.cases, cases_csv.render(record))
    records.write(record, written.record)
    return written


def write_index(
    past: Past, folder: Path, *, history: Sequence[VariantTrends] = (), latest: bool = False
) -> Path:
    """Write the list of runs with their trends, atomically, and return its file.

    Raises:
        StoreError: The folder can't be written.
    """
    path = folder / INDEX_FILE
    write_text(path, index.render(past, history, latest=latest))
    return path
