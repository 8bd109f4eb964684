"""``edgeq doctor``: what is installed and at hand."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import click

from edgeq.cli.say import say

WIDTH = 100
AREA_WIDTH = 10
MARKS = {"ok": "ok", "absent": "--", "bad": "!!"}
EXIT_BAD = 2


@click.command(short_help="Say what is installed and at hand, and whether the gate can run.")
@click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path), help="Read the spec from FILE."
)
def doctor(config: Path | None) -> int:
    """Say what is installed, and which weights, images, kernels and targets are at hand.

    Looks first at what the spec needs, then at this machine. Nothing is made, downloaded or
    measured. The exit code is 2 where something (marked !!) keeps the gate from running; what is
    marked -- is not there and not needed.
    """
    from edgeq import __version__
    from edgeq.escape import printable, wrapped
    from edgeq.pipeline.doctor import examine

    findings = examine(Path(), file=config)
    say(f"edgeq {__version__}")
    for area, group in groupby(findings, key=lambda finding: finding.area):
        for place, finding in enumerate(group):
            head = f"{area if place == 0 else '':<{AREA_WIDTH}}{MARKS[finding.state]} "
            for line in wrapped(printable(finding.text), WIDTH - len(head)):
                say(f"{head}{line}")
                head = " " * len(head)
    bad = sum(finding.state == "bad" for finding in findings)
    say(
        f"{bad} of these {'keeps' if bad == 1 else 'keep'} the gate from running (marked !!)."
        if bad
        else "The gate can run: `edgeq gate`."
    )
    return EXIT_BAD if bad else 0
