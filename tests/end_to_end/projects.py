"""Projects on real models, run as their users run them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgeq.judge.verdict import Verdict
from edgeq.record import structs
from edgeq.record.structs import CaseRecord, RunRecord
from tests.plugin.projects import CLASSES, SIZE, save_photographs
from tests.unit import tiny_model

ROOT = Path(__file__).parents[2]
STORE = ROOT / ".edgeq"
RUN_S = 1500

OWN_STORE = 'store = "store"\n'
"""Comes first in the spec of a project that shares nothing with the repository's runs."""
TWIN = """
methods = []
default_gates = false
[models.tiny]
source = "net.tflite"
preprocessing.filter = "bilinear"
[variants.vendor]
model = "tiny"
file = "vendor.tflite"
[images]
evaluation = "evaluation"
"""
"""The spec of a tiny model beside a variant that gives the same outputs; targets follow."""


@dataclass(frozen=True)
class Ran:
    """What one run of ``edgeq gate`` left."""

    code: int
    output: str
    folder: Path

    @property
    def record(self) -> RunRecord:
        return structs.read(self.folder / "reports" / "latest" / "run.json")

    def case(self, case_id: str) -> CaseRecord:
        return next(case for case in self.record.cases if case.id == case_id)

    def verdict(self, case_id: str) -> Verdict:
        return self.case(case_id).status


def save_twin(folder: Path) -> None:
    """Write the models and photographs of ``TWIN``."""
    net = tiny_model.classifier(size=SIZE, classes=CLASSES, seed=1)
    vendor = tiny_model.classifier(size=SIZE, classes=CLASSES, seed=1, io="uint8")
    (folder / "net.tflite").write_bytes(net)
    (folder / "vendor.tflite").write_bytes(vendor)
    save_photographs(folder / "evaluation")


def gate(folder: Path, *arguments: str, spec: str | None = None) -> Ran:
    """Run the gate in a folder. Its store is the repository's own, so exports are made once."""
    if spec is not None:
        (folder / "edgeq.toml").write_text(f'store = "{STORE}"\n{spec}', encoding="utf-8")
    done = edgeq(folder, "gate", *arguments)
    return Ran(done.returncode, done.stdout + done.stderr, folder)


def edgeq(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "edgeq.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )


def data_folder() -> Path:
    """Return the folder of real weights and photographs, or skip the test."""
    value = os.environ.get("EDGEQ_DATA")
    if not value:
        pytest.skip("EDGEQ_DATA is not set: real weights and photographs are not at hand")
    return Path(value)
