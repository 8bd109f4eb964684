"""Edits, delegation, and which models can be fed what."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.errors import ModelRefusedError, WorkerError
from edgeq.run.loading import (
    LoadReport,
    delegation,
    patch,
    require_samples,
    require_tensors,
    understand,
)
from edgeq.run.results import Loaded, TensorSpec


def tensor(shape: tuple[int, ...], dtype: str = "float32", channels: int = 0) -> TensorSpec:
    return TensorSpec(
        index=0,
        name="t",
        shape=shape,
        dtype=dtype,
        channels=channels,
        quantization=(0.0, 0),
    )


def loaded(inputs: list[TensorSpec], outputs: list[TensorSpec] | None = None) -> Loaded:
    report = LoadReport(
        handle=1,
        inputs=tuple(inputs),
        outputs=tuple(outputs or [tensor((1, 5))]),
        batch=1,
        init_s=0.1,
        nodes=(("ADD", (0,), (1,)),),
    )
    return understand(report, kernels="xnnpack", threads=2, where="net")


@given(st.binary(max_size=20), st.data())
def test_edits_overwrite_inside_and_append_at_the_end(content: bytes, data: st.DataObject) -> None:
    expected, edits = bytearray(content), []
    for _ in range(data.draw(st.integers(0, 4))):
        new = data.draw(st.binary(max_size=len(expected)))
        offset = data.draw(st.integers(0, len(expected) - len(new)) | st.just(len(expected)))
        edits.append((offset, new))
        for at, byte in enumerate(new):
            if offset + at < len(expected):
                expected[offset + at] = byte
            else:
                expected.append(byte)
    file = io.BytesIO(content)
    patch(file, edits)
    assert file.getvalue() == bytes(expected)


@pytest.mark.parametrize("edit", [(-1, b"x"), (4, b"x"), (2, b"xy"), (0, b"wxyz")])
def test_an_edit_outside_is_refused(edit: tuple[int, bytes]) -> None:
    with pytest.raises(WorkerError, match="outside 3 bytes"):
        patch(io.BytesIO(b"abc"), [edit])


def test_delegation_counts_operators_between_a_partitions_ends() -> None:
    own = [
        ("A", (0, 90), (1,)),
        ("B", (1,), (2,)),
        ("C", (2, 1), (3,)),
        ("D", (3,), (4,)),
        ("E", (4, 2), (5,)),
    ]
    assert delegation(own) == (5, 0, 0)
    first = ("DELEGATE", (0, 90), (3, 2))
    assert delegation([*own, first]) == (5, 3, 1)
    second = ("DELEGATE", (4, 2), (5,))
    assert delegation([*own, first, second]) == (5, 4, 2)


def test_delegation_of_a_long_chain_and_of_optional_inputs() -> None:
    chain = [("A", (number, -1), (number + 1,)) for number in range(5000)]
    assert delegation([*chain, ("DELEGATE", (0,), (5000,))]) == (5000, 5000, 1)


def test_xnnpack_that_took_nothing_is_reported_as_the_builtin_kernels() -> None:
    assert loaded([tensor((1, 4, 4, 3))]).kernels == "builtin"


def test_an_input_with_several_scales_is_refused() -> None:
    with pytest.raises(ModelRefusedError, match="3 scales"):
        loaded([tensor((1, 4, 4, 3), "int8", channels=3)])


@pytest.mark.parametrize("shape", [(1, 4, 6, 3), (8, 4, 6, 3), (1, 3, 4, 6), (1, 1, 4, 6)])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8", "int16", "int32"])
def test_images_of_the_right_size_are_taken(shape: tuple[int, ...], dtype: str) -> None:
    require_samples(loaded([tensor(shape, dtype)]), (1, 4, 6, 3), where="net")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([tensor((1, 4, 4, 3))], "float32 1x4x4x3, but is given images of 4x6"),
        ([tensor((1, 3, 6, 4))], "given images of 4x6"),
        ([tensor((1, 4, 6, 3), "bool")], "bool"),
        ([tensor((1, 4, 6, 2))], "1x4x6x2"),
        ([tensor((1, 72))], "1x72"),
        ([tensor(())], "scalar"),
        ([tensor((1, 4, 6, 3)), tensor((1,))], "2 inputs"),
        ([], "0 inputs"),
    ],
)
def test_models_that_take_something_else_are_refused(inputs: list[TensorSpec], said: str) -> None:
    with pytest.raises(ModelRefusedError, match=said):
        require_samples(loaded(inputs), (1, 4, 6, 3), where="net")


def test_outputs_that_are_no_numbers_of_ours_are_refused() -> None:
    model = loaded([tensor((1, 4, 6, 3))], [tensor((1, 5)), tensor((1,), "int64")])
    with pytest.raises(ModelRefusedError, match="is int64"):
        require_samples(model, (1, 4, 6, 3), where="net")


@pytest.mark.parametrize(
    ("dtype", "given_dtype", "fits"),
    [
        ("int8", "int8", True),
        ("int8", "float32", True),
        ("int8", "uint8", False),
        ("int32", "int32", True),
        ("int32", "float32", False),
    ],
)
def test_arrays_fit_by_type(dtype: str, given_dtype: str, *, fits: bool) -> None:
    model, arrays = loaded([tensor((2, 3), dtype)]), [np.zeros((2, 3), given_dtype)]
    if fits:
        require_tensors(model, arrays, where="")
    else:
        with pytest.raises(ModelRefusedError, match=f"takes {dtype} 2x3, but is given"):
            require_tensors(model, arrays, where="")


@pytest.mark.parametrize("shapes", [[], [(2, 3), (2, 3)], [(3, 2)]])
def test_arrays_fit_by_number_and_shape(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ModelRefusedError):
        require_tensors(
            loaded([tensor((2, 3))]), [np.zeros(shape, np.float32) for shape in shapes], where=""
        )
