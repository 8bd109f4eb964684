"""Faults against the default gates: what they catch, and what they miss.

Run ``python -m benchmarks.challenge`` for the whole catalogue against EfficientNet-Lite0 on the 20
built-in photographs, and ``EDGEQ_DATA=FOLDER python -m benchmarks.challenge`` for EfficientNetV2-B0
on 500 photographs too; it prints the tables of ``challenge.md``.

``EDGEQ_DATA=FOLDER python -m benchmarks.challenge --held-out`` tries the faults of
``benchmarks/held_out`` and its harmless changes in place of the catalogue's, on four networks in
four formats, without the gates on time, memory and size. It keeps what came of each below
``--results`` and goes on where it stopped. ``--before FOLDER`` shows other results beside it,
``--tables`` shows what is there and tries nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from benchmarks.held_out.draw import SEED
from benchmarks.held_out.kinds import FORMATS
from benchmarks.held_out.networks import NETWORKS
from benchmarks.held_out.results import Results, seen_as, tables
from benchmarks.held_out.trial import Trial
from edgeq.config.presets import DATA_VARIABLE, built_in, data_folder
from edgeq.errors import EdgeqError
from edgeq.faults.challenge import challenge
from edgeq.faults.table import lines
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Say
from edgeq.record.challenge import RESULT, Challenge
from edgeq.results.recording import this_machine
from edgeq.store.content import Store

WIDTH = 100
LITE0, V2_B0 = "efficientnet-lite0", "efficientnetv2-b0"


def main() -> int:
    """Print a table per model; 1 where a fault was missed or a control failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    parser.add_argument("--json", type=Path, help="folder for one file of answers per model")
    parser.add_argument("--model", action="append", choices=[one.name for one in NETWORKS])
    parser.add_argument("--fault", action="append", default=[])
    held = parser.add_argument_group("with --held-out")
    held.add_argument("--held-out", action="store_true")
    held.add_argument("--seed", type=int, default=SEED)
    held.add_argument("--format", action="append", choices=FORMATS)
    held.add_argument("--images", type=int, help="at most so many photographs (default: all)")
    held.add_argument("--unlabelled", action="store_true", help="ask no gate that needs labels")
    held.add_argument("--work", type=Path, default=Path(".edgeq/held-out"))
    held.add_argument("--results", type=Path, default=Path("reports/held-out"))
    held.add_argument("--before", type=Path, help="results to show beside these")
    held.add_argument(
        "--visible", type=Path, help="results on more photographs that say what is visible"
    )
    held.add_argument("--only", choices=("faults", "controls"))
    held.add_argument("--again", action="store_true", help="also what has a result")
    held.add_argument("--tables", action="store_true", help="show what is there")
    arguments = parser.parse_args()
    if arguments.held_out:
        return _held_out(arguments)
    machine = this_machine()
    print(f"{machine.processor}, {machine.cores} cores, {machine.system}")
    models = [LITE0, V2_B0] if data_folder() is not None else [LITE0]
    chosen = [one for one in models if arguments.model is None or one in arguments.model]
    found = [
        _catalogue(one, arguments.store, arguments.json, tuple(arguments.fault)) for one in chosen
    ]
    return 0 if all(one.passed for one in found) else 1


def _catalogue(model: str, store: Path, folder: Path | None, names: tuple[str, ...]) -> Challenge:
    start = time.monotonic()
    found = challenge(
        built_in(Path.cwd()), models=(model,), names=names, store=Store(store), say=_say(start)
    )
    print(f"\n{chr(10).join(lines(found, WIDTH))}")
    print(f"{len(found.faults)} faults and {len(found.controls)} controls in ", end="")
    print(f"{time.monotonic() - start:.0f} s", flush=True)
    if folder is not None:
        RESULT.write(found, folder / f"{model}.json")
    return found


def _held_out(arguments: argparse.Namespace) -> int:
    """Try what is drawn; 1 if a visible fault passed or a harmless change failed."""
    data = data_folder()
    if data is None:
        sys.exit(f"challenge: --held-out needs ${DATA_VARIABLE}")
    results = Results(arguments.results)
    before = Results(arguments.before) if arguments.before else None
    start = time.monotonic()
    if not arguments.tables:
        say = _say(start)
        for network in NETWORKS:
            if arguments.model is not None and network.name not in arguments.model:
                continue
            spec = network.spec(
                arguments.work.resolve(),
                data,
                arguments.images,
                labelled=not arguments.unlabelled,
            )
            run = Run(spec, store=Store(arguments.store))
            Trial(network, run, results, before, say).run(
                seed=arguments.seed,
                formats=arguments.format or FORMATS,
                names=arguments.fault,
                only=arguments.only,
                again=arguments.again,
            )
    every = results.all()
    if arguments.visible is not None:
        every = seen_as(every, Results(arguments.visible))
    print("\n".join(tables(every, before.all() if before else ())))
    print(f"{len(every)} results, {time.monotonic() - start:.0f} s on {os.cpu_count()} cores")
    missed = [one for one in every if one.counted and one.is_visible and not one.is_caught]
    alarms = [one for one in every if one.group == "control" and one.verdict == "FAIL"]
    return 1 if missed or alarms else 0


def _say(start: float) -> Say:
    """Return what writes what is going on to standard error, with the time."""

    def say(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - start:6.0f} s  {line}\n")

    return say


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeqError as error:
        sys.exit(f"challenge: {error}")
