"""``edgeq challenge``: measures how strong a gate is."""

from __future__ import annotations

from pathlib import Path

import click

from edgeq.cli.options import PATH, config_option, progress, say, spec_of, width


@click.command(short_help="Make good variants faulty and see which faults the gate catches.")
@config_option
@click.option("--model", "models", metavar="NAME", multiple=True, help="Challenge only this model.")
@click.option(
    "--variant",
    metavar="NAME",
    help="Make this variant faulty (default: one that passes its gates, int8 first).",
)
@click.option("--fault", "names", metavar="NAME", multiple=True, help="Try only this fault.")
@click.option("--list", "show", is_flag=True, help="List the catalogue and stop.")
@click.option(
    "--json",
    "output",
    metavar="FILE",
    type=PATH,
    help="Also write the result to FILE.",
)
def challenge(
    config: Path | None,
    models: tuple[str, ...],
    variant: str | None,
    names: tuple[str, ...],
    output: Path | None,
    *,
    show: bool,
) -> int:
    """Mutation testing for models: how strong is my gate?

    Takes a variant that passes its gates, makes it faulty in one way after another, and runs
    the declared gates on each. Harmless changes are tried too, and must pass. Every fault is
    caught, INCONCLUSIVE, missed, or not applicable; the score is caught / applicable.

    The result is written to reports/latest/challenge.json. The exit code is 1 if a fault was
    missed or a harmless change stopped, 2 if a fault's function failed.
    """
    from edgeq.errors import SpecError
    from edgeq.faults import table
    from edgeq.faults.challenge import challenge as run
    from edgeq.faults.fault import faults
    from edgeq.record.challenge import RESULT
    from edgeq.store.locks import alone_in

    if show:
        for text in table.catalogue(tuple(fault for _, fault in faults()), width()):
            say(text)
        return 0
    spec = spec_of(config)
    try:
        outcome = run(spec, models=models, variant=variant, names=names, say=progress)
    finally:
        progress("")
    for text in table.lines(outcome, width()):
        say(text)
    reports = spec.path(spec.reports)
    with alone_in(reports):
        RESULT.write(outcome, reports / "latest" / RESULT.file)
    if output is not None:
        RESULT.write(outcome, output)
    if broken := outcome.of("broken"):
        raise SpecError(
            f"faults that could not be made: {', '.join(fault.name for fault in broken)}",
            remedy="Leave them out with --fault, or fix the package that registers them",
        )
    return 0 if outcome.passed else 1
