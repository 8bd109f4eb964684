from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ImageError
from edgeq.samples.box_labels import BoxLabels, are_box_labels, find_box_labels, read_box_labels

NAMES = ["a.jpg", "sub/b.png", "c.jpg"]
SIZES = np.array([[200, 100], [100, 100], [50, 50]])


def yolo(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def coco(path: Path, **changes: object) -> Path:
    content: dict[str, object] = {
        "images": [
            {"id": 10, "file_name": "a.jpg", "width": 200, "height": 100},
            {"id": 11, "file_name": "b.png"},
            {"id": 12, "file_name": "elsewhere.jpg", "width": 5, "height": 5},
        ],
        "annotations": [
            {"image_id": 10, "category_id": 3, "bbox": [20, 10, 100, 50]},
            {"image_id": 11, "category_id": 7, "bbox": [0, 0, 50, 100], "iscrowd": 1},
            {"image_id": 12, "category_id": 7, "bbox": [0, 0, 5, 5]},
        ],
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
    }
    path.write_text(json.dumps(content | changes))
    return path


def read(path: Path, classes: int = 2) -> BoxLabels:
    return read_box_labels(path, NAMES, SIZES, classes)


def test_yolos_texts_are_read_by_the_photographs_names(tmp_path: Path) -> None:
    found = read(yolo(tmp_path, a="1 0.5 0.5 0.2 0.4\n\n0 .25 .5 .5 1\n", sub__b="", other="9 9"))
    assert found.images.tolist() == [0, 0]
    assert found.classes.tolist() == [1, 0]
    np.testing.assert_allclose(found.corners, [[0.4, 0.3, 0.6, 0.7], [0, 0, 0.5, 1]], atol=1e-6)
    assert not found.crowds.any()


def test_coco_is_read_in_pixels_with_names_and_crowds(tmp_path: Path) -> None:
    found = read(coco(tmp_path / "boxes.json"))
    assert found.images.tolist() == [0, 1]
    np.testing.assert_allclose(found.corners, [[0.1, 0.1, 0.6, 0.6], [0, 0, 0.5, 1]], atol=1e-6)
    assert found.classes.tolist() == [0, 1]
    assert found.crowds.tolist() == [False, True]
    assert found.names == {0: "dog", 1: "cat"}


def test_coco_ids_are_classes_of_a_model_that_counts_them(tmp_path: Path) -> None:
    found = read(coco(tmp_path / "boxes.json"), classes=90)
    assert found.classes.tolist() == [2, 6]
    assert found.names == {2: "dog", 6: "cat"}


def test_other_labels_have_another_hash(tmp_path: Path) -> None:
    one, other = (
        read(yolo(tmp_path / name, a=f"{name} 0.5 0.5 0.2 0.4")).sha256 for name in ("0", "1")
    )
    assert one != other


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("1 0.5 0.5 0.2", "not `class x y width height`"),
        ("dog 0.5 0.5 0.2 0.2", "not `class x y width height`"),
        ("1 nan 0.5 0.2 0.2", "not `class x y width height`"),
        ("1 320 240 100 100", "not inside"),
        ("1 0.95 0.5 0.2 0.2", "not inside"),
        ("-1 0.5 0.5 0.2 0.2", "whole number"),
        ("0.5 0.5 0.5 0.2 0.2", "whole number"),
        ("2 0.5 0.5 0.2 0.2", "class 2 is labelled"),
        ("", "no box belongs to any of 3 photographs"),
    ],
)
def test_bad_texts_are_refused_with_their_line(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ImageError, match=what) as caught:
        read(yolo(tmp_path, a=f"\n{text}"))
    if "line" in str(caught.value.where):
        assert str(caught.value.where).endswith("a.txt, line 2")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"annotations": []}, "no box belongs to any"),
        ({"images": "no"}, "not JSON in COCO's format"),
        ({"annotations": [{"image_id": 99, "category_id": 3, "bbox": [0, 0, 1, 1]}]}, "image 99"),
        ({"annotations": [{"image_id": 10, "category_id": 4, "bbox": [0, 0, 1, 1]}]}, "category 4"),
        ({"annotations": [{"image_id": 10, "category_id": 3, "bbox": [0, 0, 300, 1]}]}, "inside"),
    ],
)
def test_bad_coco_files_are_refused(tmp_path: Path, changes: dict[str, object], what: str) -> None:
    with pytest.raises(ImageError, match=what):
        read(coco(tmp_path / "boxes.json", **changes))


def test_labels_lie_beside_the_images_as_ultralytics_has_them(tmp_path: Path) -> None:
    (tmp_path / "images" / "val").mkdir(parents=True)
    yolo(tmp_path / "labels" / "val", a="0 .5 .5 .1 .1")
    assert find_box_labels(tmp_path / "images" / "val") == tmp_path / "labels" / "val"
    assert find_box_labels(tmp_path / "images") == tmp_path / "labels"
    assert find_box_labels(tmp_path / "labels" / "val") is None


def test_only_folders_and_json_files_are_boxes(tmp_path: Path) -> None:
    assert are_box_labels(tmp_path)
    assert are_box_labels(tmp_path / "instances_val.JSON")
    assert not are_box_labels(tmp_path / "labels.csv")
