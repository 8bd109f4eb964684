"""Options that several commands have, and the spec that they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgeq.config.structs import Spec

PATH: click.Path = click.Path(path_type=Path)

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


def spec_of(config: Path | None) -> Spec:
    """Return the spec in a file, or else the one that is found from here.

    Raises:
        SpecError: There is none, or it is wrong.
    """
    from edgeq.config.load import load_spec

    return load_spec(Path(), file=config)
