"""How far a converted float file differs from the model that it was converted from. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.tensors import Output, image_errors, relative_errors

Floats = npt.NDArray[np.float32]


class ConvertedOutput(msgspec.Struct, frozen=True, kw_only=True):
    """One output of a float file compared with the same output of its source.

    Attributes:
        name: Name of the output.
        shape: Shape of one sample's values in the source.
        file_shape: Shape in the file; None if the file has no such output.
        error: Greatest error of a sample: the norm of the difference, divided by the root mean
            square of the norm of the source's deviation from its mean over the samples. If the
            source's output is the same for every sample, it is divided by that output's norm. None
            if the shapes can't be reconciled, if no sample is finite in both, or if the source's
            output is all zeros.
        relative: Greatest norm of the difference divided by the norm of the source's output; None
            under the same conditions.
        worst: Index of the sample with the greatest error; 0 if there is no error.
        samples_over: Number of samples whose error is above ``CEILING``.
        nonfinite: Number of samples on which the file alone gives a NaN or an infinity.
        moved: Whether the file has the channels last that come first in the source.
    """

    name: str
    shape: tuple[int, ...]
    file_shape: tuple[int, ...] | None
    error: float | None = None
    relative: float | None = None
    worst: int = 0
    samples_over: int = 0
    nonfinite: int = 0
    moved: bool = False


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """A float file compared with its source.

    Attributes:
        runtime: What ran the source, with its version.
        samples: Number of samples.
        role: The set that the samples are from, ``"calibration"`` or ``"evaluation"``.
        outputs: The source's outputs, in its order.
        extra: Names of outputs that the file alone has.
    """

    runtime: str
    samples: int
    role: str
    outputs: tuple[ConvertedOutput, ...]
    extra: tuple[str, ...] = ()


CEILING = 0.01
"""Maximum error of a sample that a faithful conversion may have. Converters fold constants and
reorder sums, which costs 1e-6 to 1e-4; faults cost 0.1 and more (benchmarks/conversion.md)."""


def compare_outputs(
    source: Mapping[str, Floats], file: Mapping[str, Floats]
) -> tuple[ConvertedOutput, ...]:
    """Compare the outputs of a source with those of its float file on the same samples.

    An output whose channels come first in the source may have them last in the file. If both
    layouts fit the shapes, the one with the smaller error is the file's.

    Args:
        source: Outputs by name, shape ``(n, ...)`` each.
        file: Outputs by name, shape ``(n, ...)`` each.
    """
    return tuple(_compared(name, ours, file.get(name)) for name, ours in source.items())


def _compared(name: str, ours: Floats, theirs: Floats | None) -> ConvertedOutput:
    shape = ours.shape[1:]
    lacking = ConvertedOutput(
        name=name, shape=shape, file_shape=None if theirs is None else theirs.shape[1:]
    )
    if theirs is None:
        return lacking
    every = [_fit(lacking, turned, theirs, moved=moved) for turned, moved in _layouts(ours, theirs)]
    return min(every, key=_badness, default=lacking)


def _layouts(ours: Floats, theirs: Floats) -> Iterator[tuple[Floats, bool]]:
    """Yield the source's values in the layouts that the file may have, and which it is."""
    if ours.shape == theirs.shape:
        yield ours, False
    if ours.ndim > 3 and np.moveaxis(ours, 1, -1).shape == theirs.shape:
        yield np.moveaxis(ours, 1, -1), True


def _fit(lacking: ConvertedOutput, ours: Floats, theirs: Floats, *, moved: bool) -> ConvertedOutput:
    before, after = ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)
    finite = np.isfinite(before).all(axis=1)
    nonfinite = int((finite & ~np.isfinite(after).all(axis=1)).sum())
    shown = msgspec.structs.replace(lacking, nonfinite=nonfinite, moved=moved)
    shape = lacking.shape
    errors = image_errors(Output(lacking.name, shape, before), Output(lacking.name, shape, after))
    if np.isnan(errors).all():
        return shown
    relative = relative_errors(before, after)
    worst = int(np.nanargmax(errors))
    return msgspec.structs.replace(
        shown,
        error=float(errors[worst]),
        relative=None if np.isnan(relative).all() else float(np.nanmax(relative)),
        worst=worst,
        samples_over=int((errors > CEILING).sum()),
    )


def _badness(output: ConvertedOutput) -> tuple[int, float]:
    return output.nonfinite, np.inf if output.error is None else output.error
