"""Finds the photographs in a folder, and their labels.

A folder is read in one of three ways:

- With a labels file (``edgeq.samples.label_table``): the file that the spec names, otherwise
  ``labels.csv`` in the folder, otherwise ``labels.csv`` next to the folder. It must list every
  photograph of the folder. Two files may list none of them and are then ignored: one next to the
  folder, and the spec's own for the calibration set, which needs no labels.
- One folder per class, if the photographs are in sub-folders: the sub-folders' names must all be
  class names of the label set, class indices or WordNet ids. Without a label set, other names are
  numbered in sorted order, with a note; with one they are refused.
- Unlabelled, if the photographs are in the folder itself, or all of them in folders inside a
  single one, or inside ``train``, ``val`` and the like.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeq.errors import ImageError, reason_of
from edgeq.registry import suggestion
from edgeq.samples.label_table import LabelTable, read_table
from edgeq.samples.labels import LabelSet, comparable, is_wordnet_id, label_set
from edgeq.words import names as names_of
from edgeq.words.escape import printable

LABELS_FILE = "labels.csv"
_MAX_NAMES = 3
_SPLITS = frozenset(
    ("train", "training", "val", "valid", "validation", "test", "testing", "eval", "evaluation")
)
IMAGES_TABLE = "[images]"
ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("apng", "avif", "bmp", "dib", "gif", "jfif", "jp2", "jpe", "jpeg", "jpg", "pbm", "pgm"),
        *("heic", "heif", "png", "pnm", "ppm", "tga", "tif", "tiff", "webp"),
    )
)


@dataclass(frozen=True)
class SampleFile:
    """A photograph that has not been read yet.

    Attributes:
        path: The file.
        name: Path relative to the folder, with ``/``.
        label: Class index, or None if unlabelled.
        group: Identifies the photograph that it is a crop of, or None if not given.
    """

    path: Path
    name: str
    label: int | None
    group: str | None = None


@dataclass(frozen=True)
class Photographs:
    """The photographs of a set, in any order."""

    photos: list[SampleFile]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClassFolders:
    """The classes that the class folders are named after.

    Attributes:
        notes: Assumptions, as clauses that follow the name of the parent folder.
    """

    indices: dict[str, int]
    notes: tuple[str, ...] = ()


def find_photos(
    folder: Path,
    role: str,
    *,
    labels_file: Path | None,
    classes: LabelSet | None,
    named_in: str = IMAGES_TABLE,
) -> Photographs:
    """Return the photographs of a folder with their labels.

    Args:
        folder: The folder that holds them.
        role: ``"calibration"`` or ``"evaluation"``. A labels file's ``split`` column is matched
            against it and against the folder's name.
        labels_file: The labels file that the spec names, if any.
        classes: The label set, if any.
        named_in: The table of the spec that names the folder, for errors.

    Raises:
        ImageError: The folder or its photographs are missing, or the labels are wrong.
    """
    _require_folder(folder, f"Correct `{role}` in {named_in}")
    folder = folder.absolute()
    files = _files_of(folder)
    table = _table(folder, role, labels_file, classes)
    if table is not None:
        labelled = _by_table(files, folder, table)
        if labelled or not _may_be_about_others(table, folder, role):
            return Photographs(_checked(labelled, files, folder, table))
    return _by_folder(_photos_of(files, folder), folder, classes)


def list_photos(folder: Path, remedy: str) -> dict[str, Path]:
    """Return the photographs of a folder by name, without looking at labels.

    Raises:
        ImageError: There is no such folder, or no photograph in it.
    """
    _require_folder(folder, remedy)
    folder = folder.absolute()
    return _photos_of(_files_of(folder), folder)


def _require_folder(folder: Path, remedy: str) -> None:
    if not folder.is_dir():
        raise ImageError(
            "is not a folder" if folder.exists() else "the folder does not exist",
            where=folder,
            remedy=remedy,
        )


def _photos_of(files: dict[str, Path], folder: Path) -> dict[str, Path]:
    photos = {name: path for name, path in files.items() if path.suffix.lower() in ENDINGS}
    if not photos:
        raise _no_photo(folder, files)
    return photos


def _files_of(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by name.

    Raises:
        ImageError: The folder can't be read, or the name of a photograph is not UTF-8, so that no
            report could name it.
    """
    files = {path.relative_to(folder).as_posix(): path for path in _walk(folder)}
    for name, path in files.items():
        if path.suffix.lower() in ENDINGS and name != name.encode(errors="replace").decode():
            raise ImageError(
                f"the name of a photograph is not UTF-8: {os.fsencode(name)!r}",
                where=folder,
                remedy="Rename it, or take it out of the set",
            )
    return files


def _walk(folder: Path) -> Iterator[Path]:
    """Yield every file that is not hidden; each linked folder is visited only once."""
    seen: set[Path] = set()

    def fail(error: OSError) -> None:
        raise ImageError(
            f"can't be read: {reason_of(error)}", where=error.filename, remedy="Permit reading it"
        ) from error

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=fail):
        real = Path(parent).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _table(
    folder: Path, role: str, labels_file: Path | None, classes: LabelSet | None
) -> LabelTable | None:
    splits = {role, folder.name}
    if labels_file is not None:
        return read_table(labels_file, splits, classes)
    for path in (folder / LABELS_FILE, folder.parent / LABELS_FILE):
        if path.exists() or path.is_symlink():
            return read_table(path, splits, classes)
    return None


def _by_table(files: dict[str, Path], folder: Path, table: LabelTable) -> dict[str, str]:
    """Map each photograph that the labels file lists to its row's file."""
    base = Path(os.path.relpath(folder, table.path.parent)).as_posix()
    rows = {name: f"{base}/{name}" for name in files}
    rows |= {name: name for name in files if name in table.labels}
    return {name: row for name, row in rows.items() if row in table.labels}


def _may_be_about_others(table: LabelTable, folder: Path, role: str) -> bool:
    if table.path == folder / LABELS_FILE:
        return False
    return role == "calibration" or table.path == folder.parent / LABELS_FILE


def _checked(
    rows: dict[str, str], files: dict[str, Path], folder: Path, table: LabelTable
) -> list[SampleFile]:
    """Return the photographs, after checking that labels file and folder list the same ones."""
    photos = [name for name, path in files.items() if path.suffix.lower() in ENDINGS]
    unnamed = sorted(name for name in photos if name not in rows)
    if unnamed:
        raise ImageError(
            f"{len(unnamed)} of {len(photos)} photographs have no label in {table.path}; "
            f"the first is {unnamed[0]!r}",
            where=folder,
            remedy="Add them to the labels file, or take them out of the folder",
        )
    # Without a `split` column, a file outside the folder may list other folders' photographs.
    if table.has_split or table.path.parent == folder:
        absent = sorted(set(table.labels) - set(rows.values()))
        if absent:
            raise ImageError(
                f"{len(absent)} of {len(table.labels)} files in the labels file are not in "
                f"{folder}; the first is {absent[0]!r}",
                where=table.path,
                remedy="Add the photographs, or take them out of the labels file",
            )
    if not rows:
        raise ImageError(
            f"the labels file names no photograph of {folder}",
            where=table.path,
            remedy="Paths are relative to the photographs' folder or to the labels file",
        )
    return [
        SampleFile(files[name], name, table.labels[row], table.groups.get(row))
        for name, row in rows.items()
    ]


def _no_photo(folder: Path, files: dict[str, Path]) -> ImageError:
    endings = sorted({path.suffix.lower() or "(none)" for path in files.values()})
    what = f"files ending in {', '.join(endings)} only" if endings else "is empty"
    return ImageError(
        f"holds no photograph: {what}",
        where=folder,
        remedy=f"Photographs end in {', '.join(sorted(ENDINGS))}",
    )


def _by_folder(photos: dict[str, Path], folder: Path, classes: LabelSet | None) -> Photographs:
    """Label photographs by sub-folder; leave them unlabelled if there are no sub-folders."""
    outside = sorted(name for name in photos if "/" not in name)
    if len(outside) == len(photos):
        return Photographs([SampleFile(path, name, None) for name, path in photos.items()])
    if outside:
        raise ImageError(
            f"holds photographs next to its class folders; the first is {outside[0]!r}",
            where=folder,
            remedy="Move them into class folders, or add a labels.csv that names them all",
        )
    names = {name.split("/")[0] for name in photos}
    deep = all(name.count("/") > 1 for name in photos)
    named = classes is not None or any(name.isdecimal() or is_wordnet_id(name) for name in names)
    if deep and not named and (len(names) == 1 or names <= _SPLITS):
        note = (
            f"all photographs lie deeper, in {names_of(sorted(names))}, so they have no labels; if "
            f"the folders in there are the classes, name {folder.name}/{printable(min(names))}"
        )
        return Photographs([SampleFile(path, name, None) for name, path in photos.items()], (note,))
    empty = sorted(
        child.name
        for child in folder.iterdir()
        if child.is_dir() and not child.name.startswith(".") and child.name not in names
    )
    if empty:
        raise ImageError(
            f"the class folder {empty[0]!r} holds no photograph",
            where=folder,
            remedy="Add some, or remove the folder",
        )
    folders = class_folders(sorted(names), folder, classes)
    classes_of = (
        (path, name, folders.indices[name.split("/")[0]]) for name, path in photos.items()
    )
    return Photographs([SampleFile(*facts) for facts in classes_of], folders.notes)


def class_folders(names: list[str], where: Path, classes: LabelSet | None) -> ClassFolders:
    """Return the classes that class folders are named after, judged from all names together.

    Class names take precedence: a set of the digits 1 to 9 and 0 may list them in that order.

    Raises:
        ImageError: A name is not in the label set, or two folders mean the same class.
    """
    folders = _meaning(names, where, classes)
    if len(set(folders.indices.values())) < len(folders.indices):
        raise ImageError("two class folders mean the same class", where=where, remedy="Merge them")
    return folders


def _meaning(names: list[str], where: Path, classes: LabelSet | None) -> ClassFolders:
    numbers = all(name.isascii() and name.isdecimal() for name in names)
    by_name = {} if classes is None else classes.by_name
    named = {name: by_name.get(comparable(name)) for name in names}
    if classes is not None and None not in named.values():
        indices = _known(names, named, where, classes)
        if numbers and any(int(name) != index for name, index in indices.items()):
            first = next(name for name in names if int(name) != indices[name])
            note = f"folder names match classes of {printable(classes.name)!r} and are read as "
            note += f"names, not as class indices: {first!r} is class {indices[first]}"
            return ClassFolders(indices, (note,))
        return ClassFolders(indices)
    if numbers:
        return ClassFolders({name: int(name) for name in names})
    if all(is_wordnet_id(name) for name in names):
        known = classes if classes is not None else label_set("imagenet", where)
        indices = _known(names, known.by_wordnet_id, where, known)
        note = "folders are named by WordNet ids, which are numbered like ImageNet's 1000 classes"
        return ClassFolders(indices, () if classes is not None else (note,))
    if classes is not None:
        return ClassFolders(_known(names, named, where, classes))
    return ClassFolders({name: index for index, name in enumerate(names)}, (_counted(names),))


def _counted(names: list[str]) -> str:
    shown = ", ".join(f"{at} is {printable(name)!r}" for at, name in enumerate(names[:_MAX_NAMES]))
    more = ", ..." if len(names) > _MAX_NAMES else ""
    return (
        "no label set is named, so its class folders are numbered in alphabetical order: "
        f"{shown}{more}. If the model's outputs are in another order, set `labels`"
    )


def _known(
    names: list[str], known: dict[str, int] | dict[str, int | None], where: Path, classes: LabelSet
) -> dict[str, int]:
    indices: dict[str, int] = {}
    for name in names:
        index = known.get(name)
        if index is None:
            raise ImageError(
                f"the class folder {name!r} is not the name of one class of the labels "
                f"{classes.name!r}",
                where=where,
                remedy=_meant(name, classes),
            )
        indices[name] = index
    return indices


def _meant(name: str, classes: LabelSet) -> str:
    if len(classes.names) <= 20:  # longer lists fill a screen
        return suggestion(name, classes.names)
    close = suggestion(name, classes.names).partition(" Valid: ")[0]
    meant = f"{close} " if close.startswith("Did you mean") else ""
    return f"{meant}Name class folders by class index, WordNet id or class name"
