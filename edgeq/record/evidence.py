"""What edgeq itself reads of the evidence that a case's reason rests on, typed.

The evidence of a gate is an open table: a gate of another package puts there what it likes.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from edgeq.io import structs
from edgeq.io.structs import Json


class BaselineDoubt(msgspec.Struct, frozen=True, kw_only=True):
    """Why a baseline proves nothing.

    Attributes:
        reason: One clause.
        wrong: Whether the baseline is wrong, rather than perhaps guessing.
    """

    reason: str
    wrong: bool = False


class ScaleCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one scale for all channels of a layer costs beside a scale for each.

    Attributes:
        method: The method that has the finer scales.
        error: Relative error of that method's variant, 0 is best; None if it is not known.
        own: Relative error of the variant with the coarser scales, 0 is best.
        ratio: ``own / error``.
        absent: Why the errors are not known, None if they are.
    """

    method: str
    error: float | None = None
    own: float | None = None
    ratio: float | None = None
    absent: str | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a case's evidence; None if the evidence does not hold it.

    Attributes:
        resolution: What the images or rounds can resolve, in one sentence.
        images_needed: Number of images in all that would settle an open case.
        photographs: Number of different photographs among the images, if several are of one.
        doubt: Why the baseline proves nothing.
        beside_finer: What the coarser scales of the variant's weights cost.
        other_kernels: The kernels that the run's own are compared with.
        noise: Relative error between the two kernels' outputs, 0 if they give the same.
        own_error: Relative error of the variant with the run's own kernels.
        compared: Which outputs the two are errors of.
        file: File of a test of the user's own, as seen from the spec's folder.
        sha256: Of that file and of what pytest reads for it.
    """

    resolution: str | None = None
    images_needed: int | None = None
    photographs: int | None = None
    doubt: BaselineDoubt | None = None
    beside_finer: ScaleCost | None = None
    other_kernels: str | None = None
    noise: float | None = None
    own_error: float | None = None
    compared: str | None = None
    file: str | None = None
    sha256: str | None = None


def evidence_of(table: Mapping[str, Json]) -> Evidence:
    """Return what is read of a case's evidence; nothing of a table that means something else."""
    try:
        return structs.converted(dict(table), Evidence)
    except msgspec.ValidationError:  # of another package's gate, which may use these keys otherwise
        return Evidence()
