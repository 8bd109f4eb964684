"""Whether the gate catches a collapse with 16 photographs that have no labels.

Public models were shipped whose squeeze-and-excite networks had lost their answers by being
quantized. Run ``EDGEQ_DATA=FOLDER python benchmarks/collapse.py``: it makes such a
variant of EfficientNetV2-B0 (``weight_only_int4``) beside a good one (``weight_only_int8``), copies
the first 16 evaluation photographs to a folder without labels, and holds both variants against the
default limits. Exit code 0: the collapsed variant fails on its answers, the good one fails on none.
``--store`` keeps what is made.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from edgeq.config.load import parse
from edgeq.config.presets import data_folder
from edgeq.config.structs import Spec
from edgeq.errors import EdgeqError, ImageError
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge

MODEL = "efficientnetv2-b0"
COLLAPSED, GOOD = "weight_only_int4", "weight_only_int8"
IMAGES = 16
ON_ANSWERS = ("outputs", "top1_agreement", "worst_cosine")
"""The gates that the figure is about; the size of a variant and its speed don't tell a collapse."""


def main() -> int:
    """Print every verdict; 1 where the collapse is not caught or the good variant fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgeq-collapse-") as folder:
        root = Path(folder)
        copy_photographs(root / "photographs", IMAGES)
        found = _verdicts(_spec(root, arguments.store.resolve()))
    for case in found:
        print(f"{case.variant:<17} {case.gate:<15} {case.status.value:<13} {case.reason}")
    failed = {(case.variant, case.gate) for case in found if case.status is Verdict.FAIL}
    caught = [gate for gate in ON_ANSWERS if (COLLAPSED, gate) in failed]
    alarms = [gate for gate in ON_ANSWERS if (GOOD, gate) in failed]
    print(f"\n{COLLAPSED}: {'caught by ' + ', '.join(caught) if caught else 'MISSED'}")
    print(f"{GOOD}: {'FALSE ALARM by ' + ', '.join(alarms) if alarms else 'no false alarm'}")
    return 0 if caught and not alarms else 1


def copy_photographs(folder: Path, count: int) -> None:
    """Copy the first evaluation photographs by name, without their labels.

    Raises:
        ImageError: There are fewer.
    """
    data = data_folder()
    source = Path() if data is None else data / "imagenet" / "evaluation"
    photographs = sorted(source.glob("*.png")) if data is not None else []
    if len(photographs) < count:
        raise ImageError(
            f"{len(photographs)} photographs, {count} are needed",
            where="$EDGEQ_DATA/imagenet/evaluation",
            remedy="Name the folder of models and photographs in EDGEQ_DATA",
        )
    folder.mkdir(parents=True)
    for photograph in photographs[:count]:
        shutil.copy(photograph, folder)


def _spec(root: Path, store: Path) -> Spec:
    table = {
        "models": {MODEL: {"source": "keras:EfficientNetV2B0"}},
        "methods": [COLLAPSED, GOOD],
        "images": {"evaluation": "photographs"},
        "gates": {"accuracy_drop": False, "latency_ratio": False},
        "store": str(store),
    }
    return parse(table, root=root, origin=root / "collapse")


def _verdicts(spec: Spec) -> list[CaseRecord]:
    """Return the verdicts of every declared case.

    Raises:
        EdgeqError: Bad input kept a case from being measured.
    """
    run = Run(spec)
    found = []
    for case in run.cases:
        record, error = judge(case)
        if error is not None:
            raise error
        found.append(record)
    return found


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeqError as error:
        sys.exit(f"collapse: {error}")
