from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.errors import ModelError
from edgeq.tflite.entry import entry, folded, preprocessing_of
from edgeq.tflite.model_file import read_model
from tests.unit.graphs import Array, drawn, graph
from tests.unit.tiny_model import Op, Tensor, build, classifier

SHAPE = (1, 4, 4, 3)
BLACK_AND_WHITE = np.array([[0.0, 0.0, 0.0], [255.0, 255.0, 255.0]])


def after(folder: Path, *ops: Op, tensors: tuple[Tensor, ...] = ()) -> list[list[float]]:
    """Return what the mean over height and width gets of black and of white."""
    made = dict.fromkeys(name for op in ops for name in op.outputs)
    known = {one.name for one in tensors}
    last = ops[-1].outputs[0] if ops else "image"
    every = [
        Tensor("image", SHAPE),
        Tensor("axes", (2,), "int32", np.array([1, 2], np.int32)),
        *tensors,
        *(Tensor(name, SHAPE) for name in made if name not in known),
        Tensor("features", (1, 3)),
    ]
    graph = [*ops, Op("MEAN", (last, "axes"), ("features",))]
    path = folder / "net.tflite"
    path.write_bytes(build(every, graph, ["image"], ["features"]))
    found: list[list[float]] = entry(read_model(path))(BLACK_AND_WHITE).round(4).tolist()
    return found


def constant(*values: float, name: str = "c", shape: tuple[int, ...] | None = None) -> Tensor:
    return Tensor(name, shape or (len(values),), data=np.array(values, np.float32))


@pytest.mark.parametrize(
    ("op", "values", "ends"),
    [
        (Op("SUB", ("image", "c"), ("x",)), (127.5,), ([-127.5] * 3, [127.5] * 3)),
        (Op("ADD", ("c", "image"), ("x",)), (1, 2, 3), ([1, 2, 3], [256, 257, 258])),
        (Op("MUL", ("c", "image"), ("x",)), (2.0,), ([0] * 3, [510] * 3)),
        (Op("DIV", ("image", "c"), ("x",)), (255.0,), ([0] * 3, [1] * 3)),
        (Op("DIV", ("c", "image"), ("x",)), (255.0,), ([0] * 3, [255] * 3)),
        (Op("SUB", ("c", "image"), ("x",)), (255.0,), ([0] * 3, [255] * 3)),
        (Op("DIV", ("image", "c"), ("x",)), (0.0,), ([0] * 3, [255] * 3)),
        (Op("MUL", ("image", "c"), ("x",)), (1, 2, 3, 4), ([0] * 3, [255] * 3)),
        (Op("RELU", ("image",), ("x",)), (1.0,), ([0] * 3, [255] * 3)),
    ],
)
def test_arithmetic_with_a_constant_is_followed(
    tmp_path: Path, op: Op, values: tuple[float, ...], ends: tuple[list[float], list[float]]
) -> None:
    assert after(tmp_path, op, tensors=(constant(*values),)) == list(ends)


def test_steps_follow_each_other_up_to_the_first_layer(tmp_path: Path) -> None:
    ops = (
        Op("QUANTIZE", ("image",), ("q",)),
        Op("DEQUANTIZE", ("q",), ("d",)),
        Op("SUB", ("d", "mean"), ("centred",)),
        Op("MUL", ("centred", "factor"), ("x",)),
        Op("RELU", ("x",), ("r",)),
        Op("MUL", ("r", "factor"), ("y",)),
    )
    tensors = (
        Tensor("q", SHAPE, "int8", None, (1.0,), (-128,)),
        constant(127.5, name="mean"),
        constant(1 / 127.5, name="factor"),
    )
    assert after(tmp_path, *ops, tensors=tensors) == [[-1.0] * 3, [1.0] * 3]


def test_what_two_operators_take_is_no_entry(tmp_path: Path) -> None:
    ops = (Op("MUL", ("image", "c"), ("x",)), Op("ADD", ("x", "image"), ("y",)))
    assert after(tmp_path, *ops, tensors=(constant(2.0),)) == [[0] * 3, [255] * 3]


def test_a_constant_that_was_quantized_is_read_by_its_scale(tmp_path: Path) -> None:
    stored = Tensor("c", (1,), "int8", np.array([100], np.int8), (0.5,), (0,))
    op = Op("SUB", ("image", "c"), ("x",))
    assert after(tmp_path, op, tensors=(stored,)) == [[-50] * 3, [205] * 3]
    assert entry(read_model(tmp_path / "net.tflite")).rounded


def test_a_file_that_begins_with_its_first_layer_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier())
    assert (entry(read_model(path))(BLACK_AND_WHITE) == BLACK_AND_WHITE).all()


SAME, VALID = 0, 1
IMAGE = (1, 6, 6, 3)
CONV = {"strideW": 2, "strideH": 2, "dilationWFactor": 1, "dilationHFactor": 1}
SCALE = np.array([0.5, 2.0, 0.25], np.float32)
SHIFT = np.array([3.0, -1.0, 7.0], np.float32)
BEFORE = (Op("MUL", ("x", "a"), ("m",)), Op("SUB", ("m", "b"), ("s",)))


def net(
    *before: Op,
    padding: int = VALID,
    depthwise: bool = False,
    constants: dict[str, Array] | None = None,
) -> bytes:
    """Return a network with operators between its input ``x`` and the convolution of ``s``."""
    side = 3 if padding == SAME else 2
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    options = {**CONV, "padding": padding, **({"depthMultiplier": 2} if depthwise else {})}
    shape = (1, 3, 3, 6) if depthwise else (6, 3, 3, 3)
    stored = {"a": SCALE, "b": SHIFT, "w": drawn(*shape, seed=1), "c": drawn(6, seed=2)}
    kept = [Tensor(tensor, IMAGE) for tensor in ("x", "m", "s", "t")]
    return graph(
        *before,
        Op(name, ("s" if before else "x", "w", "c"), ("y",), told=options),
        constants={**stored, **(constants or {})},
        tensors=[*kept, Tensor("y", (1, side, side, 6))],
    )


def outputs(content: bytes, image: Array) -> Array:
    from ai_edge_litert import interpreter as litert

    running = litert.Interpreter(model_content=content)
    running.allocate_tensors()
    running.set_tensor(running.get_input_details()[0]["index"], image)
    running.invoke()
    values: Array = running.get_tensor(running.get_output_details()[0]["index"])
    return values.copy()


def folded_file(tmp_path: Path, content: bytes) -> tuple[bytes, list[str]]:
    """Return a folded network and the names of its operators."""
    path, other = tmp_path / "a.tflite", tmp_path / "b.tflite"
    path.write_bytes(content)
    other.write_bytes(folded(path))
    return other.read_bytes(), [operator.name for operator in read_model(other).operators]


@pytest.mark.parametrize(
    ("padding", "depthwise", "names"),
    [
        (VALID, False, ["CONV_2D"]),
        (SAME, False, ["SUB", "CONV_2D"]),
        (VALID, True, ["DEPTHWISE_CONV_2D"]),
        (SAME, True, ["SUB", "DEPTHWISE_CONV_2D"]),
    ],
)
def test_the_answers_are_the_same_at_the_borders_too(
    tmp_path: Path, padding: int, depthwise: bool, names: list[str]
) -> None:
    content = net(*BEFORE, padding=padding, depthwise=depthwise)
    after, left = folded_file(tmp_path, content)
    assert left == names
    image = np.abs(drawn(*IMAGE, seed=3)) * 100
    np.testing.assert_allclose(outputs(after, image), outputs(content, image), rtol=1e-5, atol=1e-3)


def test_a_scale_alone_needs_nothing_at_the_borders(tmp_path: Path) -> None:
    content = net(Op("MUL", ("a", "x"), ("s",)), padding=SAME)
    after, left = folded_file(tmp_path, content)
    assert left == ["CONV_2D"]
    image = drawn(*IMAGE, seed=3)
    np.testing.assert_allclose(outputs(after, image), outputs(content, image), rtol=1e-5, atol=1e-5)


@settings(max_examples=40)
@given(
    names=st.lists(st.sampled_from(["MUL", "DIV", "ADD", "SUB"]), min_size=1, max_size=2),
    padding=st.sampled_from([SAME, VALID]),
    scalar=st.booleans(),
)
def test_any_chain_is_folded_or_refused(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], padding: int, scalar: bool
) -> None:
    tensors = ["x", *["m", "t"][: len(names) - 1], "s"]
    chain = [Op(name, (tensors[at], "ab"[at]), (tensors[at + 1],)) for at, name in enumerate(names)]
    constants = {"a": np.array(4, np.float32), "b": np.array([2.5], np.float32)} if scalar else {}
    content = net(*chain, padding=padding, constants=constants)
    folder = tmp_path_factory.mktemp("chain")
    only_shifts = not {"MUL", "DIV"} & set(names)
    if padding == SAME and only_shifts and len(names) == 1:
        with pytest.raises(ModelError, match="only a shift comes before it"):
            folded_file(folder, content)
        return
    after, left = folded_file(folder, content)
    assert len(left) <= len(names)
    image = drawn(*IMAGE, seed=5) * 9
    np.testing.assert_allclose(outputs(after, image), outputs(content, image), rtol=1e-4, atol=1e-3)


def test_what_is_done_to_each_channel_is_known(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(net(*BEFORE))
    before = preprocessing_of(read_model(path)).step
    np.testing.assert_array_equal(before.factor, SCALE)
    np.testing.assert_array_equal(before.offset, -SHIFT)
    assert before.operators == (0, 1)


@pytest.mark.parametrize(
    ("before", "constants", "reason"),
    [
        ((), {}, "nothing comes before"),
        ((Op("RELU", ("x",), ("s",)),), {}, "RELU comes before"),
        ((Op("SUB", ("b", "x"), ("s",)),), {}, "SUB comes before"),
        ((Op("MUL", ("x", "x"), ("s",)),), {}, "MUL comes before"),
        ((Op("MUL", ("x", "a"), ("s",)),), {"a": np.array([0, 1, 1], np.float32)}, "a factor is 0"),
        (
            (Op("MUL", ("x", "a"), ("s",), told={"fusedActivationFunction": 1}),),
            {},
            "MUL has an activation function",
        ),
        (
            (Op("MUL", ("x", "a"), ("s",)), Op("ADD", ("x", "b"), ("t",))),
            {},
            "several operators take its input",
        ),
    ],
)
def test_what_can_not_be_folded_is_said(
    tmp_path: Path, before: tuple[Op, ...], constants: dict[str, Array], reason: str
) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(net(*before, constants=constants))
    with pytest.raises(ModelError, match=reason) as caught:
        folded(path)
    assert caught.value.remedy == "Remove `fold_preprocessing`"


def whole(name: str, *values: int) -> Tensor:
    return Tensor(name, (len(values),), "int32", np.array(values, np.int32))


SLICE = Op("STRIDED_SLICE", ("image", "b", "e", "s"), ("x",), told={"beginMask": 15, "endMask": 15})
ENDS = (whole("b", 0, 0, 0, 0), whole("e", 0, 0, 0, 0))
ELLIPSIS = {"ellipsisMask": 1, "beginMask": 2, "endMask": 2}


@pytest.mark.parametrize(
    ("op", "tensors", "reverses"),
    [
        (Op("REVERSE_V2", ("image", "c"), ("x",)), (whole("c", 3),), True),
        (Op("REVERSE_V2", ("image", "c"), ("x",)), (whole("c", -1),), True),
        (Op("REVERSE_V2", ("image", "c"), ("x",)), (whole("c", 2),), False),
        (Op("GATHER", ("image", "c"), ("x",), told={"axis": 3}), (whole("c", 2, 1, 0),), True),
        (Op("GATHER", ("image", "c"), ("x",), told={"axis": 3}), (whole("c", 1, 2, 0),), False),
        (Op("GATHER", ("image", "c"), ("x",), told={"axis": 2}), (whole("c", 2, 1, 0),), False),
        (SLICE, (*ENDS, whole("s", 1, 1, 1, -1)), True),
        (SLICE, (*ENDS, whole("s", 1, 1, -1, -1)), False),
        (SLICE, (*ENDS, whole("s", 1, 1, 1, 1)), False),
        (
            Op("STRIDED_SLICE", ("image", "b", "e", "s"), ("x",), told=ELLIPSIS),
            (whole("b", 0, 0), whole("e", 0, 0), whole("s", 1, -1)),
            True,
        ),
    ],
)
def test_red_and_blue_exchanged_are_followed(
    tmp_path: Path, op: Op, tensors: tuple[Tensor, ...], reverses: bool
) -> None:
    """What comes behind is told in the order of the input."""
    shift = Op("SUB", ("x", "d"), ("z",))
    ends = after(tmp_path, op, shift, tensors=(*tensors, constant(1, 2, 3, name="d")))
    assert ends[0] == ([-3, -2, -1] if reverses else [0, 0, 0])
    assert entry(read_model(tmp_path / "net.tflite")).is_reversed is reverses
