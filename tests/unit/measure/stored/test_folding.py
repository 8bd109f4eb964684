from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.measure.stored.files import compare_files
from edgeq.measure.stored.finding import StoredModel
from edgeq.measure.stored.folding import Affine, changes_nothing, fold
from edgeq.tflite.skeleton import CLAMPS
from tests.unit.graphs import BIAS, FIELD, KERNEL, drawn, graph, read
from tests.unit.measure.stored.nets import RELU6, Array, Comparer, Parts, constant, rounded
from tests.unit.tiny_model import Op, Tensor

FACTOR = np.array([0.5, -2.0, 3.0, 1.5], np.float32)
SUMMAND = drawn(4, seed=4)
CONV = Op("CONV_2D", ("x", "w", "b"), ("a",))
LAST = Op("CONV_2D", ("z", "v"), ("y",))
CONSTANTS = {"w": KERNEL, "b": BIAS, "v": KERNEL, "factor": FACTOR, "summand": SUMMAND}


def folded(folder: Path, *ops: Op, only: set[int], **constants: Array) -> Affine:
    content = graph(*ops, constants=CONSTANTS | constants)
    file = StoredModel.of(read(folder, content))
    return fold(file, file.skeleton.nodes[0], only)


@pytest.mark.parametrize(
    ("name", "factor", "summand"),
    [
        ("MUL", FACTOR, 0),
        ("DIV", 1 / FACTOR.astype(float), 0),
        ("ADD", 1, FACTOR),
        ("SUB", 1, -FACTOR),
    ],
)
def test_arithmetic_with_a_constant_is_folded(
    tmp_path: Path, name: str, factor: Array, summand: Array
) -> None:
    found = folded(tmp_path, CONV, Op(name, ("a", "factor"), ("z",)), LAST, only={1})
    assert found.factor == pytest.approx(np.broadcast_to(factor, found.factor.shape))
    assert found.summand == pytest.approx(np.broadcast_to(summand, found.summand.shape))
    assert found.nodes == (1,)
    assert found.activation == "NONE"
    assert found.scales is (name in {"MUL", "DIV"})


def test_the_side_of_a_constant_matters_where_it_does(tmp_path: Path) -> None:
    for name in ("MUL", "ADD"):
        assert folded(tmp_path, CONV, Op(name, ("factor", "a"), ("z",)), LAST, only={1}).nodes
    for name in ("SUB", "DIV"):
        found = folded(tmp_path, CONV, Op(name, ("factor", "a"), ("z",)), LAST, only={1})
        assert found == Affine("NONE", CLAMPS["NONE"], found.factor, found.summand)
        assert not found.scales


def test_steps_in_a_row_are_one(tmp_path: Path) -> None:
    ops = (
        CONV,
        Op("ADD", ("a", "summand"), ("s",)),
        Op("MUL", ("s", "factor"), ("m",)),
        Op("SUB", ("m", "summand"), ("z",), told=RELU6),
        LAST,
    )
    found = folded(tmp_path, *ops, only={1, 2, 3})
    assert found.nodes == (1, 2, 3)
    assert found.factor == pytest.approx(FACTOR)
    assert found.summand == pytest.approx(SUMMAND * FACTOR - SUMMAND)
    assert found.activation == "RELU6"
    divided = folded(tmp_path, CONV, ops[1], Op("DIV", ("s", "factor"), ("z",)), LAST, only={1, 2})
    assert divided.summand == pytest.approx(SUMMAND / FACTOR)


def test_what_both_files_have_is_not_folded(tmp_path: Path) -> None:
    ops = CONV, Op("MUL", ("a", "factor"), ("m",)), Op("ADD", ("m", "summand"), ("z",)), LAST
    assert folded(tmp_path, *ops, only=set()).nodes == ()
    assert folded(tmp_path, *ops, only={2}).nodes == ()
    assert folded(tmp_path, *ops, only={1}).nodes == (1,)


def test_nothing_is_folded_over_an_activation(tmp_path: Path) -> None:
    conv = Op("CONV_2D", ("x", "w", "b"), ("a",), told=RELU6)
    found = folded(tmp_path, conv, Op("MUL", ("a", "factor"), ("z",)), LAST, only={1})
    assert (found.nodes, found.activation) == ((), "RELU6")
    ops = (
        CONV,
        Op("MUL", ("a", "factor"), ("m",), told=RELU6),
        Op("ADD", ("m", "summand"), ("z",)),
        LAST,
    )
    found = folded(tmp_path, *ops, only={1, 2})
    assert (found.nodes, found.activation) == ((1,), "RELU6")


def test_nothing_is_folded_that_somebody_else_takes_unfolded(tmp_path: Path) -> None:
    ops = CONV, Op("MUL", ("a", "factor"), ("m",)), Op("ADD", ("m", "a"), ("z",)), LAST
    assert folded(tmp_path, *ops, only={1}).nodes == ()


def test_only_one_number_for_each_channel_is_folded(tmp_path: Path) -> None:
    ops = CONV, Op("MUL", ("a", "map"), ("z",)), LAST
    assert folded(tmp_path, *ops, only={1}, map=drawn(1, 4, 4, 4)).nodes == ()
    assert folded(tmp_path, *ops, only={1}, map=drawn(1, 1, 1, 4)).nodes == (1,)
    scalar = folded(tmp_path, *ops, only={1}, map=np.array(2.0, np.float32))
    assert scalar.factor == 2


def test_other_operators_are_not_folded(tmp_path: Path) -> None:
    for op in (
        Op("MAXIMUM", ("a", "factor"), ("z",)),
        Op("ADD", ("a", "x"), ("z",)),
        Op("LOGISTIC", ("a",), ("z",)),
    ):
        assert folded(tmp_path, CONV, op, LAST, only={1}).nodes == ()


def test_nothing_is_folded_into_what_is_no_layer(tmp_path: Path) -> None:
    ops = Op("LOGISTIC", ("x",), ("a",)), Op("MUL", ("a", "factor"), ("z",)), LAST
    assert folded(tmp_path, *ops, only={1}).nodes == ()


def parts(**changes: Array) -> Parts:
    constants = {"w": KERNEL, "v": KERNEL, "b": BIAS, "factor": FACTOR, "summand": SUMMAND}
    return {name: constant(name, values) for name, values in (constants | changes).items()} | {
        name: Tensor(name, FIELD) for name in ("x", "a", "m", "z", "y")
    }


UNFOLDED = (
    Op("CONV_2D", ("x", "w"), ("a",)),
    Op("MUL", ("a", "factor"), ("m",)),
    Op("ADD", ("m", "summand"), ("z",), told=RELU6),
    LAST,
)
FOLDED = (Op("CONV_2D", ("x", "w", "b"), ("z",), told=RELU6), LAST)


def test_a_folded_normalization_is_the_unfolded_one(compare: Comparer) -> None:
    both = (
        (parts(), UNFOLDED),
        (parts(w=KERNEL * FACTOR.reshape(4, 1, 1, 1), b=SUMMAND), FOLDED),
    )
    for (baseline, ours), (variant, theirs) in (both, both[::-1]):
        found = compare(baseline, variant, ops=theirs, baseline_ops=ours)
        assert (found.findings, found.unmatched) == ((), ())
        assert found.matched_layers == found.layers == 2
        assert found.weights_distance < 0.1


def test_a_folded_normalization_that_was_rounded_is_compared_in_its_own_steps(
    compare: Comparer,
) -> None:
    real = parts(w=KERNEL * FACTOR.reshape(4, 1, 1, 1), b=SUMMAND)
    real["w"], real["v"] = rounded(real["w"], 0), rounded(real["v"], 0)
    found = compare(parts(), real, ops=FOLDED, baseline_ops=UNFOLDED)
    assert found.findings == ()
    assert 0.8 < found.weights_distance < np.sqrt(3)
    # The other way round the variant's steps are multiplied by what follows.
    variant = parts()
    variant["w"], variant["v"] = rounded(variant["w"], 0), rounded(variant["v"], 0)
    baseline = parts(w=KERNEL * FACTOR.reshape(4, 1, 1, 1), b=SUMMAND)
    found = compare(baseline, variant, ops=UNFOLDED, baseline_ops=FOLDED)
    assert found.findings == ()
    assert 0.8 < found.weights_distance < np.sqrt(3)


def few_steps(values: Array, times: float = 1.0) -> Tensor:
    """Return a summand in int8, in steps that are so many times as large as necessary."""
    step = times * float(np.abs(values).max()) / 127
    return Tensor("summand", values.shape, "int8", np.rint(values / step).astype(np.int8), (step,))


def test_a_bias_that_an_int8_constant_adds_is_compared_in_the_constant_s_steps(
    compare: Comparer,
) -> None:
    apart = (Op("CONV_2D", ("x", "w"), ("a",)), Op("ADD", ("a", "summand"), ("z",)), LAST)
    fused = (Op("CONV_2D", ("x", "w", "b"), ("z",)), LAST)
    baseline = parts(b=SUMMAND)
    good = parts() | {"summand": few_steps(SUMMAND)}
    assert compare(baseline, good, ops=apart, baseline_ops=fused).findings == ()
    for bad in (few_steps(SUMMAND[::-1].copy()), few_steps(0.98 * SUMMAND), few_steps(SUMMAND, 9)):
        found = compare(baseline, parts() | {"summand": bad}, ops=apart, baseline_ops=fused)
        assert {one.part for one in found.findings} == {"biases"}


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"factor": FACTOR[::-1].copy()}, "weights"),
        ({"summand": SUMMAND[::-1].copy()}, "biases"),
        ({"summand": 0 * SUMMAND}, "biases"),
        ({"w": KERNEL[::-1].copy()}, "weights"),
    ],
)
def test_what_is_folded_is_compared(compare: Comparer, changes: Parts, part: str) -> None:
    baseline = parts(w=KERNEL * FACTOR.reshape(4, 1, 1, 1), b=SUMMAND)
    found = compare(baseline, parts(**changes), ops=UNFOLDED, baseline_ops=FOLDED)  # type: ignore[arg-type]
    assert {one.part for one in found.findings} == {part}
    assert all(one.certain for one in found.findings)


def test_a_lost_activation_behind_what_is_folded_is_found(compare: Comparer) -> None:
    baseline = parts(w=KERNEL * FACTOR.reshape(4, 1, 1, 1), b=SUMMAND)
    plain = Op("ADD", ("m", "summand"), ("z",))
    found = compare(baseline, parts(), ops=(*UNFOLDED[:2], plain, LAST), baseline_ops=FOLDED)
    assert [one.change for one in found.findings] == ["lost activation"]


@pytest.mark.parametrize(
    ("name", "value", "nothing"),
    [("MUL", 1.0, True), ("MUL", 1.01, False), ("ADD", 0.0, True), ("ADD", 0.1, False)],
)
def test_an_operator_that_changes_nothing_is_no_finding(
    tmp_path: Path, name: str, value: float, nothing: bool
) -> None:
    factor = np.full(4, value, np.float32)
    with_it = graph(
        Op("RELU", ("x",), ("r",)),
        Op(name, ("r", "factor"), ("a",)),
        Op("CONV_2D", ("a", "v"), ("y",)),
        constants=CONSTANTS | {"factor": factor},
    )
    file = StoredModel.of(read(tmp_path, with_it))
    place = next(one.place for one in file.skeleton.nodes if one.operator.name == name)
    assert changes_nothing(file, file.skeleton.nodes[place]) is nothing


def test_the_input_times_one_is_the_same_network(tmp_path: Path) -> None:
    plain = graph(Op("CONV_2D", ("x", "w", "b"), ("y",)), constants=CONSTANTS)
    times_one = graph(
        Op("MUL", ("x", "factor"), ("a",)),
        Op("CONV_2D", ("a", "w", "b"), ("y",)),
        constants=CONSTANTS | {"factor": np.ones(1, np.float32)},
    )
    files = []
    for name, content in (("plain", plain), ("times_one", times_one)):
        folder = tmp_path / name
        folder.mkdir()
        files.append(read(folder, content))
    for ours, theirs in (files, files[::-1]):
        found = compare_files(ours, theirs)
        assert (found.findings, found.unmatched) == ((), ())
        assert found.matched_layers == found.layers == 1
