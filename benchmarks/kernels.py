"""The kernels' noise floor beside the quantization error, and the other proofs about running.

Run ``EDGEQ_DATA=FOLDER python benchmarks/kernels.py [--store FOLDER]`` (5 minutes on an idle
machine, most of it conversions): EfficientNet-Lite0 and EfficientNetV2-B0 by both engines. Every
row is a good variant, so a FAIL is a false alarm; exit code 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from edgeq.config.load import parse
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.results.judging import judge

IMAGES = 20
PROOFS = ("outputs", "kernels", "input_range")
METHODS = [
    f"{method}@{engine}"
    for method in ("dynamic_range", "int8", "int8_float_io", "int16x8")
    for engine in ("litert", "tensorflow")
]
MODELS = {
    "efficientnet-lite0": ("efficientnet-lite0", "sample:imagenet"),
    "efficientnetv2-b0": ("keras:EfficientNetV2B0", "data:imagenet"),
}


def main() -> int:
    """Print a row for every proof of every variant; return 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", help="keep what is made here")
    parser.add_argument("--model", choices=tuple(MODELS), action="append")
    given = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.model or MODELS:
            source, images = MODELS[name]
            table = {
                "methods": METHODS,
                "models": {name: {"source": source}},
                "images": {
                    "calibration": images,
                    "evaluation": images,
                    "max_evaluation": IMAGES,
                },
                "store": given.store or scratch,
            }
            run = Run(parse(table, root=Path.cwd(), origin=Path("benchmark")))
            failed += _rows(run)
    return 1 if failed else 0


def _rows(run: Run) -> int:
    failed = 0
    print("| variant | proof | verdict | s | reason |\n|---|---|---|---|---|")
    for case in run.cases:
        if case.gate.name in PROOFS:
            start = time.monotonic()
            record, _ = judge(case)
            failed += record.status is not Verdict.PASS
            taken = time.monotonic() - start
            cells = (
                case.variant.name,
                case.gate.name,
                record.status,
                f"{taken:.1f}",
                record.reason,
            )
            print("|", " | ".join(cells), "|", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
