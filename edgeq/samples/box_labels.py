"""Labels of detectors: boxes from YOLO's text files or from a JSON file in COCO's format.

- YOLO: one text file per photograph, with the photograph's name. Each line is ``class x y width
  height``, with centre and size relative to the photograph. A photograph without a file, or with an
  empty one, shows no object.
- COCO: one JSON file with ``images``, ``annotations`` and ``categories``; boxes are left, top,
  width and height in pixels. A photograph without an annotation shows no object.

Boxes in pixels refer to the width and height of their photograph.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.errors import ImageError, reason_of
from edgeq.io.files import read_text, sha256_bytes, sha256_file
from edgeq.io.structs import from_json
from edgeq.samples.sets import ImageSet
from edgeq.store.cached import keep
from edgeq.store.content import Store
from edgeq.words import plural
from edgeq.words.escape import printable

YOLO_COLUMNS = 5
JSON_ENDING = ".json"
TOLERANCE = 0.01
"""Maximum share of a side by which a box may extend beyond the photograph; rounding explains
it."""


@dataclass(frozen=True, eq=False)
class BoxLabels:
    """The boxes of all photographs of a set.

    Attributes:
        source: Where they come from.
        sha256: Hash of the labels' content.
        images: Index of the photograph in the set, shape ``(n,)``.
        corners: Left, top, right and bottom edge relative to the photograph, shape ``(n, 4)``.
        classes: Class index in the model's numbering, shape ``(n,)``.
        crowds: Whether a box stands for a crowd that need not be detected, shape ``(n,)``.
        names: Names of the classes by index, if the labels state them.
    """

    source: str
    sha256: str
    images: npt.NDArray[np.int64]
    corners: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    crowds: npt.NDArray[np.bool_]
    names: dict[int, str]

    def of_classes(self, classes: npt.NDArray[np.int64]) -> BoxLabels:
        """Return the same boxes with other classes, shape ``(n,)``."""
        sha256 = sha256_bytes(f"{self.sha256}/".encode() + classes.tobytes())
        return replace(self, classes=classes, sha256=sha256)


def are_box_labels(path: Path) -> bool:
    """Return whether a path that the spec names as labels can only hold boxes."""
    return path.is_dir() or path.suffix.lower() == JSON_ENDING


def find_box_labels(folder: Path) -> Path | None:
    """Return the labelled boxes that lie where convention has them, None if there are none.

    As Ultralytics arranges them: ``.../images/...`` has its text files in ``.../labels/...``.
    """
    parts = folder.absolute().parts
    for at in reversed(range(len(parts))):
        if parts[at] == "images":
            beside = Path(*parts[:at], "labels", *parts[at + 1 :])
            if beside.is_dir() and next(beside.rglob("*.txt"), None) is not None:
                return beside
    return None


def read_box_labels(
    path: Path,
    names: Sequence[str],
    sizes: npt.NDArray[np.int64],
    classes: int,
) -> BoxLabels:
    """Read the boxes of a set of photographs.

    The path is a folder of text files or a JSON file. ``names`` are relative to the photographs'
    folder, ``sizes`` their width and height in pixels, ``(n, 2)``; ``classes`` is 0 if not known.

    Raises:
        ImageError: The labels can't be read, are empty, or belong to other photographs or classes.
    """
    labels = _read_yolo(path, names) if path.is_dir() else _read_coco(path, names, sizes, classes)
    if not len(labels.classes):
        raise ImageError(
            f"no box belongs to any of {plural(len(names), 'photograph')}",
            where=path,
            remedy="Name the labels of these photographs; names must be equal up to the ending",
        )
    greatest = int(labels.classes.max())
    if classes and greatest >= classes:
        raise ImageError(
            f"class {greatest} is labelled, but the model has {plural(classes, 'class', 'classes')}"
            f" (0 to {classes - 1})",
            where=path,
            remedy="Name labels of the model's own classes",
        )
    return labels


def _read_yolo(folder: Path, names: Sequence[str]) -> BoxLabels:
    images, rows, digests = list[int](), list[list[float]](), list[str]()
    for image, name in enumerate(names):
        file = folder / PurePosixPath(name).with_suffix(".txt")
        if not file.is_file():
            digests.append("")
            continue
        digests.append(sha256_file(file))
        boxes = _yolo_rows(file)
        rows += boxes
        images += [image] * len(boxes)
    table = np.array(rows, np.float64).reshape(-1, YOLO_COLUMNS)
    half = table[:, 3:5] / 2
    return BoxLabels(
        source=folder.name,
        sha256=sha256_bytes("\n".join(digests).encode()),
        images=np.array(images, np.int64),
        corners=np.hstack([table[:, 1:3] - half, table[:, 1:3] + half]).astype(np.float32),
        classes=table[:, 0].astype(np.int64),
        crowds=np.zeros(len(table), np.bool_),
        names={},
    )


def _yolo_rows(file: Path) -> list[list[float]]:
    try:
        lines = read_text(file).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(
            f"can't be read: {error}", where=file, remedy="Replace it, or remove it"
        ) from error
    numbered = ((f"{file}, line {at}", line.split()) for at, line in enumerate(lines, 1))
    return [_yolo_row(words, where) for where, words in numbered if words]


def _yolo_row(words: list[str], where: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != YOLO_COLUMNS or not all(map(math.isfinite, values)):
        raise ImageError(
            f"{printable(' '.join(words)[:60])!r} is not `class x y width height`",
            where=where,
            remedy="Write five numbers: the class, and centre and size relative to the photograph",
        )
    name, x, y, width, height = values
    beyond = max(x + width / 2, y + height / 2) - 1, width / 2 - x, height / 2 - y
    if name < 0 or name != int(name) or min(width, height) < 0 or max(beyond) > TOLERANCE:
        raise ImageError(
            f"a box of class {name:g} at {x:g}, {y:g} of size {width:g} x {height:g} is not inside "
            "the photograph, or its class is not a whole number",
            where=where,
            remedy="Centre and size are relative to the photograph, from 0 to 1",
        )
    return values


class _CocoImage(msgspec.Struct):
    id: int
    file_name: str
    width: int = 0
    height: int = 0


class _CocoBox(msgspec.Struct):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _CocoCategory(msgspec.Struct):
    id: int
    name: str = ""


class _Coco(msgspec.Struct):
    images: list[_CocoImage]
    annotations: list[_CocoBox]
    categories: list[_CocoCategory] = []


def _read_coco(
    path: Path, names: Sequence[str], sizes: npt.NDArray[np.int64], classes: int
) -> BoxLabels:
    content, sha256 = _coco_content(path)
    places = {PurePosixPath(name).name: place for place, name in enumerate(names)}
    places |= {name: place for place, name in enumerate(names)}
    images = {image.id: image for image in content.images}
    index, class_names = _class_indices(content, classes)
    rows: dict[str, list[Any]] = defaultdict(list)
    for box in content.annotations:
        image = images.get(box.image_id)
        if image is None:
            raise _unlisted(f"image {box.image_id}", path)
        if box.category_id not in index:
            raise _unlisted(f"category {box.category_id}", path)
        file = image.file_name
        place = places.get(file, places.get(PurePosixPath(file).name))
        if place is None:
            continue  # the file may list more photographs than the set has
        width, height = (image.width, image.height) if image.width > 0 else map(int, sizes[place])
        rows["images"].append(place)
        rows["corners"].append(_corners(box, image, width, height, path))
        rows["classes"].append(index[box.category_id])
        rows["crowds"].append(bool(box.iscrowd))
    return BoxLabels(
        source=path.name,
        sha256=sha256,
        images=np.array(rows["images"], np.int64),
        corners=np.array(rows["corners"], np.float32).reshape(-1, 4),
        classes=np.array(rows["classes"], np.int64),
        crowds=np.array(rows["crowds"], np.bool_),
        names=class_names,
    )


def _coco_content(path: Path) -> tuple[_Coco, str]:
    """Return the content of a file in COCO's format and its sha256."""
    try:
        data = path.read_bytes()
        return from_json(data, _Coco), sha256_bytes(data)
    except OSError as error:
        raise ImageError(
            f"can't be read: {reason_of(error)}", where=path, remedy="Check the path"
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ImageError(
            f"is not JSON in COCO's format: {error}",
            where=path,
            remedy="It needs images (id, file_name) and annotations (image_id, category_id, bbox)",
        ) from error


def _corners(
    box: _CocoBox, image: _CocoImage, width: int, height: int, path: Path
) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a box as shares of the photograph's sides."""
    left, top, wide, high = box.bbox
    corners = (left / width, top / height, (left + wide) / width, (top + high) / height)
    if all(-TOLERANCE <= edge <= 1 + TOLERANCE for edge in corners):
        return corners
    raise ImageError(
        f"a box {list(box.bbox)} of {printable(image.file_name)!r} is not inside the photograph of "
        f"{width} x {height} pixels",
        where=path,
        remedy="Boxes are left, top, width and height in the photograph's own pixels",
    )


def _unlisted(what: str, path: Path) -> ImageError:
    return ImageError(
        f"a box belongs to {what}, which is not listed",
        where=path,
        remedy="Export the labels again",
    )


def _class_indices(content: _Coco, classes: int) -> tuple[dict[int, int], dict[int, str]]:
    """Return the model's class index of each category, and the names by class index.

    Categories are numbered with gaps (COCO's 80 have the ids 1 to 90). A model with as many classes
    as there are categories counts them in the order of their ids; one with more classes counts the
    ids themselves, from 1.
    """
    categories = sorted(content.categories, key=lambda category: category.id)
    ids = [category.id for category in categories] or sorted(
        {box.category_id for box in content.annotations}
    )
    ordered = not classes or len(ids) >= classes or ids[-1] > classes
    index = {name: at if ordered else name - 1 for at, name in enumerate(ids)}
    names = {index[category.id]: category.name for category in categories if category.name}
    return index, names


class _Sizes(msgspec.Struct, frozen=True):
    """Width and height of each photograph, in the set's order."""

    sides: tuple[tuple[int, int], ...]


def photo_sizes(images: ImageSet, store: Store) -> npt.NDArray[np.int64]:
    """Return width and height of each photograph in pixels, upright, shape ``(n, 2)``.

    Raises:
        ImageError: A photograph can't be used, or changed after the set was loaded.
        StoreError: The store can't be written.
    """
    from edgeq.samples import apart

    def make() -> _Sizes:
        with apart.idle.kept(), ThreadPoolExecutor(os.cpu_count()) as pool:
            return _Sizes(tuple(pool.map(apart.measured, images.photos)))

    sizes = keep(store, "photo_sizes", {"photographs": images.content_sha256}, make, _Sizes)
    return np.array(sizes.sides, np.int64).reshape(-1, 2)
