"""The error of each single unit at each precision, and predictions for mixes from it. Pure.

The squared error of a mix is the sum of the squared errors of its units, image by image, because
the units' contributions to the error of the deciding tensor are nearly uncorrelated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.methods import FLOAT32
from edgeq.config.structs import Precision

Doubles = npt.NDArray[np.float64]

Mix = Mapping[str, Precision]
"""The precision of every unit, by its name."""

Aim = Literal["size", "latency"]
"""What to minimize."""

MIN_SAVING = 0.02
"""Minimum share of a unit's float bytes that a precision must save. Less is not worth the error and
the type conversions at the unit's borders."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One unit at one precision, everything else in float32.

    Attributes:
        squares: Squared error of each output for each image, ``(images, outputs)``: the squared
            norm of the difference divided by the mean squared norm of the baseline's output.
        bytes: Size of the file minus that of the float file in bytes; negative if it is smaller.
            The float file is the one that the quantization library writes, which differs in size
            from the baseline's, however little is quantized.
    """

    squares: tuple[tuple[float, ...], ...]
    bytes: int

    @property
    def mean_square(self) -> float:
        """The mean over the images of the squared errors, summed over the outputs.

        It is additive over units.
        """
        return float(np.asarray(self.squares).mean(axis=0).sum())


@dataclass(frozen=True)
class Row:
    """One unit.

    Attributes:
        name: Name of the unit.
        weight_bytes: Bytes of the unit's float weights.
        cells: The unit's cells by precision, without float32, whose error is 0.
        seconds: By precision, the seconds that an inference takes in addition to one of a variant
            made entirely by the method that the repair starts from; empty if time does not matter.
    """

    name: str
    weight_bytes: int
    cells: Mapping[Precision, Cell]
    seconds: Mapping[Precision, float] = field(default_factory=dict)

    def bytes(self, precision: Precision) -> int | None:
        """Return the bytes that a precision adds to the float file, None if they are not known."""
        if precision == FLOAT32:
            return 0
        cell = self.cells.get(precision)
        return None if cell is None else cell.bytes

    def cost(self, precision: Precision, aim: Aim, base: Precision | None = None) -> float | None:
        """Return the cost of the unit at a precision, in bytes or seconds, None if it is not known.

        ``base`` is a precision that as much of the model as possible should keep. Any other
        precision costs ``MIN_SAVING`` of the unit's float bytes, and bytes that it saves do not
        count.
        """
        if aim == "latency":
            return self.seconds.get(precision)
        own = self.bytes(precision)
        usual = None if base is None else self.bytes(base)
        if own is None or usual is None or precision == base:
            return own if base is None or own is None else 0.0
        return max(own - usual, 0) + MIN_SAVING * self.weight_bytes

    def square(self, precision: Precision) -> float:
        """Return the mean squared error of the unit alone at a precision."""
        return 0.0 if precision == FLOAT32 else self.cells[precision].mean_square

    def worthwhile(self, aim: Aim, base: Precision | None = None) -> tuple[Precision, ...]:
        """Return the precisions that are worth their error, the most exact first.

        A precision is left out if its error is not finite, or if it saves no more than
        ``MIN_SAVING`` of the unit's float bytes compared with the cheapest more exact one.
        """
        saving = MIN_SAVING * self.weight_bytes if aim == "size" and base is None else 0.0
        every: tuple[Precision, ...] = (FLOAT32, *self.cells)
        exact_first = sorted(
            (self.square(name), cost, name)
            for name in every
            if (cost := self.cost(name, aim, base)) is not None and np.isfinite(self.square(name))
        )
        worth: list[Precision] = []
        cheapest = np.inf
        for _, cost, name in exact_first:
            if cost < cheapest - saving:
                worth.append(name)
                cheapest = cost
        return tuple(worth)


@dataclass(frozen=True)
class ErrorTable:
    """Error, bytes and time of every unit at every precision.

    Attributes:
        rows: The units, in the order of execution.
        float_bytes: Size in bytes of the float file that the quantization library writes.
        outputs: Number of deciding outputs.
        images: Number of images on which errors were measured.
    """

    rows: tuple[Row, ...]
    float_bytes: int
    outputs: int
    images: int

    @cached_property
    def _by_name(self) -> Mapping[str, Row]:
        return {row.name: row for row in self.rows}

    def extended(self, cells: Mapping[tuple[str, Precision], Cell]) -> ErrorTable:
        """Return the table with more cells, by name of the unit and precision."""
        rows = (
            replace(
                row,
                cells={
                    **row.cells,
                    **{name: cell for (unit, name), cell in cells.items() if unit == row.name},
                },
            )
            for row in self.rows
        )
        return replace(self, rows=tuple(rows))

    def squares(self, mix: Mix) -> Doubles:
        """Return the predicted squared errors of a mix, shape ``(images, outputs)``."""
        total = np.zeros((self.images, self.outputs))
        for name, precision in mix.items():
            if precision != FLOAT32:
                total += np.asarray(self._by_name[name].cells[precision].squares)
        return total

    def error(self, mix: Mix) -> float:
        """Return the predicted relative error of a mix, as the gate ``relative_error`` defines it.

        That is the mean over the images, for the output with the greatest mean.
        """
        return gate_error(self.squares(mix))

    def bytes(self, mix: Mix) -> int:
        """Return the predicted size of a mix's file in bytes."""
        return self.float_bytes + sum(
            self._by_name[name].cells[precision].bytes
            for name, precision in mix.items()
            if precision != FLOAT32
        )

    def share(self, name: str, precision: Precision) -> float:
        """Return the relative error of one unit alone at a precision; 0 for float32."""
        if precision == FLOAT32:
            return 0.0
        return gate_error(np.asarray(self._by_name[name].cells[precision].squares))


def gate_error(squares: Doubles) -> float:
    """Return the value of the gate ``relative_error`` for squared errors, ``(images, outputs)``."""
    return float(np.sqrt(squares).mean(axis=0).max())


def relative_squares(
    baseline: Sequence[npt.NDArray[np.float32]],
    variant: Sequence[npt.NDArray[np.float32]],
    *,
    logits: bool,
) -> Doubles:
    """Return the squared relative errors of outputs, shape ``(images, outputs)``.

    Args:
        baseline: The baseline's outputs, ``(images, d)`` each.
        variant: The variant's outputs, of the same shapes.
        logits: Whether the outputs are logits. Logits are centred image by image, since
            probabilities do not depend on an added constant. Errors of other outputs are relative
            to their variation between images, or to their norm if they don't vary.

    Returns:
        The squared errors: infinity if the variant's output is not finite, 0 for an output that is
        0 in the baseline.
    """
    columns = []
    for expected, actual in zip(baseline, variant, strict=True):
        first, second = expected.astype(np.float64), actual.astype(np.float64)
        if logits:
            first = first - first.mean(axis=1, keepdims=True)
            second = second - second.mean(axis=1, keepdims=True)
            size = (first**2).sum(axis=1).mean()
        else:
            size = ((first - first.mean(axis=0)) ** 2).sum(axis=1).mean()
            size = size or (first**2).sum(axis=1).mean()
        distance = ((second - first) ** 2).sum(axis=1)
        column = distance / size if size else np.zeros(len(first))
        columns.append(np.where(np.isfinite(column), column, np.inf))
    return np.stack(columns, axis=1)
