"""``edgeq compare``: shows what changed between two runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.options import Range, config_option, shown, spec_of, width

if TYPE_CHECKING:
    from edgeq.record.change import Change

SCHEMA = "edgeq.compare/1"
EXIT_WORSE = 1
FAIL_ON = {"worse": ("worse",), "gone": ("worse", "gone"), "never": ()}


@click.command(short_help="Show what changed between two runs, or since the accepted one.")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    help="Output format (default: text).",
)
@click.option(
    "--fail-on",
    type=click.Choice(list(FAIL_ON)),
    default="worse",
    help="What makes the exit code 1; gone includes worse (default: worse).",
)
@click.option(
    "--tolerance",
    type=Range(min=0.0),
    metavar="SHARE",
    help="For pytest-benchmark's medians: differences up to this are within noise (default: 0.05).",
)
@config_option
def compare(
    before: str,
    after: str,
    *,
    style: str,
    fail_on: str,
    tolerance: float | None,
    config: Path | None,
) -> int:
    """Show case by case what changed from A to B.

    A and B are two records of edgeq, or two files of pytest-benchmark: a run.json, a folder that
    contains one, or the word `accepted` for the accepted records of the spec. Figures are compared
    if they were measured under the same conditions; otherwise they are incomparable, and the
    reason is given.

    \b
      edgeq compare accepted reports/latest
      edgeq compare main/run.json reports/latest --format markdown

    The exit code is 0 if nothing is worse, 1 if something is, 2 for bad input.
    """  # noqa: D301 - click reads the escaped mark
    from edgeq.history.accepted import FOLDER
    from edgeq.history.sources import ACCEPTED, TOLERANCE, compare_sources, load

    folder = Path(FOLDER)
    if ACCEPTED in {before, after}:
        spec = spec_of(config)
        folder = shown(spec.path(spec.reports)) / FOLDER
    changes = compare_sources(
        load(before, folder),
        load(after, folder),
        tolerance=TOLERANCE if tolerance is None else tolerance,
    )
    show = {"text": _text, "markdown": _markdown, "json": _json}[style]
    click.echo(show(before, after, changes))
    bad = any(change.kind.value in FAIL_ON[fail_on] for change in changes)
    return EXIT_WORSE if bad else 0


def _text(before: str, after: str, changes: Sequence[Change]) -> str:
    from edgeq.report.changes import changes_view, terminal_lines
    from edgeq.words.escape import printable, wrapped

    view = changes_view(changes, max_lines=None)
    summary = view.summary if view else "there is nothing to compare"
    lines = [f"{printable(before)}, then {printable(after)}: {summary}"]
    lines += terminal_lines(view) if view else []
    return "\n".join(part for line in lines for part in wrapped(line, width(), indent="    "))


def _markdown(before: str, after: str, changes: Sequence[Change]) -> str:
    from edgeq.report.changes import changes_view, markdown_lines
    from edgeq.words.escape import markdown

    view = changes_view(changes, max_lines=None)
    head = f"### From {markdown(before)} to {markdown(after)}"
    summary = f"**{view.summary}**" if view else "There is nothing to compare."
    return "\n".join([head, "", summary, "", *(markdown_lines(view) if view else [])]).rstrip()


def _json(before: str, after: str, changes: Sequence[Change]) -> str:
    import msgspec

    from edgeq.record.change import ChangeKind
    from edgeq.words.escape import line

    counts = {kind.value: sum(change.kind is kind for change in changes) for kind in ChangeKind}
    facts = {
        "schema": SCHEMA,
        "before": before,
        "after": after,
        "counts": counts,
        "changes": changes,
    }
    text = msgspec.json.format(msgspec.json.encode(facts), indent=1).decode()
    return "\n".join(line(text_line) for text_line in text.splitlines())
