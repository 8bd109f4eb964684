"""``edgeq doctor``: reports what is installed and available."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq.cli.options import PATH, config_option, say, width
from edgeq.words import plural

if TYPE_CHECKING:
    from edgeq.doctor import Finding

AREA_WIDTH = 10
MARKS = {"ok": "ok", "absent": "--", "bad": "!!"}
EXIT_BAD = 2


def ending(findings: tuple[Finding, ...]) -> str:
    """Return the last line if nothing bad was found."""
    if any((finding.area, finding.state) == ("spec", "absent") for finding in findings):
        return "No model is declared: `edgeq init` writes a spec."
    return "The gate can run: `edgeq gate`."


def _check_specs(files: Sequence[Path | None]) -> int:
    """Check specs, and write one line for each that is not valid.

    None stands for the nearest file. A ``pyproject.toml`` without a spec has nothing to check.
    """
    from edgeq.config.load import has_spec, load_spec
    from edgeq.errors import SpecError
    from edgeq.pipeline.run import Run

    bad = False
    for file in files:
        try:
            if file is not None and not has_spec(file):
                continue
            spec = load_spec(Path(), file=file)
            say(f"{spec.origin}: {plural(len(Run(spec).cases), 'case')}")
        except SpecError as error:
            say(str(error), err=True)
            bad = True
    return EXIT_BAD if bad else 0


@click.command(short_help="Report what is installed, and whether the gate can run.")
@config_option
@click.option(
    "--spec-only",
    is_flag=True,
    help="Check only the spec, or each FILE: keys, names, limits, tables. For pre-commit hooks.",
)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=PATH)
def doctor(*, config: Path | None, spec_only: bool, files: tuple[Path, ...]) -> int:
    """Report what is installed, and which weights, images, kernels and targets are available.

    Looks first at what the spec needs, then at this machine. Nothing is made, downloaded or
    measured. The exit code is 2 if something (marked !!) stops the gate or leaves cases MISSING;
    items marked -- are absent but not needed.
    """
    from edgeq import __version__
    from edgeq.doctor import examine

    if files and not spec_only:
        raise click.UsageError("FILE is for --spec-only; name another spec with --config")
    if spec_only:
        return _check_specs(files or (config,))
    from edgeq.words.escape import printable, wrapped

    findings = examine(Path(), file=config)
    say(f"edgeq {__version__}")
    for area, group in groupby(findings, key=lambda finding: finding.area):
        for place, finding in enumerate(group):
            head = f"{area if place == 0 else '':<{AREA_WIDTH}}{MARKS[finding.state]} "
            for line in wrapped(printable(finding.text), width() - len(head)):
                say(f"{head}{line}")
                head = " " * len(head)
    bad = sum(finding.state == "bad" for finding in findings)
    say(
        f"{bad} of these {'stops' if bad == 1 else 'stop'} the gate or "
        f"{'leaves' if bad == 1 else 'leave'} cases MISSING (marked !!)."
        if bad
        else ending(findings)
    )
    return EXIT_BAD if bad else 0
