"""``edgeq store``: lists, verifies and prunes what runs keep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeq import words
from edgeq.cli.options import PATH, config_option, say, shown, spec_of

if TYPE_CHECKING:
    from edgeq.store.content import Store

DAMAGED = 1

_folder = click.option(
    "--store",
    "folder",
    metavar="DIR",
    type=PATH,
    help="The store (default: the spec's `store`).",
)


@click.group(short_help="List, verify and prune what runs keep.")
def store() -> None:
    """List, verify and prune what runs keep: float exports, variants, pixels, predictions."""


@store.command("list", short_help="List the contents of the store by kind.")
@config_option
@_folder
@click.option("--entries", "each", is_flag=True, help="List every entry, the last used at the end.")
def list_(config: Path | None, folder: Path | None, *, each: bool) -> None:
    """List the contents of the store by kind, or entry by entry."""
    from edgeq.store import prune

    kept_in = _store(config, folder)
    entries = prune.entries(kept_in)
    if each:
        say(f"{'size':>12}  entry")
        for entry in entries:
            say(f"{words.size(entry.bytes):>12}  {entry.kind}/{entry.folder.name}")
    else:
        kinds = sorted({entry.kind for entry in entries})
        width = max(map(len, ("kind", *kinds)))
        say(f"{'kind':<{width}}  entries  {'size':>10}")
        for kind in kinds:
            some = [entry.bytes for entry in entries if entry.kind == kind]
            say(f"{kind:<{width}}  {len(some):>7}  {words.size(sum(some)):>10}")
    total = sum(entry.bytes for entry in entries)
    say(f"{shown(kept_in.root)}: {_entries(len(entries))}, {words.size(total)}")
    left = prune.leftovers(kept_in)
    if left:
        say(f"Also {words.size(left)} of quarantine and unfinished work: `edgeq store prune`.")


@store.command(short_help="Read every entry and set damaged ones aside.")
@config_option
@_folder
def verify(config: Path | None, folder: Path | None) -> int:
    """Hash every file of every entry, and set damaged entries aside.

    Models also run again on some of the photographs whose predictions are stored. Predictions that
    the model does not repeat are damaged too, and so is everything derived from them.

    The next run rebuilds what was set aside. The exit code is 1 if something was damaged.
    """
    from edgeq.pipeline.rerun import poisoned
    from edgeq.store import prune

    kept_in = _store(config, folder)
    problems = list(prune.verify(kept_in))
    damaged = [(place, why) for place, why in problems if why is not None]
    for place, why in list(poisoned(kept_in)):
        kept_in.set_aside(place, why)
        damaged.append((place, why))
    for place, why in damaged:
        say(f"damaged  {place.parent.name}/{place.name}: {why}")
    say(f"{shown(kept_in.root)}: {_entries(len(problems))}, {len(damaged)} damaged")
    return DAMAGED if damaged else 0


@store.command(short_help="Remove the least recently used entries.")
@config_option
@_folder
@click.option(
    "--max-size", metavar="SIZE", required=True, help='Size to keep, for example "2 GB", or 0.'
)
def prune(config: Path | None, folder: Path | None, max_size: str) -> None:
    """Remove the least recently used entries until the store is no larger than SIZE.

    Quarantine, unfinished work and logs of removed entries are removed too. A store that a run is
    using is left alone.
    """
    from edgeq.store import prune

    kept_in = _store(config, folder)
    pruned = prune.prune(kept_in, _bytes(max_size))
    gone, stay = (sum(entry.bytes for entry in some) for some in (pruned.removed, pruned.kept))
    say(
        f"{shown(kept_in.root)}: removed {_entries(len(pruned.removed))} ({words.size(gone)}) and "
        f"{words.size(pruned.leftovers)} of leftovers; kept {_entries(len(pruned.kept))} "
        f"({words.size(stay)})"
    )


def _store(config: Path | None, folder: Path | None) -> Store:
    from edgeq.store.content import Store

    if folder is not None:
        return Store(folder)
    spec = spec_of(config)
    return Store(spec.path(spec.store))


def _bytes(text: str) -> int:
    from edgeq.config.gate_table import parse_size

    if text.isdecimal():
        return int(text)
    try:
        size = parse_size(text)
        return int(size)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f'{text!r} is not a size such as "500 MB" or "2 GB"', param_hint="--max-size"
        ) from None


def _entries(count: int) -> str:
    return words.plural(count, "entry", "entries")
