"""The typed part of a case's evidence, which edgeq itself reads.

The evidence of a gate is an open table: a gate from another package may add any keys.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from edgeq.io import structs
from edgeq.io.structs import Json


class BaselineDoubt(msgspec.Struct, frozen=True, kw_only=True):
    """Why agreement with a baseline proves nothing.

    Attributes:
        reason: The reason, as one clause.
        wrong: Whether the baseline is wrong; False if it may only be guessing.
    """

    reason: str
    wrong: bool = False


class ScaleCost(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of one scale per layer compared with one scale per channel.

    Attributes:
        method: The method with one scale per channel.
        error: Relative error of that method's variant, 0 is best; None if it is not known.
        own: Relative error of the variant with one scale per layer, 0 is best; None if it is not
            known.
        ratio: ``own / error``; None if they are not known.
        absent: Why the errors are not known; None if they are.
    """

    method: str
    error: float | None = None
    own: float | None = None
    ratio: float | None = None
    absent: str | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The evidence that edgeq reads; a field is None if the evidence lacks it.

    Attributes:
        resolution: What difference the images or rounds can resolve, in one sentence.
        images_needed: Total number of images that would settle an open case.
        photographs: Number of different photographs, if several images show the same one.
        doubt: Why agreement with the baseline proves nothing.
        beside_finer: The cost of the variant's coarser weight scales.
        other_kernels: The kernels that the run's own kernels are compared with.
        noise: Relative error between the outputs of the two kernels; 0 if they are equal.
        own_error: Relative error of the variant with the run's own kernels.
        compared: The outputs that ``noise`` and ``own_error`` refer to.
        file: File of a user's own test, relative to the spec's folder.
        sha256: Hash of that file and of the ``conftest.py`` files that pytest reads for it.
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
    """Return the typed part of a case's evidence; empty if the table has other types."""
    try:
        return structs.converted(dict(table), Evidence)
    except msgspec.ValidationError:  # another package's gate may use these keys differently
        return Evidence()
