from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edgeq.errors import SpecError
from edgeq.tasks.detection.boxes import Boxes
from edgeq.tasks.detection.detections import Detections, decode_all
from tests.unit.tasks.detection.test_boxes import boxes

WHOLE = (0.0, 0.0, 1.0, 1.0)


def decoded(result: object, place: tuple[float, float, float, float] = WHOLE) -> list[Boxes]:
    def decode(outputs: object, size: object) -> Boxes:
        assert size == (8, 8)
        if isinstance(result, Exception):
            raise result
        return result  # type: ignore[return-value]

    rows = [[np.zeros(3, np.float32)]]
    return list(decode_all(rows, [place], decode, size=(8, 8), overlap=0.5, where="net"))


def test_detections_survive_the_store() -> None:
    every = [
        boxes([[0, 0, 0.3, 1]], [0.1], [79]),
        boxes([], [], []),
        boxes([[0, 0, 1, 1]], [1], [0]),
    ]
    packed = Detections.of(every)
    read = msgspec.json.decode(msgspec.json.encode(packed), type=Detections)
    assert read == packed
    assert read.sha256 == packed.sha256
    for ours, theirs in zip(every, read, strict=True):
        assert ours.corners.tolist() == theirs.corners.tolist()
        assert ours.scores.tolist() == theirs.scores.tolist()
        assert ours.classes.tolist() == theirs.classes.tolist()


def test_the_padding_of_a_letterbox_is_taken_off() -> None:
    found = decoded(boxes([[0.25, 0.5, 0.5, 0.75]], [0.9], [1]), (0.0, 0.25, 1.0, 0.5))
    np.testing.assert_allclose(found[0].corners, [[0.25, 0.5, 0.5, 1.0]])


def test_a_users_arrays_become_boxes_that_are_suppressed() -> None:
    found = decoded(([[0, 0, 1, 1], [0, 0, 1, 0.9]], [0.5, 0.8], [2, 2]))
    assert found[0].scores.tolist() == [np.float32(0.8)]


def test_boxes_that_are_not_finite_or_too_uncertain_are_left_out() -> None:
    corners = [[0, 0, 1, np.nan], [0, 0, 1, 1], [0, 0, 0.1, 0.1], [0, 0, 0.1, 0.1]]
    found = decoded((corners, [0.9, 0.6, np.inf, 0.001], [0, 0, 0, 0]))
    assert found[0].scores.tolist() == [np.float32(0.6)]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, "cannot unpack"),
        (np.zeros((5, 6)), "too many values"),
        (([[0, 0, 1, 1]], [0.5, 0.4], [0]), "1 boxes, 2 scores, 1 classes"),
        (([[0, 0, 1]], [0.5], [0]), "cannot reshape"),
        (([[0, 0, 1, 1]], [0.5], [0.5]), "not whole numbers"),
        (([[0, 0, 1, 1]], [0.5], [-1]), "not whole numbers"),
        (RuntimeError("no such anchor"), "RuntimeError: no such anchor"),
    ],
)
def test_a_decoder_that_gives_something_else_is_refused(result: object, reason: str) -> None:
    with pytest.raises(SpecError, match=reason) as caught:
        decoded(result)
    assert caught.value.where == "net"
    assert "image 0" in caught.value.what
