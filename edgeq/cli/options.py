"""Options that several commands have, and the spec that they name."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeq.cli.say import shown

if TYPE_CHECKING:
    from edgeq.config.structs import Spec

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
