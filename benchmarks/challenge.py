"""The whole catalogue of faults against the default gates: what they catch, and what they miss.

Run ``python benchmarks/challenge.py`` for EfficientNet-Lite0 on the 20 built-in photographs, and
``EDGEQ_DATA=FOLDER python benchmarks/challenge.py`` for EfficientNetV2-B0 on 500 photographs too;
it prints the tables of ``challenge.md``. ``--held-out`` tries the faults of ``held_out.py`` in
place of the catalogue's, without the gates on time and memory, ``--fault`` single ones. ``--store``
keeps what is made, ``--json`` the answers.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path

import msgspec

from edgeq.challenge import Challenge, write
from edgeq.errors import EdgeqError
from edgeq.faults.challenge import challenge
from edgeq.faults.table import lines
from edgeq.pipeline.inputs import Say
from edgeq.pipeline.recording import machine_facts
from edgeq.spec.presets import built_in, data_folder
from edgeq.store import Store

WIDTH = 100
LITE0, V2_B0 = "efficientnet-lite0", "efficientnetv2-b0"


def main() -> int:
    """Print a table per model; 1 where a fault was missed or a control failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    parser.add_argument("--json", type=Path, help="folder for one file of answers per model")
    parser.add_argument("--model", choices=(LITE0, V2_B0))
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--fault", action="append", default=[])
    arguments = parser.parse_args()
    models = [LITE0, V2_B0] if data_folder() is not None else [LITE0]
    facts = machine_facts()
    print(f"{facts['processor']}, {facts['cores']} cores, {facts['system']}")
    found = [
        _one(
            model,
            arguments.store,
            arguments.json,
            tuple(arguments.fault),
            held=arguments.held_out,
        )
        for model in models
        if arguments.model in (None, model)
    ]
    return 0 if all(one.passed for one in found) else 1


def _one(
    model: str, store: Path, folder: Path | None, names: tuple[str, ...], *, held: bool
) -> Challenge:
    start = time.monotonic()
    spec = built_in(Path.cwd())
    if held:
        off = {**spec.gates.off, "": ("latency_ratio", "max_peak_memory")}
        spec = msgspec.structs.replace(spec, gates=msgspec.structs.replace(spec.gates, off=off))
        names = names or tuple(import_module("held_out").NAMES)
    found = challenge(spec, models=(model,), names=names, store=Store(store), say=_say(start))
    print(f"\n{chr(10).join(lines(found, WIDTH))}")
    print(f"{len(found.faults)} faults and {len(found.controls)} controls in ", end="")
    print(f"{time.monotonic() - start:.0f} s", flush=True)
    if folder is not None:
        write(found, folder / f"{model}{'-held-out' if held else ''}.json")
    return found


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
