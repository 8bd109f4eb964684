"""Arrays of two inputs and measures of the project's own, from the spec to verdict and record."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.config.load import parse
from edgeq.errors import SpecError
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge, why_inapplicable
from edgeq.results.recording import describe_models, record_run
from edgeq.results.thumbnails import illustrated
from tests.unit.tiny_model import Op, Tensor, build

SAMPLES = 40

FUNCTIONS = """
import numpy as np
seen = []
def error(outputs, labels):
    seen.append((outputs[0].shape, None if labels is None else labels.shape))
    return outputs[0].argmax(axis=1) != labels
def spread(outputs, labels):
    return outputs[0].std()
def fails(outputs, labels):
    raise KeyError("no dictionary")
def words(outputs, labels):
    return "good"
def short(outputs, labels):
    return np.zeros(3)
def infinite(outputs, labels):
    return np.inf
def far(outputs, labels):
    return np.full(len(labels), 7.0)
"""


def weights() -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)


def two_inputs(*, swapped: bool = False, int8: bool = False) -> bytes:
    """Return scores of 3 classes from a sound of 4 values and a mask of 2."""
    tensors = [
        Tensor("sound", (1, 4)),
        Tensor("mask", (1, 2)),
        Tensor("both", (1, 6)),
        Tensor("weights", (3, 6), data=weights()),
        Tensor("bias", (3,), data=np.zeros(3, np.float32)),
        Tensor("logits", (1, 3)),
        Tensor("scores", (1, 3)),
    ]
    ops = [
        Op("CONCATENATION", ("sound", "mask"), ("both",), axis=1),
        Op("FULLY_CONNECTED", ("both", "weights", "bias"), ("logits",)),
        Op("SOFTMAX", ("logits",), ("scores",)),
    ]
    inputs = ["sound", "mask"]
    if int8:
        tensors[0] = Tensor("inner", (1, 4))
        tensors.append(Tensor("sound", (1, 4), "int8", scales=(1 / 32,), zero_points=(3,)))
        ops = [
            Op("DEQUANTIZE", ("sound",), ("inner",)),
            Op("CONCATENATION", ("inner", "mask"), ("both",), axis=1),
            *ops[1:],
        ]
    return build(tensors, ops, inputs[::-1] if swapped else inputs, ["scores"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net.tflite").write_bytes(two_inputs())
    (tmp_path / "swapped.tflite").write_bytes(two_inputs(swapped=True, int8=True))
    generator = np.random.default_rng(1)
    mask = generator.normal(size=(SAMPLES, 2))
    sound = np.rint(generator.normal(size=(SAMPLES, 4)) * 32) / 32
    np.savez(tmp_path / "x.npz", mask=mask, sound=sound)
    best = (np.concatenate([sound, mask], axis=1) @ weights().T).argmax(axis=1)
    np.save(tmp_path / "y.npy", np.where(np.arange(SAMPLES) % 10, best, 0))
    (tmp_path / "own_measures_of_a_test.py").write_text(FUNCTIONS)
    monkeypatch.delitem(sys.modules, "own_measures_of_a_test", raising=False)
    return tmp_path


def run_of(folder: Path, **measures: dict[str, Any]) -> Run:
    for measure in measures.values():
        measure["function"] = f"own_measures_of_a_test:{measure['function']}"
    model = {
        "source": "net.tflite",
        "samples": {"evaluation": "x.npz", "labels": "y.npy"},
        "measures": measures,
    }
    table = {
        "models": {"net": model},
        "methods": [],
        "variants": {"swapped": {"model": "net", "file": "swapped.tflite"}},
        "without": ["latency", "memory", "size"],
    }
    return Run(parse(table, root=folder, origin=folder / "edgeq.toml"))


def judged(run: Run, *gates: str) -> dict[str, CaseRecord]:
    return {
        case.gate.name: judge(case)[0]
        for case in run.cases
        if (not gates or case.gate.name in gates) and why_inapplicable(case) is None
    }


def test_a_variant_with_its_inputs_in_another_order_gets_the_same_values(folder: Path) -> None:
    run = run_of(
        folder,
        own_error={"function": "error", "max": 0.9, "max_drop": 0.2},
        own_spread={"function": "spread", "max_drop": 0.5},
    )
    records = judged(run)
    assert [record.reason for record in records.values() if record.status is Verdict.FAIL] == []
    (variant,) = run.variants
    assert variant.agreement.agreeing == SAMPLES
    assert np.abs(variant.predictions.scores - variant.baseline.predictions.scores).max() < 1e-6
    error = records["own_error"]
    assert error.value == pytest.approx(1 - variant.accuracy.variant_top1.value)
    assert (records["own_error_drop"].value, records["own_error_drop"].status) == (
        0.0,
        Verdict.PASS,
    )
    assert records["own_spread_drop"].value == pytest.approx(0, abs=1e-6)
    module = sys.modules["own_measures_of_a_test"]
    assert module.seen == [((SAMPLES, 3), (SAMPLES,))] * 2  # once for each model
    described = describe_models(run)
    record = record_run(run, tuple(records.values()), described, started="2026", duration_s=1.0)
    (model,) = illustrated(run, record).record.models
    assert (model.arrays, model.preprocessing, model.sheets, model.pictures) == (True, None, (), ())
    measures = model.variants[0].measures
    assert [measure.name for measure in measures] == ["own_error", "own_spread"]


RUBBISH = {
    "fails": "failed: KeyError: 'no dictionary'",
    "words": "failed: ValueError",
    "short": "returns the shape [3] for 40 samples",
    "infinite": "not a finite number",
    "far": "returns values from 7 to 7, beyond range = [0.0, 1.0]",
    "absent": "no function 'absent'",
}


def test_a_function_that_returns_rubbish_is_bad_input_and_named(folder: Path) -> None:
    limits = {"max": 0.1, "range": [0.0, 1.0]}
    run = run_of(folder, **{f"own_{name}": {"function": name, **limits} for name in RUBBISH})
    for name, problem in RUBBISH.items():
        case = next(case for case in run.cases if case.gate.name == f"own_{name}")
        record, error = judge(case)
        assert record.status is Verdict.MISSING
        assert isinstance(error, SpecError)
        assert problem in str(error)
        assert f"models.net.measures.own_{name}" in str(error)
