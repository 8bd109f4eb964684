"""What a detector says about all images of a set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.errors import SpecError
from edgeq.io.files import sha256_bytes
from edgeq.tasks.detection.boxes import Boxes, Floats, Integers, suppress
from edgeq.tasks.detection.decoders import Decode
from edgeq.tasks.detection.heads import MIN_SCORE

Place = tuple[float, float, float, float]


class Detections(msgspec.Struct, frozen=True, kw_only=True):
    """The boxes of all images of a set, packed so that JSON can represent them exactly.

    Attributes:
        counts: Number of boxes of each image, as little-endian int32.
        corners: Corners of all boxes relative to the photograph, ``(n, 4)``, as float32.
        scores: Scores of all boxes, ``(n,)``, as float32.
        classes: Classes of all boxes, ``(n,)``, as int32.
    """

    images: int
    counts: bytes
    corners: bytes
    scores: bytes
    classes: bytes

    @classmethod
    def of(cls, every: Sequence[Boxes]) -> Detections:
        """Return the detections of images in order."""
        return cls(
            images=len(every),
            counts=np.array([len(boxes) for boxes in every], "<i4").tobytes(),
            corners=_joined([boxes.corners for boxes in every], "<f4"),
            scores=_joined([boxes.scores for boxes in every], "<f4"),
            classes=_joined([boxes.classes for boxes in every], "<i4"),
        )

    def __iter__(self) -> Iterator[Boxes]:
        """Yield the boxes of each image, in order."""
        corners = np.frombuffer(self.corners, "<f4").reshape(-1, 4)
        scores, classes = np.frombuffer(self.scores, "<f4"), np.frombuffer(self.classes, "<i4")
        end = 0
        for count in np.frombuffer(self.counts, "<i4").tolist():
            part = slice(end, end + count)
            end += count
            yield Boxes(corners[part], scores[part], classes[part].astype(np.int64))

    @property
    def sha256(self) -> str:
        """Hash of all boxes."""
        return sha256_bytes(self.counts + self.corners + self.scores + self.classes)


def decode_all(
    rows: Iterable[Sequence[Floats]],
    places: Sequence[Place],
    decode: Decode,
    *,
    size: tuple[int, int],
    overlap: float,
    where: str,
) -> Detections:
    """Decode the outputs of a detector for all images of a set.

    Args:
        rows: The outputs of each image, without the batch dimension.
        places: Left and top edge, width and height of each photograph relative to the input.
        decode: The decoder.
        size: Height and width of the input.
        overlap: IoU above which the less certain one of two boxes of a class is dropped.
        where: The decoder's name, for errors.

    Raises:
        SpecError: The decoder raises an error or returns something else than boxes.
    """
    every = []
    for at, (outputs, place) in enumerate(zip(rows, places, strict=True)):
        try:
            decoded: object = decode(outputs, size)
        except Exception as error:
            raise SpecError(
                f"the decoder fails on image {at}: {type(error).__name__}: {error}",
                where=where,
                remedy="Name the decoder of this network (`detection.decoder`), or correct yours",
            ) from error
        boxes = _checked(decoded, at, where)
        if overlap < 1:
            boxes = suppress(boxes, overlap)
        every.append(_on_photo(boxes, place))
    return Detections.of(every)


def _checked(decoded: object, image: int, where: str) -> Boxes:
    """Return what a decoder gave as boxes of finite numbers, those of the least score or more."""
    try:
        boxes = _as_boxes(decoded)
    except (TypeError, ValueError) as error:
        raise SpecError(
            f"the decoder does not give boxes for image {image}: {error}",
            where=where,
            remedy="Return corners (n, 4), scores (n,) and classes (n,), see docs/extending.md",
        ) from error
    finite = np.isfinite(boxes.corners).all(axis=1) & np.isfinite(boxes.scores)
    return boxes.take(finite).above(MIN_SCORE)


def _as_boxes(decoded: Any) -> Boxes:
    """Return boxes, or the three arrays of a user's decoder, as boxes."""
    if isinstance(decoded, Boxes):
        decoded = decoded.corners, decoded.scores, decoded.classes
    corners, scores, classes = decoded
    boxes = Boxes(
        np.asarray(corners, np.float32).reshape(-1, 4),
        np.asarray(scores, np.float32).reshape(-1),
        _whole(classes),
    )
    if not len(boxes.corners) == len(boxes.scores) == len(boxes.classes):
        raise ValueError(
            f"{len(boxes.corners)} boxes, {len(boxes.scores)} scores, {len(boxes.classes)} classes"
        )
    return boxes


def _whole(classes: npt.ArrayLike) -> Integers:
    values = np.asarray(classes).reshape(-1)
    whole: Integers = values.astype(np.int64)
    if not (whole == values).all() or (whole < 0).any():
        raise ValueError("classes are not whole numbers from 0")
    return whole


def _on_photo(boxes: Boxes, place: Place) -> Boxes:
    """Return boxes relative to the input as boxes relative to the photograph."""
    left, top, width, height = place
    offset, scale = np.array([left, top] * 2), np.array([width, height] * 2)
    corners = ((boxes.corners - offset) / scale).astype(np.float32)
    return Boxes(corners, boxes.scores, boxes.classes)


def _joined(arrays: Sequence[npt.NDArray[np.generic]], kind: str) -> bytes:
    return b"".join(np.ascontiguousarray(array, kind).tobytes() for array in arrays)
