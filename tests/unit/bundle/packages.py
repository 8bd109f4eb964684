"""A tiny model's record and files, from which tests make packages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeq.bundle import BundleResult, pack
from edgeq.judge.verdict import Verdict
from edgeq.quantize.variant import CalibratedOn, Manifest
from edgeq.record.structs import RunRecord, VariantRecord
from tests.unit.report import records
from tests.unit.tiny_model import IoType, classifier

LABELS = ("cat", "dog", "fish", "bird", "snail")
KINDS: dict[str, IoType] = {"int8": "int8", "float16": "float16", "uint8": "uint8"}


@dataclass(frozen=True)
class Made:
    """What ``pack`` takes."""

    record: RunRecord
    root: Path
    files: dict[str, Path]
    labels: dict[str, tuple[str, ...]]

    def pack(self, target: Path, **changes: Any) -> BundleResult:
        taken: dict[str, Any] = {"root": self.root, "files": self.files, "labels": self.labels}
        record = changes.pop("record", self.record)
        return pack(record, target, **(taken | changes))


def make(root: Path, *, classes: int = 5, **model: Any) -> Made:
    """Return a record whose variants are cleared, but for ``broken``, which is rejected."""
    files, variants, cases = {}, [], []
    for name, io in KINDS.items():
        data = classifier(io=io, classes=classes, size=(6, 8), seed=3)
        path = root / ".edgeq" / f"{name}.tflite"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        files[f"{records.MODEL}/{name}"] = path
        variants.append(
            VariantRecord(
                name=name,
                method=name,
                engine="litert",
                sha256=hashlib.sha256(data).hexdigest(),
                bytes=len(data),
                file=str(path),
                manifest=Manifest(
                    engine="litert",
                    method=name,
                    calibration=CalibratedOn(source=str(root / "data" / "calibration"), count=100),
                ),
                agreement=records.agreement_of(491),
                latency=records.latency_of(0.0098),
            )
        )
        cases += [
            records.case(name, "made", reason=f"read from {path}"),
            records.case(name, "top1_agreement"),
        ]
    variants.append(VariantRecord(name="broken", method="int8", error="ended by SIGSEGV"))
    cases.append(records.case("broken", "made", Verdict.FAIL, reason="ended by SIGSEGV"))
    record = records.record(variants, cases, **model)
    return Made(record, root, files, {records.MODEL: LABELS})
