"""Values of outputs without classes or boxes, as experiments compare them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgeq.measure.tensors import Output, image_errors

NEAR = 0.5
"""Relative error below which an output still resembles the baseline's."""


@dataclass(frozen=True)
class Values:
    """What a model gives in one output on several samples.

    Attributes:
        output: The output, whose rows are read when they are needed.
    """

    output: Output

    @property
    def rows(self) -> npt.NDArray[np.float64]:
        """All values, shape ``(n, d)``; for a few samples."""
        return self.output.rows[:, :].astype(np.float64)

    def part(self, places: npt.NDArray[np.intp]) -> Values:
        """Return the values of some of the samples."""
        return Values(self.output.part(places))

    def with_rows(self, rows: npt.NDArray[np.float64]) -> Values:
        """Return the output with other values."""
        return Values(replace(self.output, rows=rows.astype(np.float32)))


def errors_of_values(first: Values, second: Values) -> npt.NDArray[np.float64]:
    """Return the error of each sample, shape ``(n,)``; see ``image_errors``."""
    return image_errors(first.output, second.output)


def near_share(errors: npt.NDArray[np.float64]) -> float:
    """Return the share of samples whose errors are below ``NEAR``."""
    return float((errors < NEAR).mean()) if errors.size else 1.0


def mean_of_finite(errors: npt.NDArray[np.float64]) -> float:
    """Return the mean error of the samples that have one, infinite if none has."""
    finite = errors[np.isfinite(errors)]
    return float(finite.mean()) if finite.size else float("inf")
