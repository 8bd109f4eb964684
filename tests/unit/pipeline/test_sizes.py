"""The default limit on size, on a network of which scales and graph are a good part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeq.config.methods import METHODS
from edgeq.config.presets import DEFAULT_LIMITS
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge
from tests.unit.faults.project import lay_out, spec
from tests.unit.quantize.network import WIDTH

DEPTHWISE_WEIGHTS = 9 * WIDTH
METHODS_OF_LITERT = [name for name, method in METHODS if "litert" in method.engines]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("sizes"))


def judged(root: Path, gate: str, **keys: Any) -> CaseRecord:
    run = Run(spec(root, **{"default_gates": True, "gates": {}, **keys}))
    (case,) = (one for one in run.cases if one.gate.name == gate)
    return judge(case)[0]


@pytest.mark.parametrize("method", METHODS_OF_LITERT)
def test_every_method_passes_on_a_small_network(root: Path, method: str) -> None:
    for gate in ("size_reduction", "types"):
        found = judged(root, gate, methods=[method])
        assert found.status is Verdict.PASS, found.reason


def test_a_small_network_can_not_save_what_a_large_one_saves(root: Path) -> None:
    found = judged(root, "size_reduction", methods=["dynamic_range"])
    assert found.limit is not None
    assert found.limit < DEFAULT_LIMITS["dynamic_range"]["size_reduction"]
    asked = judged(root, "size_reduction", methods=["dynamic_range"], gates={"size_reduction": 0.7})
    assert (asked.status, asked.limit) == (Verdict.FAIL, 0.7)


@pytest.mark.parametrize("method", METHODS_OF_LITERT)
def test_the_float_file_passes_for_no_method(root: Path, method: str) -> None:
    (root / "again.tflite").write_bytes((root / "net.tflite").read_bytes() + bytes(16))
    claim = {"model": "net", "file": "again.tflite", "method": method}
    found = judged(root, "size_reduction", methods=[], variants={"file": claim})
    assert found.status is Verdict.FAIL
    assert "as if not quantized" in found.reason


@pytest.mark.parametrize(
    ("method", "units"),
    [
        ("dynamic_range", {"dense_weights": "float32"}),
        ("int8", {"conv_weights": "float32", "dense_weights": "weight_only_int8"}),
        ("weight_only_int8", {"dense_weights": "weight_only_int4"}),
        ("int16x8", {"conv_weights": "float16"}),
    ],
)
def test_units_that_are_made_in_another_way_count_as_they_are(
    root: Path, method: str, units: dict[str, str]
) -> None:
    mix = {"model": "net", "method": method, "units": units}
    for gate in ("size_reduction", "types"):
        found = judged(root, gate, methods=[], variants={"mix": mix})
        assert found.status is Verdict.PASS, found.reason


def test_only_the_units_that_are_named_may_take_more(root: Path) -> None:
    mix = {"model": "net", "method": "int8", "float_units": ["depthwise_weights"]}
    defaults: dict[str, Any] = {"default_gates": True, "gates": {}}
    (mixed,) = Run(spec(root, methods=[], variants={"mix": mix}, **defaults)).variants
    (plain,) = Run(spec(root, methods=["int8"], **defaults)).variants
    need, least = mixed.least, plain.least
    assert need is not None
    assert least is not None
    assert need.weights - least.weights == (4 - 1) * DEPTHWISE_WEIGHTS
