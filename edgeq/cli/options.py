"""What several commands share: options, the spec that they name, how they write to a terminal."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeq.words.escape import line
from edgeq.words.status import status_line

if TYPE_CHECKING:
    from edgeq.config.structs import Spec


FEWEST_COLUMNS, COLUMNS, MAX_COLUMNS = 60, 100, 140


def width() -> int:
    """Return how many columns a line may have: the terminal's, and 100 if there is none."""
    there = shutil.get_terminal_size((COLUMNS, 0)).columns
    return max(FEWEST_COLUMNS, min(there, MAX_COLUMNS))


def say(text: str, *, err: bool = False) -> None:
    """Write one line; names in it from files and records are escaped, whatever they contain."""
    click.echo(line(text), err=err)


def progress(text: str) -> None:
    """Show a line, overwriting the last one, on a terminal only; ``""`` clears the last one."""
    stream = sys.stderr
    if stream.isatty():
        stream.write(f"\r\x1b[K{status_line(text, shutil.get_terminal_size().columns - 1)}\r")
        stream.flush()


def shown(path: Path) -> Path:
    """Return a path relative to the current folder if that is shorter."""
    return Path(min(os.path.relpath(path), str(path), key=len))


PATH: click.Path = click.Path(path_type=Path)


class Range(click.FloatRange):
    """A number in a range; NaN lies in none, although no comparison says so."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or refuse what is not one in the range."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


config_option = click.option("--config", metavar="FILE", type=PATH, help="Read the spec from FILE.")
targets_option = click.option(
    "--target",
    "targets",
    metavar="NAME",
    multiple=True,
    help="Judge on this target in place of those that the spec uses; may be repeated.",
)


def record_option(text: str) -> Callable[[Any], Any]:
    """Return the option that names a record."""
    return click.option("--record", metavar="RUN.json", type=PATH, help=text)


def latest_record(config: Path | None) -> Path:
    """Return the path of the latest run's record, as the spec places it.

    Raises:
        SpecError: The spec is wrong.
    """
    from edgeq.config.load import find_spec_file, load_spec

    latest = Path("latest", "run.json")
    if config is None and find_spec_file(Path()) is None:
        return Path("reports") / latest
    spec = load_spec(Path(), file=config)
    return shown(spec.path(spec.reports)) / latest


def spec_of(config: Path | None, *, needs_models: bool = True) -> Spec:
    """Return the spec in a file, or else the one that is found from here.

    ``needs_models`` is False for commands that only need its targets.

    Raises:
        SpecError: There is none, or it is wrong.
    """
    from edgeq.config.load import load_spec

    return load_spec(Path(), file=config, needs_models=needs_models)
