"""A network with each kind of layer, as parts that a test can change one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgeq.measure.stored.files import FileComparison, compare_files
from edgeq.measure.stored.finding import Finding
from tests.unit.graphs import drawn, read, whole
from tests.unit.tiny_model import Op, Tensor, build

Array = np.ndarray[Any, Any]
Parts = dict[str, Tensor]
Kind = Literal["float32", "float16", "int8", "int4", "dynamic", "int16x8", "uint8"]

RELU, RELU6 = {"fusedActivationFunction": 1}, {"fusedActivationFunction": 3}
OPS = (
    Op("CONV_2D", ("x", "conv", "conv_bias"), ("a",), told=RELU6),
    Op("DEPTHWISE_CONV_2D", ("a", "depthwise", "depthwise_bias"), ("d",), told=RELU),
    Op("CONV_2D", ("d", "point", "point_bias"), ("p",)),
    Op("MEAN", ("p", "axes"), ("m",)),
    Op("FULLY_CONNECTED", ("m", "dense", "dense_bias"), ("l",)),
    Op("SOFTMAX", ("l",), ("y",)),
)
SHAPES = {
    "conv": (16, 3, 3, 4),
    "depthwise": (1, 3, 3, 16),
    "point": (24, 1, 1, 16),
    "dense": (10, 24),
}
AXES = {"conv": 0, "depthwise": 3, "point": 0, "dense": 0}
INPUTS = {"conv": "x", "depthwise": "a", "point": "d", "dense": "m"}
FIELDS = {
    "x": (1, 8, 8, 4),
    "a": (1, 8, 8, 16),
    "d": (1, 8, 8, 16),
    "p": (1, 8, 8, 24),
    "m": (1, 24),
    "l": (1, 10),
    "y": (1, 10),
}
STEPS = {
    "x": (0.02, 3),
    "a": (6 / 255, -128),
    "d": (0.04, -128),
    "p": (0.05, 11),
    "m": (0.03, 7),
    "l": (0.1, -5),
    "y": (1 / 256, -128),
}
"""Scale and zero point of the activations of an int8 file."""


def floats(*, seed: int = 0) -> Parts:
    """Return the parts of the float network."""
    parts = {name: Tensor(name, shape) for name, shape in FIELDS.items()}
    parts["axes"] = Tensor("axes", (2,), "int32", whole(1, 2))
    for at, (name, shape) in enumerate(SHAPES.items()):
        channels = shape[AXES[name]]
        parts[name] = constant(name, drawn(*shape, seed=10 * seed + at))
        bias = drawn(channels, seed=10 * seed + at + 5)
        parts[f"{name}_bias"] = constant(f"{name}_bias", bias)
    return parts


def constant(name: str, data: Array) -> Tensor:
    """Return a constant as it is."""
    return Tensor(name, data.shape, data.dtype.name, data)


def rounded(
    tensor: Tensor,
    axis: int | None,
    *,
    bits: int = 8,
    factor: float | Array = 1.0,
    asymmetric: bool = False,
) -> Tensor:
    """Return weights rounded to whole numbers.

    Args:
        tensor: The float ones.
        axis: Of the channels, None for one step for all.
        bits: Of the whole numbers.
        factor: Of the steps beside those that the greatest weight asks for, one or one a channel.
        asymmetric: Whether they are ``uint8`` with a zero point.
    """
    data = np.asarray(tensor.data, np.float64)
    rest = tuple(at for at in range(data.ndim) if at != axis)
    top = 2 ** (bits - 1) - 1
    if asymmetric:
        low, high = min(data.min(), 0.0), max(data.max(), 0.0)
        step = np.float32((high - low) / 255)
        point = int(np.rint(-low / step))
        stored = np.clip(np.rint(data / step) + point, 0, 255).astype(np.uint8)
        return Tensor(tensor.name, data.shape, "uint8", stored, (float(step),), (point,))
    greatest = np.abs(data).max(axis=rest if axis is not None else None)
    steps = np.asarray(np.maximum(greatest, 1e-12) / top * factor, np.float32)
    spread = steps if axis is None else np.expand_dims(steps, rest)
    stored = np.clip(np.rint(data / spread), -top, top)
    return restored(
        Tensor(tensor.name, data.shape, scales=tuple(steps.ravel().tolist()), axis=axis or 0),
        stored,
        bits=bits,
    )


def restored(tensor: Tensor, stored: Array, *, bits: int = 8) -> Tensor:
    """Return quantized weights with other whole numbers."""
    if bits == 4:
        pairs = (stored.astype(np.int8).ravel() & 15).astype(np.uint8).reshape(-1, 2)
        return replace(tensor, dtype="int4", data=pairs[:, 0] | pairs[:, 1] << 4)
    kind = {8: np.int8, 16: np.int16}[bits]
    return replace(tensor, dtype=np.dtype(kind).name, data=stored.astype(kind))


def bias(parts: Mapping[str, Tensor], name: str, values: Array, *, bits: int = 32) -> Tensor:
    """Return a layer's biases in steps of its input times its weights."""
    steps = np.asarray(parts[INPUTS[name]].scales[0] * np.array(parts[name].scales), np.float32)
    raw = np.rint(values / steps.astype(np.float64))
    limits = np.iinfo(f"int{bits}")
    data = np.clip(raw, limits.min, limits.max).astype(f"int{bits}")
    return Tensor(f"{name}_bias", data.shape, data.dtype.name, data, tuple(steps.tolist()))


def of(parts: Mapping[str, Tensor], kind: Kind) -> Parts:
    """Return the float network in another type, as a good converter writes it."""
    made = dict(parts)
    whole_file = kind in {"int8", "int16x8", "uint8"}
    if whole_file:
        made |= {name: _field(parts[name], kind) for name in STEPS}
    for name in SHAPES:
        made[name] = _weights(parts[name], AXES[name], kind)
        biases = np.asarray(parts[f"{name}_bias"].data, np.float32)
        if kind == "float16":
            made[f"{name}_bias"] = constant(f"{name}_bias", biases.astype(np.float16))
        elif whole_file:
            made[f"{name}_bias"] = bias(made, name, biases, bits=64 if kind == "int16x8" else 32)
    return made


def _field(tensor: Tensor, kind: Kind) -> Tensor:
    step, point = STEPS[tensor.name]
    if kind == "int16x8":
        return replace(tensor, dtype="int16", scales=(step / 256,))
    point += 128 if kind == "uint8" else 0
    dtype = "uint8" if kind == "uint8" else "int8"
    return replace(tensor, dtype=dtype, scales=(step,), zero_points=(point,))


def _weights(tensor: Tensor, axis: int, kind: Kind) -> Tensor:
    if kind == "float32":
        return tensor
    if kind == "float16":
        return constant(tensor.name, np.asarray(tensor.data, np.float32).astype(np.float16))
    if kind == "uint8":
        return rounded(tensor, None, asymmetric=True)
    return rounded(tensor, axis, bits=4 if kind == "int4" else 8)


def stored_of(parts: Mapping[str, Tensor], name: str) -> Array:
    """Return a copy of what is stored for a part."""
    data = parts[name].data
    assert data is not None
    return data.copy()


def changed(parts: Mapping[str, Tensor], name: str, data: Array) -> Parts:
    """Return parts of which one stores other numbers of the same type."""
    usual = parts[name].data
    assert usual is not None
    return {**parts, name: replace(parts[name], data=data.astype(usual.dtype))}


def written(
    parts: Mapping[str, Tensor], ops: Sequence[Op] = OPS, outputs: Sequence[str] = ("y",)
) -> bytes:
    """Return the file of a network."""
    return build(list(parts.values()), ops, ["x"], outputs)


class Comparer:
    """Compares networks by their files.

    Args:
        folder: Of the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        baseline: Mapping[str, Tensor],
        variant: Mapping[str, Tensor],
        *,
        ops: Sequence[Op] = OPS,
        baseline_ops: Sequence[Op] = OPS,
    ) -> FileComparison:
        """Return what a variant holds beside its baseline."""
        return self.files(written(baseline, baseline_ops), written(variant, ops))

    def files(self, baseline: bytes, variant: bytes) -> FileComparison:
        """Return the same of two files."""
        return compare_files(
            read(self.folder, baseline, "baseline.tflite"),
            read(self.folder, variant, "variant.tflite"),
        )


def only(found: FileComparison) -> Finding:
    """Return the one finding of a comparison in which nothing stayed open."""
    assert found.unmatched == ()
    assert len(found.findings) == 1, found.findings
    return found.findings[0]
