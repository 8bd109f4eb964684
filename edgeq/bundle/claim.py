"""What a package claims of one of its variants: its accuracy, and how it must be fed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeq.config.structs import Preprocessing
from edgeq.errors import BundleError
from edgeq.io import structs
from edgeq.io.files import read_whole
from edgeq.samples.labels import NAMED_SETS

METADATA = "metadata.json"
_MOST_BYTES = 16_000_000
_REMEDY = "Name the folder of a variant in a package that `edgeq bundle` wrote"


@dataclass(frozen=True)
class PackedClaim:
    """What a package says about a variant.

    Attributes:
        file: The variant's file.
        top1: Its top-1 accuracy, from 0 to 1; None if that was not measured.
        preprocessing: How it must be fed; None for a model that takes arrays.
        labels: A label set's name, or the file with the names of its classes; None if unknown.
    """

    file: Path
    top1: float | None
    preprocessing: Preprocessing | None
    labels: str | None


class _Rate(msgspec.Struct, frozen=True):
    value: float


class _Accuracy(msgspec.Struct, frozen=True):
    variant_top1: _Rate


class _LabelsOf(msgspec.Struct, frozen=True):
    name: str | None = None


class _Labels(msgspec.Struct, frozen=True):
    file: str
    of: _LabelsOf | None = None


class _Metadata(msgspec.Struct, frozen=True):
    preprocessing: Preprocessing | None = None
    accuracy: _Accuracy | None = None
    labels: _Labels | None = None


def packed_claim(path: Path) -> PackedClaim:
    """Read what a package says about a variant.

    Args:
        path: The variant's folder in the package, or the ``metadata.json`` in it.

    Raises:
        BundleError: It is not such a folder, or its metadata can't be read.
    """
    file = path / METADATA if path.is_dir() else path
    try:
        known = structs.from_json(read_whole(file, _MOST_BYTES), _Metadata)
    except OSError as error:
        reason = error.strerror or error
        raise BundleError(f"can't be read: {reason}", where=file, remedy=_REMEDY) from error
    except msgspec.MsgspecError as error:
        raise BundleError(f"is damaged: {error}", where=file, remedy=_REMEDY) from error
    if known.preprocessing is None:
        raise BundleError(
            "the model takes arrays, and only claims about photographs can be verified",
            where=file,
            remedy="Judge it in a project of its own, with `samples`",
        )
    labels = None
    if known.labels is not None:
        name = None if known.labels.of is None else known.labels.of.name
        labels = name if name in NAMED_SETS else str(file.parent.resolve() / "labels.txt")
    return PackedClaim(
        file=file.parent / "model.tflite",
        top1=None if known.accuracy is None else known.accuracy.variant_top1.value,
        preprocessing=known.preprocessing,
        labels=labels,
    )
