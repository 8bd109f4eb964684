"""``edgeq report``: an earlier record's page again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Render an earlier run's record again.")
@click.argument("record", type=click.Path(path_type=Path), metavar="RUN.json")
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write into DIR (default: beside the record; for a record of another name than run.json, "
    "a folder of its name).",
)
@click.option("--open", "show", is_flag=True, help="Open the report in a browser.")
def report(record: Path, output: Path | None, *, show: bool) -> int:
    """Render the record of an earlier run again: report.html, summary.md and run.json."""
    import webbrowser

    from edgeq import record as records
    from edgeq import report as reports

    found = records.read(record)
    own = record.parent if record.name == reports.RECORD_FILE else record.with_suffix("")
    page = reports.write(found, output if output is not None else own).html
    click.echo(f"Report: {page}")
    if show and not webbrowser.open(page.resolve().as_uri()):
        click.echo("No browser could be started; open the file yourself.", err=True)
    return 0
