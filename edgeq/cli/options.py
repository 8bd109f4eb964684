"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path), help="Read the spec from FILE."
)
targets_option = click.option(
    "--target",
    "targets",
    metavar="NAME",
    multiple=True,
    help="Judge on this target in place of those that the spec uses; may be repeated.",
)
