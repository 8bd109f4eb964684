"""``edgeq repair``: finds what would make a variant pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.options import config_option, progress, say, spec_of, targets_option

if TYPE_CHECKING:
    from edgeq.config.structs import Spec

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min)?")


class Seconds(click.ParamType[float]):
    """A time such as ``60s`` or ``2min``."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Convert the text to seconds."""
        match = _SECONDS.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not a time: write 60s or 2min", param, ctx)
        return float(match[1]) * (60.0 if match[2] == "min" else 1.0)


@click.command(short_help="Find the smallest variant that passes.")
@click.argument("model", required=False)
@click.option(
    "--from",
    "start",
    metavar="METHOD",
    help="Keep as much of the model as possible in this method, which does not pass. The name of a "
    "ready-made variant stands for its method.",
)
@click.option(
    "--until",
    "goals",
    metavar="GOAL",
    multiple=True,
    help='Goal besides the gates: "relative_error <= 0.5 x int8", "top1_agreement >= 0.98".',
)
@click.option(
    "--for",
    "aim",
    type=click.Choice(["size", "latency"]),
    default="size",
    show_default=True,
    help="What to minimize.",
)
@targets_option
@click.option("--budget", metavar="TIME", type=Seconds(), help="Take about this long, e.g. 60s.")
@config_option
def repair(
    *,
    model: str | None,
    start: str | None,
    goals: tuple[str, ...],
    aim: str,
    targets: tuple[str, ...],
    budget: float | None,
    config: Path | None,
) -> int:
    """Find which units of MODEL need a higher precision for a variant to pass its gates.

    Measures the error of each unit (a block or a layer) alone, on calibration samples. Then makes
    at most five mixes of precisions and judges them by the gate, the cheapest first.

    Prints the result as a table for the spec, and writes all figures to
    reports/latest/repair.json. The exit code is 0 if a variant passes, 1 if none does.
    """
    from edgeq.config.check import using
    from edgeq.record.repair import RESULT
    from edgeq.repair.goals import parse_goal
    from edgeq.repair.repairing import repair as run
    from edgeq.repair.request import Request
    from edgeq.repair.sentences import lines

    spec: Spec = spec_of(config)
    if targets:
        spec = using(spec, targets)
    request = Request(
        model=model,
        start=start,
        goals=tuple(map(parse_goal, goals)),
        aim="latency" if aim == "latency" else "size",
        budget_s=budget,
    )
    try:
        outcome = run(spec, request, say=progress)
    finally:
        progress("")
    RESULT.write(outcome, spec.path(spec.reports) / "latest" / RESULT.file)
    for text in lines(outcome, spec.origin):
        say(text)
    return 0 if outcome.repaired is not None else 1
