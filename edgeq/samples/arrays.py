"""Arrays as samples: features, sensor windows or tokens, one sample per row.

They come from a ``.npy`` file, from a ``.npz`` file with one array per input, from a user's
function, or from a registered source. They are copied into the store once, as real values: a row of
float32 holds all inputs of a sample, in the model's order. Everyone reads that copy as a memory
map, so what is run is what was hashed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Samples
from edgeq.errors import ImageError, ModelError
from edgeq.io import structs
from edgeq.io.arrays import map_array
from edgeq.io.files import sha256_file
from edgeq.samples.array_sources import (
    NPY,
    NPZ,
    REMEDY,
    AnyArray,
    Fields,
    count_samples,
    load_array,
    mapped,
    opened_source,
    samples_in,
)
from edgeq.samples.folders import LABELS_FILE, Photographs, SampleFile
from edgeq.samples.label_table import LabelTable, read_table
from edgeq.samples.labels import LabelSet
from edgeq.samples.sources import NamedSet, Role
from edgeq.store.content import Store
from edgeq.tflite.model_file import ModelFile, order_by_names
from edgeq.words import plural
from edgeq.words.escape import printable

KIND = "arrays"
ROWS, DIGESTS, LAYOUT = "rows.npy", "digests.npy", "layout.json"

_FORMAT = 1
_AT_ONCE = 4_000_000
"""Values that are converted at once, which bounds the memory that a set of any size takes."""
NARROW = 2
"""Bytes of the widest integers that may stand for real values."""
_EXACT = 2**24
"""Greatest whole number up to which float32 holds every one."""

Floats = npt.NDArray[np.float32]


class Field(msgspec.Struct, frozen=True):
    """One input of a model, by its name in the file, with the shape of one sample."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of values of one sample."""
        return math.prod(self.shape)


class _Layout(msgspec.Struct, frozen=True):
    samples: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ArrayFile:
    """The samples of a set as rows of a file in the store.

    Attributes:
        path: A ``.npy`` file: float32, C order, shape ``(n, d)``.
        shape: ``(n, d)``: rows, which may be more than the set has samples, and values of a sample.
        sha256: Address in the store.
        fields: The inputs that a row holds, in this order.
    """

    path: Path
    shape: tuple[int, int]
    sha256: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class StoredArrays:
    """What a source gives.

    ``digests`` has the sha256 of each row, ``labels`` the class indices that a function gave,
    ``notes`` what is assumed about the values, in sentences.
    """

    file: ArrayFile
    digests: tuple[str, ...]
    labels: tuple[int, ...] | None
    notes: tuple[str, ...]


def row_name(row: int) -> str:
    """Return the name of the sample in a row, counted from 0."""
    return f"row {row}"


def row_of(name: str) -> int:
    """Return the row of a sample by its name."""
    return int(name.removeprefix("row "))


def store_arrays(
    named: NamedSet, fields: Sequence[Field], store: Store, where: str
) -> StoredArrays:
    """Return the samples of a set, copied into the store unless it has them.

    Scale and zero point of the set's table of samples are used; ``fields`` are the model's inputs,
    and ``where`` is the key that names the source, for errors.

    Raises:
        ImageError: The source can't be read, or does not fit the inputs.
        SpecError: The function can't be imported.
        StoreError: The store can't be written.
    """
    source, declared = named.source, named.arrays or Samples()
    with opened_source(named, where) as opened:
        facts = {
            "content": opened.sha256,
            "scale": declared.scale,
            "zero_point": declared.zero_point,
            "fields": [[field.name, list(field.shape)] for field in fields],
            "format": _FORMAT,
        }

        def make(folder: Path) -> None:
            with mapped(opened, folder) as arrays:
                count, notes = _write(arrays, declared, fields, folder, where=source)
            if opened.given is None and sha256_file(opened.path) != opened.sha256:
                raise ImageError("changed while it was read", where=source, remedy="Run again")
            layout = _Layout(count, notes)
            (folder / LAYOUT).write_bytes(msgspec.json.encode(layout))

        entry = store.get_or_make(KIND, facts, make)
    layout = structs.from_json((entry.folder / LAYOUT).read_bytes(), _Layout)
    digests = map_array(entry.folder / DIGESTS)
    shape = (layout.samples, sum(field.size for field in fields))
    return StoredArrays(
        ArrayFile(entry.folder / ROWS, shape, entry.key, tuple(fields)),
        tuple(bytes(row).hex() for row in digests),
        opened.labels,
        layout.notes,
    )


def reordered(file: ArrayFile, order: Sequence[int], store: Store) -> ArrayFile:
    """Return samples with their inputs in another order."""
    if list(order) == list(range(len(file.fields))):
        return file
    starts = np.cumsum([0, *(field.size for field in file.fields)])
    columns = np.concatenate([np.arange(starts[at], starts[at + 1]) for at in order])

    def make(folder: Path) -> None:
        rows = map_array(file.path)
        out = np.lib.format.open_memmap(folder / ROWS, "w+", np.float32, file.shape)
        for start, stop in _chunks(*file.shape):
            out[start:stop] = rows[start:stop][:, columns]
        out.flush()

    entry = store.get_or_make(KIND, {"rows": file.sha256, "order": list(order)}, make)
    fields = tuple(file.fields[at] for at in order)
    return ArrayFile(entry.folder / ROWS, file.shape, entry.key, fields)


def fields_of(model: ModelFile) -> tuple[Field, ...]:
    """Return the inputs of a model, by their names in its signature or else in the file."""
    tensors = [model.tensors[index] for index in model.inputs]
    batched = any(len(tensor.shape) > 1 for tensor in tensors)
    return tuple(
        Field(name, tensor.shape[1:] if batched else tensor.shape)
        for name, tensor in zip(model.named_inputs, tensors, strict=True)
    )


def order_like(ours: Sequence[Field], theirs: Sequence[Field]) -> tuple[int, ...]:
    """Return the place of each of a variant's inputs among its baseline's; ``order_by_names``."""
    return order_by_names([field.name for field in ours], [field.name for field in theirs])


def require_same_inputs(variant: ModelFile, baseline: ModelFile) -> None:
    """Refuse a variant whose inputs are not shaped like its baseline's.

    Raises:
        ModelError: They are not.
    """
    theirs, ours = fields_of(variant), fields_of(baseline)
    if len(theirs) == len(ours):
        order = order_like(ours, theirs)
        if all(field.shape == ours[at].shape for field, at in zip(theirs, order, strict=True)):
            return
    shown = [
        ", ".join(f"{printable(field.name)!r} {list(field.shape)}" for field in some)
        for some in (theirs, ours)
    ]
    raise ModelError(
        f"takes {shown[0]}, its baseline {shown[1]}",
        where=variant.path,
        remedy="Name the variant of this baseline, or another model as its baseline",
    )


def find_arrays(
    named: NamedSet, classes: LabelSet | None = None, stored: StoredArrays | None = None
) -> Photographs:
    """Return the samples of a set with their labels; of a file, only the header is read.

    Rows of other splits in a labels file are left out.

    Raises:
        ImageError: The source or a label can't be used.
    """
    source, role = named.source, named.role
    path = named.root / Path(source).expanduser()
    if stored is not None:
        count, given = stored.file.shape[0], stored.labels
    else:
        with opened_source(named, named.table) as opened:
            count, given = count_samples(opened, source), opened.labels
    table = _labels(path, named.labels_file, role, classes)
    if table is not None:
        by_row, groups = _by_row(table, role, count), table.groups
    elif given is not None and role == "evaluation":
        by_row, groups = dict(enumerate(given)), {}
    else:
        by_row, groups = dict.fromkeys(range(count)), {}
    return Photographs(
        [
            SampleFile(path, row_name(row), label, groups.get(str(row)))
            for row, label in by_row.items()
        ]
    )


def _by_row(table: LabelTable, role: Role, count: int) -> dict[int, int | None]:
    """Return the label of each sample of a set, by its row in the file.

    Raises:
        ImageError: The labels are not those of the samples.
    """
    labels = {int(row): label for row, label in table.labels.items()}
    rows = sorted(labels) if table.has_split else range(count)
    missing = next((row for row in rows if row not in labels), None)
    greatest = max(labels, default=-1)
    problem = None
    if greatest >= count:
        problem = f"names row {greatest}, but there are {plural(count, 'row')}, counted from 0"
    elif missing is not None:
        problem = f"names {len(labels)} of {plural(count, 'row')}; row {missing} is missing"
    elif not rows:
        problem = f"has no row of the split {role!r}"
    if problem is not None:
        remedy = "Write one line per sample: row,class_index"
        raise ImageError(problem, where=table.path, remedy=remedy)
    return {row: labels[row] for row in rows}


def _labels(
    path: Path, labels: Path | None, role: Role, classes: LabelSet | None
) -> LabelTable | None:
    """Return the labels of a set, None if there are none.

    The labels of a file without a ``split`` column are the evaluation set's.
    """
    file = path.parent / LABELS_FILE if labels is None else labels
    if labels is None and (path.suffix not in {NPY, NPZ} or not file.is_file()):
        return None
    if file.suffix == NPY:
        return _label_array(file, classes) if role == "evaluation" else None
    table = read_table(file, {role}, classes, key="row")
    return table if table.has_split or role == "evaluation" else None


def _label_array(path: Path, classes: LabelSet | None) -> LabelTable:
    """Return the class indices in a ``.npy`` file."""
    array = load_array(path)
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array < 0).any():
        raise ImageError(
            f"is {array.dtype} {list(array.shape)}, not one class index per sample",
            where=path,
            remedy="Save whole numbers from 0, shape (samples,)",
        )
    if classes is not None and array.size and int(array.max()) >= classes.classes:
        raise ImageError(
            f"holds class index {int(array.max())}",
            where=path,
            remedy=f"The labels {classes.name!r} count from 0 to {classes.classes - 1}",
        )
    by_row = {str(row): int(label) for row, label in enumerate(array)}
    return LabelTable(path, has_split=False, labels=by_row, groups={})


def _write(
    arrays: Fields, declared: Samples, fields: Sequence[Field], folder: Path, *, where: str
) -> tuple[int, tuple[str, ...]]:
    """Write samples as rows with their digests; return their number and notes about them."""
    columns = _in_order(arrays, fields, where)
    counts = {samples_in(column.shape, where) for column in columns}
    if len(counts) > 1:
        shown = ", ".join(str(len(column)) for column in columns)
        raise ImageError(
            f"its arrays have different numbers of samples: {shown}", where=where, remedy=REMEDY
        )
    for column, field in zip(columns, fields, strict=True):
        _check(column, field, declared, where)
    notes = tuple(
        f"{where}: {column.dtype} values are taken as they are; if they are quantized, set `scale` "
        "and `zero_point`"
        for column in columns
        if _may_be_quantized(column) and declared.scale is None
    )
    (count,) = counts
    width = sum(entry.size for entry in fields)
    rows = np.lib.format.open_memmap(folder / ROWS, "w+", np.float32, (count, width))
    digests = np.zeros((count, 32), np.uint8)
    for start, stop in _chunks(count, width):
        real = [_real(column[start:stop], declared, start, where) for column in columns]
        part = np.concatenate([values.reshape(stop - start, -1) for values in real], axis=1)
        rows[start:stop] = part
        for at, row in enumerate(part, start):
            digests[at] = np.frombuffer(hashlib.sha256(row.tobytes()).digest(), np.uint8)
    rows.flush()
    np.save(folder / DIGESTS, digests)
    return count, notes


def _in_order(arrays: Fields, fields: Sequence[Field], where: str) -> list[AnyArray]:
    """Return the arrays in the order of the inputs: by name, or as they come if no name fits."""
    shown = ", ".join(repr(printable(field.name)) for field in fields)
    if len(arrays) != len(fields):
        raise ImageError(
            f"holds {plural(len(arrays), 'array')}, but the model has "
            f"{plural(len(fields), 'input')} ({shown})",
            where=where,
            remedy="Save one array per input: numpy.savez(file, name=array, ...)",
        )
    names = [field.name for field in fields]
    if set(names) == set(arrays):
        return [arrays[name] for name in names]
    known = set(names) & set(arrays)
    if known:
        other = min(set(arrays) - set(names))
        raise ImageError(
            f"holds an array {other!r}, which is not an input ({shown})",
            where=where,
            remedy="Name all arrays by the inputs, or none of them",
        )
    return list(arrays.values())


def _check(array: AnyArray, field: Field, declared: Samples, where: str) -> None:
    """Refuse an array that is not made of an input's samples."""
    own = array.shape[1:]
    if [side for side in own if side != 1] != [side for side in field.shape if side != 1]:
        raise ImageError(
            f"has samples of {list(own)}, but the input {printable(field.name)!r} takes "
            f"{list(field.shape)}",
            where=where,
            remedy="Save an array of shape (samples, ...) with the input's own shape",
        )
    if array.dtype.kind not in "fiub":
        raise ImageError(f"holds {array.dtype}, not numbers", where=where, remedy=REMEDY)
    if declared.scale is not None and array.dtype.kind == "f":
        raise ImageError(
            f"holds {array.dtype}: real values have no scale",
            where=where,
            remedy="Remove `scale` and `zero_point`",
        )


def _may_be_quantized(array: AnyArray) -> bool:
    return array.dtype.kind in "iu" and array.dtype.itemsize <= NARROW


def _real(array: AnyArray, declared: Samples, start: int, where: str) -> Floats:
    """Return real values as float32.

    Quantized values are computed as a runtime dequantizes them, ``(q - zero_point) * scale`` in
    float32.
    """
    if declared.scale is not None and _may_be_quantized(array):
        steps = array.astype(np.float32) - np.float32(declared.zero_point)
        return steps * np.float32(declared.scale)
    with np.errstate(over="ignore"):
        values: Floats = np.asarray(array).astype(np.float32)
    usable = np.isfinite(values)
    if array.dtype.kind in "iu" and array.dtype.itemsize > NARROW:
        usable &= np.abs(values) <= _EXACT
    bad = ~usable.reshape(len(values), -1).all(axis=1)
    if bad.any():
        raise ImageError(
            f"row {start + int(np.argmax(bad))} holds a value that is not a finite number, or too "
            "large for float32",
            where=where,
            remedy="Replace or remove the row",
        )
    return values


def _chunks(count: int, width: int) -> Iterator[tuple[int, int]]:
    size = max(1, _AT_ONCE // max(width, 1))
    for start in range(0, count, size):
        yield start, min(start + size, count)
