"""Tensors and models as text and facts."""

from __future__ import annotations

from edgeq.run.results import TensorSpec


def tensor(shape: tuple[int, ...]) -> TensorSpec:
    return TensorSpec(
        index=3,
        name="t",
        shape=shape,
        dtype="uint8",
        channels=1,
        quantization=(0.5, 7),
    )


def test_a_tensor_reads_as_its_type_and_shape() -> None:
    assert str(tensor((1, 2, 3))) == "uint8 1x2x3"
    assert str(tensor(())) == "uint8 scalar"


def test_a_tensors_scale_and_zero_point() -> None:
    assert (tensor((1,)).scale, tensor((1,)).zero_point) == (0.5, 7)
