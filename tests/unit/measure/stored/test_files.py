from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.errors import ModelError
from edgeq.faults.graph import Graph
from edgeq.measure.stored.files import FileComparison, compare_files
from edgeq.tflite.entry import entry
from edgeq.tflite.model_file import read_model
from tests.unit import tiny_model
from tests.unit.graphs import drawn, graph, read, whole
from tests.unit.measure.stored.nets import (
    OPS,
    Comparer,
    changed,
    constant,
    floats,
    of,
    only,
    stored_of,
    written,
)
from tests.unit.tiny_model import Op, Tensor, classifier

FLOATS = floats()
INT8 = of(FLOATS, "int8")


def test_everything_is_counted(compare: Comparer) -> None:
    found = compare(FLOATS, INT8)
    assert (found.layers, found.matched_layers) == (4, 4)
    assert (found.operators, found.matched_operators) == (6, 6)
    assert found.common_shapes == 1
    assert found.tensors == 9


def test_a_comparison_can_be_kept(compare: Comparer) -> None:
    found = compare(FLOATS, changed(INT8, "conv", -stored_of(INT8, "conv")))
    assert msgspec.json.decode(msgspec.json.encode(found), type=FileComparison) == found


def test_the_farthest_channel_is_that_nearest_its_limit(compare: Comparer) -> None:
    found = compare(FLOATS, changed(INT8, "point", -stored_of(INT8, "point")))
    assert "point" in found.weights_layer
    assert found.weights_distance == pytest.approx(found.findings[0].distance, abs=0.01)
    assert found.weights_limit == 2.9  # 16 weights a channel
    dense = compare(FLOATS, changed(INT8, "conv", -stored_of(INT8, "conv")))
    assert (dense.weights_limit, "conv" in dense.weights_layer) == (2.2, True)


def test_a_good_file_s_farthest_channel_is_that_of_any_layer(compare: Comparer) -> None:
    data = stored_of(INT8, "conv")
    data[3, 0, 0, :] += 1
    found = compare(FLOATS, changed(INT8, "conv", data))
    assert found.findings == ()
    assert "conv" in found.weights_layer
    assert found.weights_distance == pytest.approx(1.5, abs=0.5)
    assert found.weights_limit == 2.2


def test_findings_come_in_the_order_of_execution_and_what_is_certain_first(
    compare: Comparer,
) -> None:
    parts = changed(INT8, "dense", -stored_of(INT8, "dense"))
    parts = changed(parts, "conv", -stored_of(INT8, "conv"))
    found = compare(FLOATS, parts)
    assert [one.baseline_operator for one in found.findings] == [0, 4]
    # A pool in place of a mean may compute the same.
    pool = {"strideW": 8, "strideH": 8, "filterWidth": 8, "filterHeight": 8}
    ops = [*OPS[:3], Op("AVERAGE_POOL_2D", ("p",), ("m",), told=pool), *OPS[4:]]
    found = compare(FLOATS, parts, ops=ops)
    assert [(one.baseline_operator, one.certain) for one in found.findings] == [
        (0, True),
        (4, True),
        (3, False),
    ]


def test_another_network_has_few_layers_of_the_same_shape(compare: Comparer) -> None:
    other = {
        **FLOATS,
        "conv": constant("conv", drawn(8, 3, 3, 4)),
        "depthwise": constant("depthwise", drawn(1, 5, 5, 16)),
        "point": constant("point", drawn(24, 1, 1, 8)),
    }
    found = compare(FLOATS, other)
    assert found.common_shapes == 0.25
    assert found.matched_layers < 4


def test_shapes_are_common_wherever_the_layers_are(compare: Comparer) -> None:
    """A dense layer as a convolution, and axes in another order, have the same numbers."""
    other = {**FLOATS, "dense": constant("dense", stored_of(FLOATS, "dense").reshape(10, 1, 1, 24))}
    ops = [*OPS[:4], Op("CONV_2D", ("m", "dense", "dense_bias"), ("l",)), OPS[5]]
    found = compare(FLOATS, other, ops=ops)
    assert found.common_shapes == 1
    assert found.findings == ()
    assert found.matched_layers == 4


def test_shapes_count_as_often_as_they_are_there(compare: Comparer) -> None:
    twice = {**FLOATS, "more": Tensor("more", (1, 8, 8, 24))}
    twice["square"] = constant("square", drawn(24, 1, 1, 24))
    ops = [
        *OPS[:3],
        Op("CONV_2D", ("p", "square"), ("more",)),
        replace(OPS[3], inputs=("more", "axes")),
        *OPS[4:],
    ]
    found = compare(twice, FLOATS, baseline_ops=ops)
    assert (found.layers, found.matched_layers, found.common_shapes) == (5, 4, 0.8)


def test_a_network_without_weights_has_no_layers(tmp_path: Path) -> None:
    content = graph(Op("LOGISTIC", ("x",), ("y",)))
    found = compare_files(read(tmp_path, content, "a"), read(tmp_path, content, "b"))
    assert (found.layers, found.common_shapes, found.operators) == (0, 1.0, 1)
    assert (found.findings, found.unmatched) == ((), ())


def test_what_is_folded_is_neither_missing_nor_added(compare: Comparer) -> None:
    parts = {**FLOATS, "c": Tensor("c", (1, 8, 8, 24))}
    parts["factor"] = constant("factor", np.full(24, 2, np.float32))
    parts["point"] = constant("point", stored_of(FLOATS, "point") / 2)
    parts["point_bias"] = constant("point_bias", stored_of(FLOATS, "point_bias") / 2)
    ops = [
        *OPS[:2],
        replace(OPS[2], outputs=("c",)),
        Op("MUL", ("c", "factor"), ("p",)),
        *OPS[3:],
    ]
    for found in (
        compare(FLOATS, parts, ops=ops),
        compare(parts, FLOATS, baseline_ops=ops),
    ):
        assert (found.findings, found.unmatched) == ((), ())
        assert found.matched_layers == 4


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    baseline = read(tmp_path, written(FLOATS), "a")
    variant = read(tmp_path, written(INT8), "b")
    variant.path.write_bytes(variant.path.read_bytes()[:64])
    with pytest.raises(ModelError):
        compare_files(baseline, variant)


def data() -> Path:
    folder = os.environ.get("EDGEQ_DATA")
    if not folder:
        pytest.skip("EDGEQ_DATA is unset")
    return Path(folder)


@pytest.fixture
def resnet8() -> tuple[Path, Path]:
    models = data() / "models"
    return models / "resnet8_cifar10_float.tflite", models / "resnet8_cifar10_int8.tflite"


def test_the_pair_that_others_published_is_proven(resnet8: tuple[Path, Path]) -> None:
    found = compare_files(*map(read_model, resnet8))
    assert (found.findings, found.unmatched) == ((), ())
    assert found.matched_layers == found.layers == 10
    assert found.weights_distance < 1.5
    assert found.bias_distance <= 0.51


def test_every_layer_of_a_published_file_is_looked_at(
    resnet8: tuple[Path, Path], tmp_path: Path
) -> None:
    """In each layer, turn one row; in each, one bias."""
    baseline, path = read_model(resnet8[0]), resnet8[1]
    content = path.read_bytes()
    for at in range(len(Graph(content, path).layers())):
        for part in ("weights", "biases"):
            edited = Graph(content, path)
            layer = edited.layers()[at]
            assert layer.bias is not None
            values = edited.values(layer.weights if part == "weights" else layer.bias)
            values[np.abs(values.reshape(len(values), -1)).max(axis=1).argmax()] *= -1
            found = only(compare_files(baseline, read(tmp_path, edited.patched())))
            assert (found.part, found.operator) == (part, layer.operator)


@pytest.mark.parametrize("io", ["float16", "int8", "uint8", "int16"])
def test_other_types_at_the_borders_are_no_other_network(
    tmp_path: Path, io: tiny_model.IoType
) -> None:
    models = []
    for name, kind in (("plain", "float32"), ("other", io)):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(tiny_model.classifier(io=kind))  # type: ignore[arg-type]
        models.append(read_model(path))
    found = compare_files(*models)
    assert (found.findings, found.unmatched) == ((), ())
    assert found.matched_operators == found.operators


def test_what_the_preprocessing_of_the_other_file_does_is_not_added(tmp_path: Path) -> None:
    plain, inside = (
        read(tmp_path, content, name)
        for name, content in (("a", classifier()), ("b", classifier(divided=2)))
    )
    (added,) = compare_files(plain, inside).findings
    assert added.change == "added operator"
    operators = entry(inside).operators
    assert not compare_files(plain, inside, outside=((), operators)).findings
    assert not compare_files(inside, plain, outside=(operators, ())).findings


@pytest.mark.parametrize("name", ["IF", "WHILE", "CALL_ONCE"])
def test_operators_that_run_other_graphs_are_listed(tmp_path: Path, name: str) -> None:
    plain = read(tmp_path, graph(Op("LOGISTIC", ("x",), ("y",))), "plain.tflite")
    inputs, outputs = ((), ()) if name == "CALL_ONCE" else (("y",), ("z",))
    content = graph(Op("LOGISTIC", ("x",), ("y",)), Op(name, inputs, outputs))
    other = read(tmp_path, content, "other.tflite")
    assert compare_files(plain, plain).inner == ()
    assert compare_files(plain, other).inner == (f"{name} 1",)


PIXELS = (1, 4, 4, 3)
TO_ONE = (("SUB", 127.5), ("DIV", 127.5))
TO_ONE_OTHERWISE = (("MUL", 1 / 127.5), ("ADD", -1.0))


def entering(*steps: tuple[str, float], clipped: bool = False) -> bytes:
    """Return a convolution of pixels that are scaled and shifted before."""
    names = ["x", *(f"p{at}" for at in range(len(steps)))]
    ops = [
        Op(kind, (names[at], f"c{at}"), (names[at + 1],), told={"fusedActivationFunction": clipped})
        for at, (kind, _) in enumerate(steps)
    ]
    constants = {f"c{at}": np.array([value], np.float32) for at, (_, value) in enumerate(steps)}
    kernel = {"w": drawn(4, 3, 3, 3), "b": drawn(4)}
    pixels = [Tensor(name, PIXELS) for name in names]
    conv = Op("CONV_2D", (names[-1], "w", "b"), ("y",))
    return graph(*ops, conv, constants=constants | kernel, tensors=pixels)


def test_pixels_that_are_scaled_in_another_order_are_the_same(compare: Comparer) -> None:
    ours, theirs = entering(*TO_ONE), entering(*TO_ONE_OTHERWISE)
    for files in ((ours, theirs), (theirs, ours), (ours, ours)):
        found = compare.files(*files)
        assert (found.findings, found.unmatched) == ((), ())


@pytest.mark.parametrize(
    "other",
    [
        entering(("MUL", 1 / 127.5), ("ADD", -1.01)),
        entering(("MUL", 1 / 128), ("ADD", -1.0)),
        entering(*TO_ONE_OTHERWISE, clipped=True),
        entering(("MUL", 1 / 127.5)),
    ],
)
def test_pixels_that_are_scaled_otherwise_are_not(compare: Comparer, other: bytes) -> None:
    found = compare.files(entering(*TO_ONE), other)
    assert found.findings or found.unmatched


def coloured(*, reverses: bool = False, blue_first: bool = False, shifted: bool = False) -> bytes:
    """Return a convolution of pixels.

    Args:
        reverses: Whether it exchanges red and blue first.
        blue_first: Whether its weights and shifts are for that order.
        shifted: Whether it subtracts another mean from each channel first.
    """
    step = -1 if blue_first else 1
    kernel, mean = drawn(4, 3, 3, 3)[..., ::step], np.array([1, 2, 3], np.float32)[::step]
    ops, last = list[Op](), "x"
    if reverses:
        ops, last = [Op("REVERSE_V2", (last, "axis"), ("r",))], "r"
    if shifted:
        ops, last = [*ops, Op("SUB", (last, "mean"), ("s",))], "s"
    constants = {"w": np.ascontiguousarray(kernel), "b": drawn(4), "axis": whole(3), "mean": mean}
    pixels = [Tensor(name, PIXELS) for name in ("x", "r", "s")]
    return graph(*ops, Op("CONV_2D", (last, "w", "b"), ("y",)), constants=constants, tensors=pixels)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("reverses", [False, True])
@pytest.mark.parametrize("blue_first", [False, True])
def test_colours_must_reach_the_weights_in_their_order(
    tmp_path: Path, shifted: bool, declared: bool, reverses: bool, blue_first: bool
) -> None:
    plain = read(tmp_path, coloured(shifted=shifted), "plain.tflite")
    content = coloured(reverses=reverses, blue_first=blue_first, shifted=shifted)
    other = read(tmp_path, content, "other.tflite")
    for files, bgr in (((plain, other), (False, declared)), ((other, plain), (declared, False))):
        found = compare_files(*files, bgr=bgr)
        if (declared != reverses) == blue_first:
            assert (found.findings, found.unmatched) == ((), ())
            assert found.colours_fit is declared
        elif reverses or blue_first:
            assert any(finding.certain for finding in found.findings)
        else:  # the weights are the baseline's, and `input_range` says that it is fed otherwise
            assert (found.findings, found.colours_fit) == ((), False)
