"""Labels of tasks: label sets, values, masks and target pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError
from edgeq.samples.task_labels import (
    TaskLabels,
    are_task_labels,
    read_masks,
    read_pictures,
    read_sets,
    read_values,
)

NAMES = ("a.jpg", "b/c.png")
WHOLE = Preprocessing()


def table(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "labels.csv"
    file.write_text(text)
    return file


def test_sets_are_ones_at_the_classes_that_apply(tmp_path: Path) -> None:
    file = table(tmp_path, "split,file,labels\ntest,b/c.png,\ntest,a.jpg,0;2\nx,z.png,1\n")
    labels = read_sets(file, NAMES, 3)
    assert [row.tolist() for row in labels] == [[1, 0, 1], [0, 0, 0]]
    assert len(labels) == 2
    assert [row.tolist() for row in labels[:1]] == [[1, 0, 1]]


def test_values_are_in_the_order_of_the_columns(tmp_path: Path) -> None:
    file = table(tmp_path, "value_y,file,value_x\n1,a.jpg,2.5\n-3,b/c.png,0\n")
    assert [row.tolist() for row in read_values(file, NAMES, 2)] == [[1, 2.5], [-3, 0]]


@pytest.mark.parametrize(
    ("text", "read", "words"),
    [
        ("file,labels\na.jpg,0\n", lambda file: read_sets(file, NAMES, 3), "no row for 'b/c.png'"),
        (
            "file,labels\na.jpg,3\nb/c.png,0\n",
            lambda file: read_sets(file, NAMES, 3),
            "'3' of 'a.jpg' is not a class index",
        ),
        ("file,value\na.jpg,0\n", lambda file: read_sets(file, NAMES, 3), "names the columns"),
        ("", lambda file: read_sets(file, NAMES, 3), "names the columns (none)"),
        (
            "file,value\na.jpg,0\nb/c.png,x\n",
            lambda file: read_values(file, NAMES, 1),
            "not a number",
        ),
        (
            "file,value\na.jpg,0\nb/c.png,inf\n",
            lambda file: read_values(file, NAMES, 1),
            "not finite",
        ),
        (
            "file,value\na.jpg,0\nb/c.png,1\n",
            lambda file: read_values(file, NAMES, 2),
            "1 columns of values, and the output 2",
        ),
        ("file,value\na.jpg\n", lambda file: read_values(file, NAMES, 1), "row 2 has 1 cells"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    tmp_path: Path, text: str, read: Callable[[Path], TaskLabels], words: str
) -> None:
    with pytest.raises(ImageError) as caught:
        read(table(tmp_path, text))
    assert words in str(caught.value)


def test_a_table_of_classes_is_not_one_of_a_task(tmp_path: Path) -> None:
    assert are_task_labels(table(tmp_path, "file,labels\n"))
    other = tmp_path / "classes.csv"
    other.write_text("file,class_index\n")
    assert not are_task_labels(other)
    assert not are_task_labels(tmp_path / "missing.csv")
    assert not are_task_labels(tmp_path)


def mask(folder: Path, pixels: npt.NDArray[np.uint8], mode: str = "L") -> Path:
    (folder / "b").mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if mode == "P":
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette([at % 251 for at in range(768)])
    for name in ("a.png", "b/c.png"):
        image.convert(mode).save(folder / name)
    return folder


@pytest.mark.parametrize("mode", ["L", "P"])
def test_masks_keep_their_values_and_are_resized_to_the_nearest(tmp_path: Path, mode: str) -> None:
    pixels = np.repeat(np.repeat(np.array([[0, 7], [21, 255]], np.uint8), 20, axis=0), 20, axis=1)
    labels = read_masks(mask(tmp_path, pixels, mode), NAMES, WHOLE, (8, 8), 255)
    assert np.asarray(labels[1])[::4, ::4].tolist() == [[0, 7], [21, 255]]
    assert set(np.unique(np.asarray(labels[0])).tolist()) == {0, 7, 21, 255}


def test_masks_are_cropped_and_padded_as_their_photographs(tmp_path: Path) -> None:
    pixels = np.ones((10, 40), np.uint8)
    pixels[:, :10] = 2
    folder = mask(tmp_path, pixels)
    padded = read_masks(folder, NAMES, Preprocessing(resize="letterbox"), (16, 16), 9)
    first = np.asarray(padded[0])
    assert (first[:6] == 9).all()
    assert (first[6:10, :4] == 2).all()
    assert (first[10:] == 9).all()
    crop = Preprocessing(resize="centre_crop", crop_fraction=1.0)
    assert (np.asarray(read_masks(folder, NAMES, crop, (4, 4), 9)[0]) == 1).all()


def test_a_mask_in_colours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("a.png", "b/c.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    labels = read_masks(tmp_path, NAMES, WHOLE, (4, 4), 255)
    with pytest.raises(ImageError, match="'RGB', so that its values are not class indices"):
        labels[0]


def test_target_pictures_are_as_large_as_the_output(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("a.jpg", "b/c.png"):
        Image.new("RGB", (4, 4), (10, 200, 30)).save(tmp_path / name, quality=100)
    labels = read_pictures(tmp_path, NAMES, WHOLE, (6, 8, 3))
    assert np.asarray(labels[1]).shape == (6, 8, 3)
    assert np.asarray(labels[1])[0, 0].tolist() == [10, 200, 30]
    grey = read_pictures(tmp_path, NAMES, WHOLE, (6, 8, 1))
    assert np.asarray(grey[1])[0, 0, 0] == 80
    bgr = read_pictures(tmp_path, NAMES, Preprocessing(channels="bgr"), (6, 8, 3))
    assert np.asarray(bgr[1])[0, 0].tolist() == [30, 200, 10]


def test_a_photograph_without_a_mask_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"has no mask for 'a.jpg'"):
        read_masks(tmp_path, NAMES, WHOLE, (4, 4), 255)
    with pytest.raises(ImageError, match=r"has no target picture for 'a.jpg'"):
        read_pictures(tmp_path, NAMES, WHOLE, (4, 4, 3))


def test_a_sample_of_an_array_is_named_by_its_row(tmp_path: Path) -> None:
    file = table(tmp_path, "row,value\n1,5\n0,4\n")
    assert [row.tolist() for row in read_values(file, ("row 0", "row 1"), 1)] == [[4], [5]]
