"""Labels other than classes and boxes: label sets, values, masks and target pictures.

- Label sets and values are CSV files with a column ``file``, or ``row`` for arrays. A column
  ``labels`` holds the classes that apply, separated by spaces or semicolons; it may be empty.
  Columns whose names begin with ``value`` hold numbers, in the order and the unit of the output.
- Masks and target pictures are folders of files with the photographs' names, up to the ending.
  Masks are PNG files with one channel or a palette, whose values are class indices.

What a photograph lacks is an error, because a figure of some of the photographs would be taken for
one of all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import overload

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError
from edgeq.io.files import read_text, sha256_bytes, sha256_file
from edgeq.samples import apart
from edgeq.samples.sets import Photo

Array = npt.NDArray[np.generic]

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_MASKS = (".png",)
_SETS, _VALUE = "labels", "value"


@dataclass(frozen=True, eq=False)
class TaskLabels(Sequence[Array]):
    """The label of each photograph of a set, read on first use.

    ``sha256`` is that of the labels' content, and ``read`` returns the label of the photograph with
    an index.
    """

    sha256: str
    images: int
    read: Callable[[int], Array]

    def __len__(self) -> int:
        return self.images

    @overload
    def __getitem__(self, place: int) -> Array: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Array]: ...
    def __getitem__(self, place: int | slice) -> Array | Sequence[Array]:
        """Return one label, or several.

        Raises:
            ImageError: A label can't be read.
        """
        if isinstance(place, slice):
            return [self.read(at) for at in range(self.images)[place]]
        return self.read(range(self.images)[place])


def are_task_labels(path: Path) -> bool:
    """Return whether a path that the spec names as labels is a table of label sets or values."""
    try:
        stat = path.stat()
    except OSError:
        return False
    return path.is_file() and _has_columns(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _has_columns(path: Path, *_: int) -> bool:
    try:
        with path.open(encoding="utf-8-sig") as file:
            columns = file.readline(10_000).lower().split(",")
    except (OSError, UnicodeDecodeError):
        return False  # reported by the reader of the labels
    names = [column.strip().strip('"') for column in columns]
    return any(name == _SETS or name.startswith(_VALUE) for name in names)


def read_sets(path: Path, names: Sequence[str], classes: int) -> TaskLabels:
    """Read label sets: one array of 1 and 0 for each photograph, ``(classes,)``.

    Raises:
        ImageError: The table can't be read, lacks a photograph, or names a class out of range.
    """
    table, sha256 = _table(path, names, lambda column: column == _SETS)
    rows = []
    for name, cells in zip(names, table, strict=True):
        row = np.zeros(classes, np.uint8)
        for text in cells[0].replace(";", " ").split():
            if not (text.isascii() and text.isdecimal() and int(text) < classes):
                raise ImageError(
                    f"{text!r} of {name!r} is not a class index",
                    where=path,
                    remedy=f"The model has the labels 0 to {classes - 1}; separate them by spaces",
                )
            row[int(text)] = 1
        rows.append(row)
    return TaskLabels(sha256, len(names), rows.__getitem__)


def read_values(path: Path, names: Sequence[str], count: int) -> TaskLabels:
    """Read values: one array for each photograph, ``(count,)``.

    Raises:
        ImageError: The table can't be read, lacks a photograph, or has other numbers.
    """
    table, sha256 = _table(path, names, lambda column: column.startswith(_VALUE))
    if len(table[0]) != count:
        raise ImageError(
            f"has {len(table[0])} columns of values, and the output {count}",
            where=path,
            remedy="Write one column for each value of the output: value_0, value_1, ...",
        )
    try:
        values = np.array(table, np.float64)
    except ValueError as error:
        raise ImageError(
            f"holds something that is not a number: {error}", where=path, remedy="Write numbers"
        ) from error
    if not np.isfinite(values).all():
        raise ImageError("holds numbers that are not finite", where=path, remedy="Replace them")
    return TaskLabels(sha256, len(names), lambda at: values[at])


def read_masks(
    folder: Path,
    names: Sequence[str],
    preprocessing: Preprocessing,
    size: tuple[int, int],
    ignored: int,
) -> TaskLabels:
    """Read masks as the model sees their photographs: cropped or padded, and resized.

    The size is height and width of the model's map; ``ignored`` is the class of padding.

    Raises:
        ImageError: A photograph has no mask; and, on access, a mask can't be read.
    """
    photos, sha256 = _files(folder, names, _MASKS, "mask")

    def read(at: int) -> Array:
        data = apart.decoded_indices(photos[at], preprocessing, size, ignored)
        return np.frombuffer(data, np.uint8).reshape(size)

    return TaskLabels(sha256, len(names), read)


def read_pictures(
    folder: Path, names: Sequence[str], preprocessing: Preprocessing, shape: tuple[int, ...]
) -> TaskLabels:
    """Read target pictures at the size of the model's output, with values from 0 to 255.

    The shape is height, width and channels of the model's output.

    Raises:
        ImageError: A photograph has no picture; and, on access, a picture can't be read.
    """
    photos, sha256 = _files(folder, names, PICTURES, "target picture")
    height, width, channels = (*shape, 1)[:3]

    def read(at: int) -> Array:
        data = apart.decoded(photos[at], preprocessing, (height, width))
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        if channels == 1:
            return np.asarray(pixels.mean(axis=2)).reshape(shape)
        return pixels if preprocessing.channels == "rgb" else pixels[..., ::-1]

    return TaskLabels(sha256, len(names), read)


def _files(
    folder: Path, names: Sequence[str], endings: Sequence[str], noun: str
) -> tuple[list[Photo], str]:
    """Return the file of each photograph as a photograph, and the hash of them all."""
    photos = []
    for name in names:
        stem = folder / PurePosixPath(name)
        file = next((p for end in endings if (p := stem.with_suffix(end)).is_file()), None)
        if file is None:
            raise ImageError(
                f"has no {noun} for {name!r} ({', '.join(endings)})",
                where=folder,
                remedy=f"Give each photograph a {noun} with its name up to the ending",
            )
        photos.append(Photo(str(file), name, sha256_file(file), None))
    return photos, sha256_bytes("\n".join(photo.sha256 for photo in photos).encode())


def _table(
    path: Path, names: Sequence[str], chosen: Callable[[str], bool]
) -> tuple[list[list[str]], str]:
    """Return the chosen columns of each photograph's row, and the hash of the file."""
    try:
        text = read_text(path, encoding="utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImageError(
            f"can't be read as a labels file: {error}", where=path, remedy="Provide a CSV file"
        ) from error
    columns = [cell.strip().lower() for cell in rows[0]] if rows else []
    places = [at for at, column in enumerate(columns) if chosen(column)]
    key = next((column for column in ("file", "row") if column in columns), None)
    if key is None or not places:
        raise ImageError(
            f"the first line names the columns {', '.join(columns) or '(none)'}",
            where=path,
            remedy="This task's labels have the columns file,labels or file,value_0,value_1,...",
        )
    of: dict[str, list[str]] = {}
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(columns):
            raise ImageError(
                f"row {line} has {len(row)} cells, the first line {len(columns)}",
                where=path,
                remedy="Write one cell per column",
            )
        cell = row[columns.index(key)].strip()
        file = PurePosixPath(cell.replace("\\", "/")).as_posix()
        of[f"row {cell}" if key == "row" else file] = [row[at].strip() for at in places]
    lacking = next((name for name in names if name not in of), None)
    if lacking is not None:
        raise ImageError(
            f"has no row for {lacking!r}", where=path, remedy="Give each photograph a row"
        )
    return [of[name] for name in names], sha256_bytes(text.encode())
