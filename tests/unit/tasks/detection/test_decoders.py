from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgeq
from edgeq.errors import SpecError
from edgeq.tasks.detection.decoders import DECODERS, find_decoder, recognized_decoder
from edgeq.tasks.detection.detections import decode_all
from edgeq.tflite.model_file import read_model
from tests.unit.tiny_model import Head, Op, Tensor, build, detector, heads


def shaped(path: Path, shape: tuple[int, ...], image: tuple[int, int] = (64, 32)) -> Path:
    """Write a file whose output has any shape; it need not run."""
    values = np.array(shape, np.int32)
    tensors = [
        Tensor("image", (1, *image, 3)),
        Tensor("shape", values.shape, "int32", data=values),
        Tensor("out", shape),
    ]
    path.write_bytes(
        build(tensors, [Op("RESHAPE", ("image", "shape"), ("out",))], ["image"], ["out"])
    )
    return path


def joined(path: Path, *, last: str = "SOFTMAX", cells: int = 4) -> Path:
    """Write a file whose output joins a sigmoid, four values and scores in cells."""
    parts = [("object", 1, "LOGISTIC"), ("box", 4, "RELU"), ("class", 6, last)]
    tensors = [Tensor("image", (1, 64, 64, 3)), Tensor("out", (1, cells, cells, 11))]
    ops = []
    for name, values, operator in parts:
        tensors += [
            Tensor(f"{name}-in", (1, cells, cells, values)),
            Tensor(name, (1, cells, cells, values)),
        ]
        ops.append(Op(operator, (f"{name}-in",), (name,)))
    ops.append(Op("CONCATENATION", tuple(name for name, _, _ in parts), ("out",)))
    path.write_bytes(build(tensors, ops, ["image"], ["out"]))
    return path


CELLS = 8 * 4 + 4 * 2 + 2 * 1


@pytest.mark.parametrize(
    ("shape", "name", "classes"),
    [
        ((1, 3 * CELLS, 25), "yolov5", 20),
        ((1, 24, CELLS), "yolov8", 20),
        ((1, CELLS, 24), None, 0),  # one box a cell, but the other way round
        ((1, 3 * CELLS, 5), None, 0),
        ((1, 3 * CELLS + 3, 25), None, 0),
        ((1, 4, 2, 25), None, 0),  # a map of classes at a sixteenth of the size
        ((1, 20), None, 0),
    ],
)
def test_grids_show_a_yolo_head(
    tmp_path: Path, shape: tuple[int, ...], name: str | None, classes: int
) -> None:
    found = recognized_decoder(read_model(shaped(tmp_path / "net.tflite", shape)))
    if name is None:
        assert found is None
        return
    assert found is not None
    decoder, evidence = found
    assert (decoder.name, evidence.classes) == (name, classes)
    assert f"{classes} scores" in evidence.text


def test_a_yolo_head_needs_an_input_of_whole_cells(tmp_path: Path) -> None:
    path = shaped(tmp_path / "net.tflite", (1, 24, CELLS), image=(63, 32))
    assert recognized_decoder(read_model(path)) is None


def test_fastestdet_is_seen_by_what_its_map_joins(tmp_path: Path) -> None:
    found = recognized_decoder(read_model(joined(tmp_path / "net.tflite")))
    assert found is not None
    assert (found[0].name, found[1].classes) == ("fastestdet", 6)


@pytest.mark.parametrize("other", [{"last": "LOGISTIC"}, {"cells": 8}])
def test_other_maps_are_not_fastestdet(tmp_path: Path, other: dict[str, object]) -> None:
    path = joined(tmp_path / "net.tflite", **other)  # type: ignore[arg-type]
    assert recognized_decoder(read_model(path)) is None


def test_the_runtimes_post_processing_is_ssd(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(detector())
    found = recognized_decoder(read_model(path))
    assert found is not None
    assert found[0].name == "ssd"


@pytest.mark.parametrize(
    ("boxes", "scores", "name"),
    [
        ((896, 16), (896, 1), "mediapipe"),
        ((2304, 16), (2304, 1), "mediapipe"),
        ((896, 15), (896, 1), None),  # half a keypoint
        ((896, 16), (896, 2), None),
        ((900, 16), (900, 1), None),  # other anchors
    ],
)
def test_boxes_with_keypoints_and_a_score_for_each_anchor_are_mediapipes(
    tmp_path: Path, boxes: tuple[int, int], scores: tuple[int, int], name: str | None
) -> None:
    outputs = [
        Head(title, rows * values, shape=(1, rows, values))
        for title, (rows, values) in (("scores", scores), ("boxes", boxes))
    ]
    (tmp_path / "net.tflite").write_bytes(heads(*outputs))
    found = recognized_decoder(read_model(tmp_path / "net.tflite"))
    assert (None if found is None else found[0].name) == name
    assert found is None or "6 keypoints" in found[1].text


def test_a_users_function_is_a_decoder(tmp_path: Path) -> None:
    (tmp_path / "own_boxes_of_a_test.py").write_text("def decode(outputs, size):\n    return 1\n")
    decoder = find_decoder("own_boxes_of_a_test:decode", tmp_path, where="models.net")
    assert str(decoder.decode([], (1, 1))) == "1"
    assert decoder.name not in DECODERS


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("yolov4", "decoder"),
        ("no_such_module_anywhere:decode", "can't be imported"),
        ("json:no_such_function", "has no function 'no_such_function'"),
    ],
)
def test_an_unknown_decoder_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(SpecError, match=what):
        find_decoder(text, tmp_path, where="models.net.detection.decoder")


def test_the_pages_decoder_gives_boxes() -> None:
    page = (Path(edgeq.__file__).parents[1] / "docs" / "extending.md").read_text("utf-8")
    code = page.split("<!-- package: my_decoder -->\n```python\n")[1].split("```")[0]
    module: dict[str, object] = {}
    exec(code, module)  # noqa: S102 - our own page
    decoder = module["DECODER"]
    assert isinstance(decoder, edgeq.Decoder)
    rows = np.array([[0.1, 0.1, 0.5, 0.5, 0.9, 3], [0.1, 0.1, 0.5, 0.6, 0.8, 3]], np.float32)
    (found,) = decode_all(
        [[rows]], [(0, 0, 1, 1)], decoder.decode, size=(8, 8), overlap=0.45, where="net"
    )
    assert (found.scores.tolist(), found.classes.tolist()) == ([np.float32(0.9)], [3])
