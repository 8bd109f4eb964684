"""What variants answer on other targets, beside this machine and beside the float baseline.

``EDGEQ_DATA=FOLDER python -m benchmarks.targets [--target NAME ...] [--images N] [--store FOLDER]``
runs EfficientNet-Lite0 and EfficientNetV2-B0 and four variants of each (float16, dynamic range,
int8, weight-only int8; ``--method`` and ``--classifier`` choose others) here and there, and writes
a table. Exit code 1 if a variant is refused there, int8 differs by more than a step, a float file
by more than ``--rounding``, or dynamic range moves more than ``FLIPS`` photographs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeq.config.load import load_spec, parse
from edgeq.config.structs import Spec
from edgeq.errors import WorkerError
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.run.session import Session
from edgeq.run.targets import Target, local_target
from edgeq.targets.starting import declared, start

METHODS = ("int8", "dynamic_range", "float16", "weight_only_int8")
MODELS = {
    "efficientnet-lite0": ("efficientnet-lite0", "sample:imagenet"),
    "efficientnetv2-b0": ("keras:EfficientNetV2B0", "data:imagenet"),
}
ROUNDING = 1e-5
"""Largest difference of float files on two processors; float16 arithmetic needs more."""
STEP = 1 / 256
"""Of an int8 softmax. Kernels of two processors may round what lies between two steps apart."""
FLIPS = 2
"""Photographs whose class dynamic range may give otherwise on other kernels."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """A variant on a target, beside this machine.

    Attributes:
        name: Of the variant.
        largest: Largest difference of an output's value.
        agreement: Share of photographs with the baseline's class, there; the baseline's own is
            that of this machine.
        here: The same on this machine.
        moved: Photographs whose class is not the same on both.
        seconds: Wall time there, for all photographs.
        refused: Why it does not run there, else empty.
    """

    name: str
    largest: float
    agreement: float
    here: float
    moved: int
    seconds: float
    refused: str = ""

    def holds(self, rounding: float) -> bool:
        """Return whether the target answers as this machine does, as the method allows."""
        if self.refused:
            return False
        if self.name.endswith("/int8"):
            return self.largest <= STEP and not self.moved
        if self.name.endswith("/dynamic_range"):
            return self.moved <= FLIPS
        return self.largest <= rounding


def outputs(target: Target, variant: VariantUnderTest) -> tuple[Floats, float]:
    """Return what a variant says of its samples, float32 ``(n, classes)``, and the seconds."""
    pixels = variant.photographs.every(1)
    begin = time.monotonic()
    with Session(target, timeout_s=600, memory_limit=None) as session:
        loaded = session.load(variant.path, threads=1, kernels="xnnpack")
        answer = session.infer(loaded.handle, pixels, variant.preprocessing)
    return answer.outputs[0], time.monotonic() - begin


def rows(target: Target, run: Run, model: str) -> Iterator[Row]:
    """Yield a row for the baseline and every variant of a model."""
    baseline, _ = outputs(local_target(), run.baseline(model))
    classes = baseline.argmax(1)
    for variant in (run.baseline(model), *run.variants_of(model)):
        here = baseline if variant.is_baseline else outputs(local_target(), variant)[0]
        try:
            there, seconds = outputs(target, variant)
        except WorkerError as error:
            yield Row(variant.name, 0, 0, 0, 0, 0, refused=error.what)
            continue
        yield Row(
            name=variant.name,
            largest=float(np.abs(here - there).max()),
            agreement=float((there.argmax(1) == classes).mean()),
            here=float((here.argmax(1) == classes).mean()),
            moved=int((there.argmax(1) != here.argmax(1)).sum()),
            seconds=seconds,
        )


def spec_of(
    model: str, images: int, store: str, methods: list[str], classifier: str | None
) -> Spec:
    """Return a spec with the variants of a model."""
    source, photographs = MODELS[model]
    chosen = {} if classifier is None else {"classifier": classifier}
    table = {
        "methods": methods,
        "models": {model: {"source": source, **chosen}},
        "images": {
            "calibration": photographs,
            "evaluation": photographs,
            "max_evaluation": images,
        },
        "store": store,
    }
    return parse(table, root=Path.cwd(), origin=Path("benchmark"))


def main() -> int:
    """Print a table for each target; return 1 if one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", action="append", help="of the spec here (default: arm64)")
    parser.add_argument("--model", choices=tuple(MODELS), action="append")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--method", action="append", help=f"default: {', '.join(METHODS)}")
    parser.add_argument("--classifier", help="of the models' tables")
    parser.add_argument("--rounding", type=float, default=ROUNDING)
    parser.add_argument("--store", help="keep what is made here")
    given = parser.parse_args()
    own = load_spec(Path())
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        runs = {
            model: Run(
                spec_of(
                    model,
                    given.images,
                    given.store or scratch,
                    given.method or list(METHODS),
                    given.classifier,
                )
            )
            for model in given.model or MODELS
        }
        for name in given.target or ["arm64"]:
            target = start(name, declared(name, own), own.root)
            print(f"\n{name}, {given.images} photographs\n")
            print("| variant | largest difference | agreement there | here | moved | s an image |")
            print("|---|---|---|---|---|---|")
            for model, run in runs.items():
                for row in rows(target, run, model):
                    failed += not row.holds(given.rounding)
                    if row.refused:
                        print(f"| {row.name} | {row.refused} | | | | |", flush=True)
                        continue
                    print(
                        f"| {row.name} | {row.largest:.2g} | {row.agreement:.3f} "
                        f"| {row.here:.3f} | {row.moved} | {row.seconds / given.images:.2f} |",
                        flush=True,
                    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
