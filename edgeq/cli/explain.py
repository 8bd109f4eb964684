"""``edgeq explain``: tells one case of a run whole."""

from __future__ import annotations

import textwrap
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.options import config_option, latest_record, record_option, say, width

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from edgeq.record.structs import RunRecord

NAME_WIDTH = 12
MAX_LISTED = 20


def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the ids of the latest run's cases, for the shell; none if there is no such run."""
    from click.shell_completion import CompletionItem

    from edgeq.errors import EdgeqError
    from edgeq.words.escape import printable

    try:
        cases = _record(None, None).cases
    except EdgeqError:
        return []
    names = (case.id for case in cases if incomplete in case.id)
    return [CompletionItem(name) for name in names if printable(name) == name]


@click.command(short_help="Explain one case of a run: value, cause, next step, images.")
@click.argument("case", metavar="CASE", shell_complete=complete)
@record_option("Read another record than reports/latest/run.json.")
@config_option
def explain(case: str, record: Path | None, config: Path | None) -> int:
    """Show everything that a run recorded about CASE.

    CASE is the id of a case (MODEL/VARIANT/GATE), or a part of one: int8/top1_agreement. Nothing is
    measured. If several cases have that part, those that did not pass are explained, or else they
    are listed. The exit code is 2 if there is no such case.
    """
    from edgeq.judge.verdict import Verdict
    from edgeq.report.explain import explain as lines_about
    from edgeq.report.explain import matching

    run = _record(record, config)
    cases = matching(run, case)
    if not cases:
        raise _unknown(run, case)
    several = len(cases) > 1
    open_ = [each for each in cases if not several or each.status is not Verdict.PASS]
    if not open_:
        say(f"All {len(cases)} cases with {case!r} in their id passed. Name one of them:")
        for each in cases[:MAX_LISTED]:
            say(f"  {each.id}")
    for place, each in enumerate(open_):
        if place:
            say("")
        _tell(each.id, lines_about(run, each))
    return 0


def _record(record: Path | None, config: Path | None) -> RunRecord:
    """Return the record that is meant.

    Raises:
        EdgeqError: There is none, or it can't be read.
    """
    from edgeq.record.structs import read

    return read(record or latest_record(config))


def _unknown(run: RunRecord, case: str) -> Exception:
    from difflib import get_close_matches

    from edgeq.errors import RecordError

    names = [each.id for each in run.cases]
    close = get_close_matches(case, names, n=1, cutoff=0.5) or names[:1]
    meant = f"Did you mean {close[0]}?" if close else "The run has no case"
    return RecordError(f"no case of the run has {case!r} in its id", remedy=meant)


def _tell(title: str, lines: tuple[tuple[str, str], ...]) -> None:
    """Write a case: each name once, with its texts in a column to the right."""
    from edgeq.words.escape import printable

    say(title)
    for name, group in groupby(lines, key=lambda line: line[0]):
        head = f"  {name:<{NAME_WIDTH}}"
        for _, text in group:
            for row in textwrap.wrap(printable(text), width() - len(head)) or [""]:
                say(f"{head}{row}")
                head = " " * len(head)
