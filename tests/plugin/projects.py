"""Small projects that the tests of the plugin run pytest in.

A project has a tiny float model, a few generated photographs in class folders, a spec, and the
shipped suite. Its store is shared between tests, so that what one made the next one reads.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from edgeq.judge.verdict import Verdict
from edgeq.record import structs as records
from edgeq.record.structs import CaseRecord, RunRecord
from tests.unit import tiny_model

SUITE = "from edgeq.gate import *\n"
SIZE = (8, 8)
CLASSES = 40
IMAGES = 12
GATES = {
    "size_reduction": -1.0,
    "max_bytes": 1_000_000,
    "top1_agreement": 0.5,
    "worst_cosine": 0.5,
    "accuracy_drop": 0.5,
    "latency_ratio": 1000.0,
    "max_peak_memory": "4 GB",
}
"""Limits that every variant below keeps."""

XDIST = ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID")
"""Variables by which a gate knows that other tests run at the same time."""
OPTIONS = ("-W", "error", "-p", "no:hypothesispytest")
"""Warnings are errors; a plugin that takes most of a second to load stays out."""

Table = dict[str, Any]


class Project:
    """A folder with a spec, its models and photographs, and a suite.

    Attributes:
        spec: The spec's table; change it, then ``write``.
        root: The folder.
    """

    def __init__(self, pytester: pytest.Pytester, store: Path) -> None:
        self._pytester = pytester
        self.root = pytester.path
        self.spec: Table = {
            "methods": ["float16"],
            "default_gates": False,
            "store": str(store),
            "models": {"tiny": {"source": "net.tflite", "preprocessing": {"filter": "bilinear"}}},
            "variants": {"vendor": {"model": "tiny", "file": "vendor.tflite"}},
            "images": {"evaluation": "evaluation"},
            "gates": dict(GATES),
            "latency": {"rounds": 16, "block": 2, "warmup": 1},
        }
        self.save_model("net.tflite")
        self.save_model("vendor.tflite", io="uint8")
        save_photographs(self.root / "evaluation")
        (self.root / "test_gate.py").write_text(SUITE, encoding="utf-8")

    def save_model(self, name: str, **shape: Any) -> Path:
        """Write a model as ``tiny_model.classifier`` makes it."""
        described: Table = {"size": SIZE, "classes": CLASSES, "seed": 1, **shape}
        path = self.root / name
        path.write_bytes(tiny_model.classifier(**described))
        return path

    def write(self, text: str | None = None) -> None:
        """Write the spec, or this text in its place."""
        said = to_toml(self.spec) if text is None else text
        (self.root / "edgeq.toml").write_text(said, encoding="utf-8")

    def run(self, *arguments: str) -> pytest.RunResult:
        """Write the spec if none is, and run pytest in a process of its own."""
        if not (self.root / "edgeq.toml").exists():
            self.write()
        return self._pytester.runpytest_subprocess(*OPTIONS, *arguments)

    def gate(self, *arguments: str) -> pytest.RunResult:
        """Run ``edgeq gate`` in a process of its own."""
        return self._pytester.run(sys.executable, "-m", "edgeq.cli", "gate", *arguments)

    @property
    def reports(self) -> Path:
        """The folder of the last run's report."""
        return self.root / "reports" / "latest"

    @property
    def record(self) -> RunRecord:
        """The last run's record."""
        return records.read(self.reports / "run.json")

    def benchmarks(self) -> list[Path]:
        """Return what pytest-benchmark saved, in order."""
        return sorted((self.root / "reports" / "benchmarks").rglob("*.json"))


def save_photographs(
    folder: Path, *, count: int = IMAGES, seed: int = 0, flat: bool = False
) -> None:
    """Write small photographs, each about one colour, into folders of their classes or one folder.

    Their classes are those that ``net.tflite`` gives them: a baseline that guesses clears nobody.
    """
    generator = np.random.default_rng(seed)
    labels: list[int] = []
    for number in range(count):
        label, pixels = _photograph(generator)
        while labels.count(label) >= max(1, count // 3):
            label, pixels = _photograph(generator)
        labels.append(label)
        target = folder if flat else folder / str(label)
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(target / f"{number:03}.png")


def _photograph(generator: np.random.Generator) -> tuple[int, np.ndarray[Any, Any]]:
    noise = generator.integers(-20, 21, (*SIZE, 3))
    pixels = np.clip(generator.integers(0, 256, 3) + noise, 0, 255)
    return tiny_model.class_of(pixels, classes=CLASSES, seed=1), pixels


def to_toml(table: Mapping[str, Any], path: str = "") -> str:
    """Return nested tables of plain values as TOML."""
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"[{path}]"] if path else []
    lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines.append(to_toml(value, f"{path}.{json.dumps(key)}" if path else json.dumps(key)))
    return "\n".join(lines) + "\n"


def statuses(record: RunRecord) -> dict[str, Verdict]:
    """Return the verdicts of a record by case."""
    return {case.id: case.status for case in record.cases}


def suite_properties(file: Path) -> dict[str, str]:
    """Return the properties of a JUnit file's suite; those of its tests are not among them."""
    document = ET.parse(file)  # noqa: S314 - pytest wrote it
    return {
        one.attrib["name"]: one.attrib["value"]
        for one in document.iterfind("./testsuite/properties/property")
    }


def case(record: RunRecord, case_id: str) -> CaseRecord:
    """Return one case of a record."""
    return next(one for one in record.cases if one.id == case_id)


def plain(record: RunRecord) -> Table:
    """Return a record as JSON has it."""
    found: Table = msgspec.json.decode(records.to_json(record))
    return found


def text_of(result: pytest.RunResult) -> str:
    """Return all that a run wrote."""
    return "\n".join([*result.outlines, *result.errlines])
