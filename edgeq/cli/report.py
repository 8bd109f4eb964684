"""``edgeq report``: renders an earlier record again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.options import PATH, config_option, latest_record, say

if TYPE_CHECKING:
    from edgeq.record.structs import RunRecord


@click.command(short_help="Render an earlier run's record again.")
@click.argument("record", type=PATH, metavar="[RUN.json]", required=False)
@click.option(
    "--output",
    metavar="DIR",
    type=PATH,
    help="Write into DIR (default: next to the record; for a record not called run.json, a folder "
    "with its name).",
)
@click.option("--open", "show", is_flag=True, help="Open the report in a browser.")
@config_option
def report(record: Path | None, output: Path | None, config: Path | None, *, show: bool) -> int:
    """Render the record of an earlier run again: report.html, summary.md, cases.csv, run.json.

    RUN.json (default: reports/latest/run.json) may also be a report.html, which contains its
    record. The page shows history/ and accepted/ next to the run's folder as it did after the run.
    """
    import webbrowser

    from edgeq import report as reports
    from edgeq.history import accepted, past
    from edgeq.report.trends import trends
    from edgeq.store.locks import alone_in

    record = record or latest_record(config)
    around = record.resolve().parent.parent
    own = (
        record.parent
        if record.name in {reports.RECORD_FILE, reports.HTML_FILE}
        else record.with_suffix("")
    )
    with alone_in(around):
        run = _read(record)
        history = past.read_all(around / past.FOLDER)
        page = reports.write(
            run,
            output if output is not None else own,
            shown=reports.pictures.read(run, record),
            history=trends(
                (*past.before(run, history.runs), past.past_run(run)),
                accepted.read_all(around / accepted.FOLDER),
            ),
        ).html
    for damaged in history.damaged:
        say(f"History: {damaged}", err=True)
    say(f"Report: {page}")
    if show and not webbrowser.open(page.resolve().as_uri()):
        say("No browser could be started; open the file yourself.", err=True)
    return 0


def _read(path: Path) -> RunRecord:
    from edgeq.errors import RecordError, reason_of
    from edgeq.io.files import read_text
    from edgeq.record import structs as records
    from edgeq.report.embedded_record import MAX_PAGE_BYTES, embedded_record

    if path.suffix != ".html":
        return records.read(path)
    try:
        page = read_text(path, MAX_PAGE_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"can't be read: {reason_of(error)}", where=path) from error
    return embedded_record(page, where=path)
