"""The report room: a record in, a page out. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeq import record as records
from edgeq.files import write_text
from edgeq.record import RunRecord
from edgeq.report import cases_csv, html, markdown

RECORD_FILE = "run.json"
HTML_FILE = "report.html"
MARKDOWN_FILE = "summary.md"
CASES_FILE = "cases.csv"


@dataclass(frozen=True)
class Written:
    """The files of a report."""

    record: Path
    html: Path
    markdown: Path
    cases: Path


def write(record: RunRecord, folder: Path) -> Written:
    """Write the record, the report, the summary and the cases, each atomically, the record last.

    Raises:
        RecordError: A number of the record is not finite; nothing is written then.
        StoreError: The folder can't be written.
    """
    names = RECORD_FILE, HTML_FILE, MARKDOWN_FILE, CASES_FILE
    written = Written(*(folder / name for name in names))
    page, summary = html.render(record), markdown.render(record)
    write_text(written.html, page)
    write_text(written.markdown, summary)
    write_text(written.cases, cases_csv.render(record))
    records.write(record, written.record)
    return written
