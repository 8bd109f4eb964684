from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from edgeq.config.target_kinds import KINDS, NoSettings
from edgeq.errors import EdgeqError, ModelRefusedError
from edgeq.run.session import Session
from edgeq.run.targets import Target
from edgeq.targets import micro
from edgeq.targets.check import beside_lines, beside_local, check, lines
from edgeq.targets.gpu_worker import captured
from edgeq.targets.tiny import model
from tests.unit.graphs import graph
from tests.unit.tiny_model import Op, Tensor, classifier, recurrent

KIND = KINDS.get("tflite-micro")


@pytest.fixture
def target() -> Target:
    try:
        version("tflite-micro")
    except PackageNotFoundError:
        pytest.skip("the extra tflite-micro is not installed")
    return micro.start("mcu", NoSettings())


def test_a_missing_package_says_where_there_are_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> NoReturn:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(micro, "version", missing)
    with pytest.raises(EdgeqError, match="needs the package 'tflite-micro'") as caught:
        micro.start("mcu", NoSettings())
    assert "pip install 'edgeq[tflite-micro]'" in str(caught.value.remedy)


def test_its_own_kernels_give_the_known_answers(target: Target) -> None:
    checked = check(KIND, target)
    assert checked.problems == ()
    text = "\n".join(lines(checked))
    assert "tflite-micro" in text
    assert "kernels reference, answers as known, time not applicable" in text


def test_each_sample_starts_from_a_fresh_state(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "recurrent.tflite"
    path.write_bytes(recurrent())
    assert beside_local(KIND, target, path).sameness.differing == 0


def test_an_int8_file_answers_like_the_reference_kernels(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes(model("int8"))
    beside = beside_local(KIND, target, path)
    assert beside.sameness.differing == 0
    assert beside.there.arena_bytes is not None
    assert 0 < beside.there.arena_bytes < 100_000
    assert f"arena      {beside.there.arena_bytes:,} bytes" in list(beside_lines(beside))


def test_the_arena_is_the_models(target: Target, tmp_path: Path) -> None:
    sizes = []
    for side in (4, 64):
        path = tmp_path / f"{side}.tflite"
        path.write_bytes(classifier(size=(side, side)))
        with Session(target, timeout_s=60, memory_limit=None) as session:
            sizes.append(session.load(path, threads=1, kernels="reference").arena_bytes)
    assert sizes[0] is not None
    assert sizes[1] is not None
    assert sizes[1] - sizes[0] >= (64 * 64 - 4 * 4) * 3 * 4


def test_an_operator_that_it_lacks_is_named(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "odd.tflite"
    path.write_bytes(graph(Op("RELU_N1_TO_1", ("x",), ("y",))))
    with (
        Session(target, timeout_s=60, memory_limit=None) as session,
        pytest.raises(ModelRefusedError) as caught,
    ):
        session.load(path, threads=1, kernels="reference")
    assert "RELU_N1_TO_1" in str(caught.value)


@pytest.mark.parametrize("scales", [(0.5,), (0.5, 0.5)])
def test_weights_with_one_scale_are_dequantized_like_here(
    scales: tuple[float, ...], target: Target, tmp_path: Path
) -> None:
    path = tmp_path / "weight_only.tflite"
    path.write_bytes(weight_only(scales))
    assert beside_local(KIND, target, path).sameness.differing == 0


def test_weights_with_a_scale_for_each_channel_are_refused(target: Target, tmp_path: Path) -> None:
    """TFLM would use the first channel's scale for all, and say nothing."""
    path = tmp_path / "weight_only.tflite"
    path.write_bytes(weight_only((0.5, 0.25)))
    with (
        Session(target, timeout_s=60, memory_limit=None) as session,
        pytest.raises(ModelRefusedError) as caught,
    ):
        session.load(path, threads=1, kernels="reference")
    assert "DEQUANTIZE takes one scale for a tensor, and 'stored' has 2" in str(caught.value)
    assert "Use a method that computes in integers, such as int8" in str(caught.value)


def weight_only(scales: tuple[float, ...]) -> bytes:
    """Return a dense layer of two channels whose int8 weights are made floats before it."""
    stored = np.array([[10, 20, 30, 40], [50, 60, 70, 80]], np.int8)
    return graph(
        Op("DEQUANTIZE", ("stored",), ("weights",)),
        Op("FULLY_CONNECTED", ("x", "weights", ""), ("y",)),
        tensors=(
            Tensor("stored", (2, 4), "int8", stored, scales=scales),
            Tensor("weights", (2, 4)),
            Tensor("x", (1, 4)),
            Tensor("y", (1, 2)),
        ),
    )


def test_what_native_code_prints_is_caught() -> None:
    result, text = captured(lambda: sys.stderr.write("first\nsecond\n"), prints=False)
    assert (result, text.split()) in [(13, ["first", "second"]), (13, [])], (
        "pytest may hold standard error"
    )
    error, _ = captured(lambda: int("x"))
    assert isinstance(error, ValueError)
