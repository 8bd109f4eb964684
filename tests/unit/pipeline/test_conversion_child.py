"""The comparison of a float file with its source, whose runtime is replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.config.structs import Preprocessing
from edgeq.judge.conversion import conversion
from edgeq.judge.verdict import Verdict
from edgeq.measure.conversion import Conversion
from edgeq.models.export_request import ExportRequest
from edgeq.models.own_runtime import OwnRuntime
from edgeq.pipeline import conversion_child
from edgeq.pipeline.conversion_child import Comparison, compare
from tests.unit.tiny_model import Head, heads, recurrent

Floats = npt.NDArray[np.float32]


def scores(pixels: Floats) -> Floats:
    """Return what ``heads`` gives for a head of five values."""
    generator = np.random.default_rng(0)
    weights = generator.normal(0, 0.02, (5, 3)).astype(np.float32)
    bias = generator.normal(0, 0.1, 5).astype(np.float32)
    return np.asarray(pixels.mean(axis=(1, 2)) @ weights.T + bias, np.float32)


def compared(folder: Path) -> Conversion:
    """Compare ``net.tflite`` of a folder with its source on ``pixels.npy``."""
    return compare(
        Comparison(
            source=ExportRequest(kind="function", name="nets:net", root=""),
            file=str(folder / "net.tflite"),
            pixels=str(folder / "pixels.npy"),
            preprocessing=Preprocessing(),
            role="calibration",
        )
    )


@pytest.mark.parametrize(
    ("infer", "calls", "verdict"),
    [
        (scores, [9], Verdict.PASS),
        (lambda pixels: scores(pixels) * len(pixels), [9] + [1] * 9, Verdict.PASS),
        (lambda pixels: scores(pixels)[:, ::-1], [9] + [1] * 9, Verdict.FAIL),
    ],
    ids=["same", "differs in batches", "differs"],
)
def test_a_source_runs_one_by_one_only_if_batches_differ(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    infer: Callable[[Floats], Floats],
    calls: list[int],
    verdict: Verdict,
) -> None:
    sizes = list[int]()

    def note(inputs: Mapping[str, npt.NDArray[Any]]) -> Mapping[str, Floats]:
        (value,) = inputs.values()
        sizes.append(len(value))
        return {"scores": infer(value)}

    monkeypatch.setattr(
        conversion_child, "own_runtime", lambda _: OwnRuntime("Keras 3", note, batched=True)
    )
    (tmp_path / "net.tflite").write_bytes(heads(Head("scores", 5), signatures=("scores",)))
    random = np.random.default_rng(1)
    np.save(tmp_path / "pixels.npy", random.integers(0, 256, (9, 4, 4, 3), np.uint8))
    measured = compared(tmp_path)
    assert (measured.samples, conversion(measured).status) == (9, verdict)
    assert sizes == calls


def test_each_sample_starts_from_a_fresh_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that keeps none gives the same for a sample whatever came before."""
    weights = np.random.default_rng(0).normal(0, 0.01, (5, 3)).astype(np.float32)

    def infer(inputs: Mapping[str, npt.NDArray[Any]]) -> Mapping[str, Floats]:
        (value,) = inputs.values()
        return {"scores": np.asarray(value.mean(axis=(1, 2)) @ weights.T, np.float32)}

    monkeypatch.setattr(
        conversion_child, "own_runtime", lambda _: OwnRuntime("Keras 3", infer, batched=True)
    )
    (tmp_path / "net.tflite").write_bytes(recurrent(signatures=("scores",)))
    np.save(tmp_path / "pixels.npy", np.full((3, 4, 4, 3), 100, np.uint8))
    measured = compared(tmp_path)
    assert conversion(measured).status is Verdict.PASS
