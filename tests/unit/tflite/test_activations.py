from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.tflite.activations import Activation, activations
from edgeq.tflite.constants import Constants
from edgeq.tflite.matching import Matching, match
from edgeq.tflite.model_file import read_model
from edgeq.tflite.skeleton import skeleton
from tests.unit.tiny_model import Op, Tensor, build, classifier

SHAPE = (1, 2, 2, 3)
WEIGHTS = np.ones((3, 3), np.float32)


def model(*, quantized: bool, scale: float = 0.1) -> bytes:
    """Return a dense layer, a reshape and a logistic, in float or in int8."""

    def tensor(name: str, shape: tuple[int, ...], step: float = scale) -> Tensor:
        if not quantized:
            return Tensor(name, shape)
        point = -128 if name == "sigmoid" else 0
        return Tensor(name, shape, "int8", scales=(step,), zero_points=(point,))

    weights = (
        Tensor("w", (3, 3), "int8", WEIGHTS.astype(np.int8), (0.01,), (0,))
        if quantized
        else Tensor("w", (3, 3), data=WEIGHTS)
    )
    tensors = [
        tensor("in", (1, 3)),
        weights,
        tensor("dense", (1, 3)),
        Tensor("shape", (3,), "int32", np.array([1, 3, 1], np.int32)),
        tensor("shaped", (1, 3, 1)),
        tensor("sigmoid", (1, 3, 1), 1 / 256),
    ]
    ops = [
        Op("FULLY_CONNECTED", ("in", "w"), ("dense",)),
        Op("RESHAPE", ("dense", "shape"), ("shaped",)),
        Op("LOGISTIC", ("shaped",), ("sigmoid",)),
    ]
    return build(tensors, ops, ["in"], ["sigmoid"])


def found_in(tmp_path: Path, baseline: bytes, variant: bytes) -> dict[str, Activation]:
    matching = matched(tmp_path, baseline, variant)
    found = activations(matching.variant.model, matching)
    return {one.tensor.name: one for one in found}


def matched(tmp_path: Path, *contents: bytes) -> Matching:
    files = []
    for at, content in enumerate(contents):
        path = tmp_path / f"{at}.tflite"
        path.write_bytes(content)
        files.append(read_model(path))
    return match(*(skeleton(one, Constants(one)) for one in files))


def test_each_activation_has_the_baselines_tensor(tmp_path: Path) -> None:
    baseline, variant = model(quantized=False), model(quantized=True)
    found = found_in(tmp_path, baseline, variant)
    names = [one.name for one in read_model(tmp_path / "0.tflite").tensors]
    assert {
        name: names[one.baseline] for name, one in found.items() if one.baseline is not None
    } == {"in": "in", "dense": "dense", "shaped": "dense", "sigmoid": "sigmoid"}


def test_what_shares_a_scale_and_what_is_bound_is_known(tmp_path: Path) -> None:
    found = found_in(tmp_path, model(quantized=False), model(quantized=True))
    assert found["dense"].group == found["shaped"].group
    assert len(found["in"].group) == 1
    assert found["sigmoid"].bound == (1 / 256, -128)
    assert found["dense"].bound is None


def test_a_float_file_has_none(tmp_path: Path) -> None:
    float_model = model(quantized=False)
    assert found_in(tmp_path, float_model, float_model) == {}


def test_without_a_match_nothing_is_known_of_the_baseline(tmp_path: Path) -> None:
    path = tmp_path / "variant.tflite"
    path.write_bytes(model(quantized=True))
    found = activations(read_model(path), None)
    assert [one.baseline for one in found] == [None] * 4


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_left_to_other_proofs(tmp_path: Path, scale: float) -> None:
    found = found_in(tmp_path, model(quantized=False), model(quantized=True, scale=scale))
    assert set(found) == {"sigmoid"}


@pytest.mark.parametrize("kept", [False, True])
def test_pixels_are_the_same_before_and_after_they_become_real_numbers(
    tmp_path: Path, kept: bool
) -> None:
    entry = Tensor("pixels", (1, 4, 4, 3), "uint8")
    variant = classifier(io="int8")
    if kept:  # as litert-quantizer leaves it: integers, real numbers, and integers with a scale
        middle = Tensor("stored", (1, 4, 4, 3), "int8", scales=(1.0,), zero_points=(-128,))
        tensors = [entry, Tensor("image", (1, 4, 4, 3)), middle, Tensor("out", (1, 4, 4, 3))]
        ops = [Op("CAST", ("pixels",), ("image",)), Op("QUANTIZE", ("image",), ("stored",))]
        ops.append(Op("DEQUANTIZE", ("stored",), ("out",)))
        variant = build(tensors, ops, ["pixels"], ["out"])
    matching = matched(tmp_path, classifier(entry=entry), variant)
    ours = matching.baseline.model
    first = activations(matching.variant.model, matching)[0]
    assert first.tensor.name == ("stored" if kept else "input")
    assert first.baseline is not None
    assert ours.tensors[first.baseline].name == "image"


def test_inputs_in_another_order_have_the_values_of_their_names(tmp_path: Path) -> None:
    """The shapes of both are the same, so nothing else tells them apart."""

    def difference(*inputs: str, scales: tuple[float, ...]) -> bytes:
        dtype = "int8" if scales else "float32"
        steps: dict[str, float] = dict(zip(("p", "q", "y"), scales, strict=False))
        tensors = [
            Tensor(name, (1, 3), dtype, None, tuple(filter(None, (steps.get(name),))), (0,))
            if scales
            else Tensor(name, (1, 3))
            for name in ("p", "q", "y")
        ]
        return build(tensors, [Op("SUB", ("p", "q"), ("y",))], inputs, ["y"])

    baseline = difference("p", "q", scales=())
    held = found_in(tmp_path, baseline, difference("q", "p", scales=(0.1, 0.2, 0.3)))
    assert {name: activation.baseline for name, activation in held.items()} == {
        "p": 0,
        "q": 1,
        "y": 2,
    }


@pytest.mark.parametrize(
    ("scale", "point", "defined"), [(1 / 256, -128, True), (1 / 128, 0, False)]
)
def test_a_range_by_definition_needs_no_counterpart(
    tmp_path: Path, scale: float, point: int, defined: bool
) -> None:
    tensors = [
        Tensor("in", (1, 3), "int8", scales=(0.1,), zero_points=(0,)),
        Tensor("p", (1, 3), "int8", scales=(scale,), zero_points=(point,)),
    ]
    path = tmp_path / "net.tflite"
    path.write_bytes(build(tensors, [Op("SOFTMAX", ("in",), ("p",))], ["in"], ["p"]))
    found = {one.tensor.name: one.is_as_defined for one in activations(read_model(path), None)}
    assert found == {"in": False, "p": defined}


def fused_and_apart(kind: str) -> tuple[bytes, bytes]:
    """Return a float convolution with its RELU fused, and an int8 one with the RELU apart.

    Args:
        kind: What averages all places behind them: a MEAN, and in the int8 file this.
    """
    kernel = np.ones((3, 1, 1, 3), np.float32)
    axes = Tensor("axes", (2,), "int32", np.array([1, 2], np.int32))

    def steps(name: str, shape: tuple[int, ...], *, quantized: bool) -> Tensor:
        if not quantized:
            return Tensor(name, shape)
        return Tensor(name, shape, "int8", scales=(0.1,), zero_points=(0,))

    def content(*, quantized: bool) -> bytes:
        pool = quantized and kind == "AVERAGE_POOL_2D"
        tensors = [
            steps("x", SHAPE, quantized=quantized),
            Tensor("w", kernel.shape, "int8", kernel.astype(np.int8), (1.0,), (0,))
            if quantized
            else Tensor("w", kernel.shape, data=kernel),
            axes,
            *(steps(name, SHAPE, quantized=quantized) for name in ("before", "behind")),
            steps("mean", (1, 1, 1, 3) if pool else (1, 3), quantized=quantized),
        ]
        conv = Op(
            "CONV_2D",
            ("x", "w"),
            ("before" if quantized else "behind",),
            told={"fusedActivationFunction": 0 if quantized else 1},
        )
        whole = {"filterHeight": 2, "filterWidth": 2, "strideH": 1, "strideW": 1, "padding": 1}
        mean = (
            Op("AVERAGE_POOL_2D", ("behind",), ("mean",), told=whole)
            if pool
            else Op("MEAN", ("behind", "axes"), ("mean",))
        )
        apart = [Op("RELU", ("before",), ("behind",))] if quantized else []
        return build(tensors, [conv, *apart, mean], ["x"], ["mean"])

    return content(quantized=False), content(quantized=True)


@pytest.mark.parametrize("kind", ["MEAN", "AVERAGE_POOL_2D"])
def test_what_another_converter_writes_apart_has_a_counterpart(tmp_path: Path, kind: str) -> None:
    matching = matched(tmp_path, *fused_and_apart(kind))
    ours, theirs = matching.baseline.model, matching.variant.model
    names = {
        one.tensor.name: None if one.baseline is None else ours.tensors[one.baseline].name
        for one in activations(theirs, matching)
    }
    assert names == {"x": "x", "before": "behind", "behind": "behind", "mean": "mean"}
