"""Reads labels files: CSV files that say which class each photograph shows.

Columns are identified by their names in the first line, in any order; others are ignored.

``file``          path relative to the photographs' folder or to the CSV file's own, with ``/``
``row``           in place of ``file``, for arrays: the sample's row, from 0
``class_index``   from 0, in the data set's own numbering (takes precedence over ``wordnet_id``)
``wordnet_id``    for example ``n01440764``
``split``         optional: rows of other splits are skipped
``group``         optional: identifies the photograph that an image is a crop of; images of one
                  group count as one. The class is optional if this column is present
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from edgeq.errors import ImageError, reason_of
from edgeq.io.files import read_text
from edgeq.samples.labels import LabelSet, label_set

Key = Literal["file", "row"]
_REMEDY = "A labels file has the columns file,class_index or file,wordnet_id"


@dataclass(frozen=True)
class LabelTable:
    """The contents of a labels file.

    Attributes:
        has_split: Whether it has a ``split`` column, so that every remaining row is about this set.
        labels: Class index by file as written, or by row; None if the file has no classes.
        groups: Group by the same, for those that have one.
    """

    path: Path
    has_split: bool
    labels: Mapping[str, int | None]
    groups: Mapping[str, str]


def read_table(
    path: Path, splits: Collection[str], classes: LabelSet | None, *, key: Key = "file"
) -> LabelTable:
    """Read a labels file; see ``parse_table``.

    Raises:
        ImageError: The file can't be read, or a row is wrong.
    """
    try:
        text = read_text(path, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ImageError(
            "the labels file does not exist", where=path, remedy="Correct `labels` in [images]"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(
            f"can't be read as a labels file: {reason_of(error)}",
            where=path,
            remedy="Provide a CSV file in UTF-8",
        ) from error
    return parse_table(text, path, splits, classes, key=key)


def parse_table(
    text: str,
    path: Path,
    splits: Collection[str],
    classes: LabelSet | None,
    *,
    key: Key = "file",
) -> LabelTable:
    """Parse the text of a labels file.

    Args:
        text: Text of the CSV file, with its header.
        path: Path of the file, for errors.
        splits: Values of the ``split`` column whose rows are used.
        classes: Gives the range of class indices, and the WordNet ids. Without it an index has no
            upper bound, and WordNet ids are ImageNet's.
        key: The column that names the sample: a photograph's file, or a row of an array.

    Raises:
        ImageError: The text is not a CSV file with these columns, or a row is wrong, in which case
            the message names the line.
    """
    # newline="": the csv module itself tells line ends from line breaks inside quotes.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = _rows(reader, path)
    _, header = next(rows, (1, []))
    columns = [cell.strip().lower() for cell in header]
    label_column = next((c for c in ("class_index", "wordnet_id") if c in columns), None)
    if key not in columns or (label_column is None and "group" not in columns):
        raise ImageError(
            f"the first line names the columns {', '.join(columns) or '(none)'}",
            where=path,
            remedy=_REMEDY.replace("file,", f"{key},"),
        )
    labels: dict[str, int | None] = {}
    groups: dict[str, str] = {}
    for line, cells in rows:
        if len(cells) != len(columns):
            raise ImageError(
                f"line {line} has {len(cells)} cells, the first line {len(columns)}",
                where=path,
                remedy="Write one cell per column; put a cell that holds a comma in quotes",
            )
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
        if "split" in row and row["split"] not in splits:
            continue
        if key == "row":
            file = str(_whole(row["row"], "row", "Rows", path, line))
        else:
            file = _file(row["file"], path, line)
        if file in labels:
            raise ImageError(
                f"line {line}: {file!r} appears twice", where=path, remedy="Remove one"
            )
        labels[file] = None
        if label_column is not None:
            labels[file] = _class_index(label_column, row[label_column], classes, path, line)
        if row.get("group"):
            groups[file] = row["group"]
    return LabelTable(path, "split" in columns, labels, groups)


def _rows(reader: Iterator[list[str]], path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and cells of every row that is not empty."""
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells  # type: ignore[attr-defined]
    except csv.Error as error:
        raise ImageError(f"is not a CSV file: {error}", where=path, remedy=_REMEDY) from error


def _file(text: str, path: Path, line: int) -> str:
    if not text:
        raise ImageError(f"line {line} names no file", where=path, remedy=_REMEDY)
    return PurePosixPath(text.replace("\\", "/")).as_posix()


def _whole(text: str, noun: str, nouns: str, path: Path, line: int) -> int:
    if not (text.isascii() and text.isdecimal()):
        remedy = f"{nouns} are whole numbers from 0"
        raise ImageError(f"line {line}: {text!r} is not a {noun}", where=path, remedy=remedy)
    return int(text)


def _class_index(column: str, text: str, classes: LabelSet | None, path: Path, line: int) -> int:
    if not text:
        raise ImageError(f"line {line} has no label", where=path, remedy=_REMEDY)
    if column == "wordnet_id":
        return _by_wordnet_id(text, classes, path, line)
    index = _whole(text, "class index", "Class indices", path, line)
    if classes is not None and index >= classes.classes:
        raise ImageError(
            f"line {line}: class index {text} is out of range",
            where=path,
            remedy=f"The labels {classes.name!r} count from 0 to {classes.classes - 1}",
        )
    return index


def _by_wordnet_id(text: str, classes: LabelSet | None, path: Path, line: int) -> int:
    known = classes if classes is not None else label_set("imagenet", path.parent)
    index = known.by_wordnet_id.get(text)
    if index is None:
        raise ImageError(
            f"line {line}: the labels {known.name!r} have no WordNet id {text!r}",
            where=path,
            remedy="Correct it, or use the column class_index",
        )
    return index
