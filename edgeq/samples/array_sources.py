"""Where arrays come from: a ``.npy`` or ``.npz`` file, a user's function or a registered source."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.functions import load_function
from edgeq.errors import EdgeqError, ImageError, reason_of
from edgeq.io.arrays import map_array, read_header
from edgeq.io.files import sha256_bytes, sha256_file
from edgeq.samples.sources import SOURCES, Role
from edgeq.words import plural

NPY, NPZ = ".npy", ".npz"
REMEDY = "A file holds one sample per row: shape (samples, ...)"

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

AnyArray = npt.NDArray[Any]
Fields = Mapping[str, AnyArray]
_Type = tuple[tuple[int, ...], np.dtype[Any]]


@dataclass(frozen=True)
class ArraySource:
    """Samples before they are stored.

    Attributes:
        sha256: Hash of their content.
        path: The file; of a function, the folder of what it gave.
        given: What a function gave, by input; None for a file.
        labels: The class indices that a function gave, None if it gave none.
    """

    sha256: str
    path: Path
    given: Fields | None = None
    labels: tuple[int, ...] | None = None


@contextmanager
def opened_source(source: str, role: Role, root: Path, where: str) -> Iterator[ArraySource]:
    """Yield the samples of a source; those that a function gives are in a temporary folder.

    Args:
        source: A file, ``"package.module:function"``, or ``"PREFIX:ARGUMENT"`` of a registered
            source.
        role: What the set is for.
        root: Folder that relative paths start from.
        where: The key that names the source, for errors.

    Raises:
        ImageError: The source can't be read.
        SpecError: The function can't be imported.
    """
    prefix, separator, argument = source.partition(":")
    registered = SOURCES.get(prefix).arrays if separator and prefix in SOURCES else None
    if registered is not None:
        loader: Callable[[], Any] = partial(registered, argument, role)
    elif _FUNCTION.fullmatch(source):
        loader = load_function(source, root, where=where)
    else:
        yield _file(root / Path(source).expanduser(), where)
        return
    with tempfile.TemporaryDirectory(prefix="edgeq-") as folder:
        yield _collected(loader, source, Path(folder))


def _file(path: Path, where: str) -> ArraySource:
    if path.suffix not in {NPY, NPZ}:
        raise ImageError(
            "is neither a .npy nor a .npz file, nor package.module:function",
            where=f"{where}: {path.name}",
            remedy="Save the samples with numpy.save, or name a function that returns them",
        )
    try:
        return ArraySource(sha256_file(path), path)
    except OSError as error:
        raise ImageError(
            f"can't be read: {reason_of(error)}", where=path, remedy=f"Correct `{where}`"
        ) from error


def _collected(loader: Callable[[], Any], source: str, folder: Path) -> ArraySource:
    """Write what a user's function gives to files, one sample at a time.

    Raises:
        ImageError: The function fails, or gives something else than samples.
    """
    writers: dict[str, _Writer] = {}
    labels: list[int] = []
    count = 0
    try:
        with ExitStack() as files:
            for item in loader():
                values, label = item if _is_labelled(item) else (item, None)
                inputs = values if isinstance(values, Mapping) else {"": values}
                for name, value in inputs.items():
                    if name not in writers and not count:
                        raw = files.enter_context((folder / str(len(writers))).open("wb"))
                        writers[name] = _Writer(raw)
                    writers[name].add(np.asarray(value))
                if label is not None:
                    labels.append(int(label))
                count += 1
    except EdgeqError:
        raise
    except (Exception, SystemExit) as error:  # a user's function may raise anything
        raise _useless(source, f"failed: {type(error).__name__}: {error}") from error
    if not writers:
        raise _useless(source, "gives no sample")
    if any(writer.count != count for writer in writers.values()):
        raise _useless(source, "gives samples with different inputs")
    if labels and len(labels) != count:
        raise _useless(source, f"gives {len(labels)} labels for {plural(count, 'sample')}")
    facts = [[name, writer.facts()] for name, writer in writers.items()]
    given = {name: writer.array() for name, writer in writers.items()}
    content = sha256_bytes(msgspec.json.encode(facts))
    return ArraySource(content, folder, given, tuple(labels) or None)


class _Writer:
    """Writes the arrays of one input to a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.count = 0
        self._file = file
        self._first: AnyArray | None = None
        self._digest = hashlib.sha256()

    def add(self, value: AnyArray) -> None:
        """Add one sample's array.

        Raises:
            ValueError: It is not like the first one, or not of numbers.
        """
        first = value if self._first is None else self._first
        alike = (value.dtype, value.shape) == (first.dtype, first.shape)
        if not alike or value.dtype.kind not in "fiub":
            raise ValueError(
                f"sample {self.count} is {value.dtype} {list(value.shape)}, the first one "
                f"{first.dtype} {list(first.shape)}"
            )
        self._first = first
        content = value.tobytes()
        self._file.write(content)
        self._digest.update(content)
        self.count += 1

    def facts(self) -> list[object]:
        """Return what the array is, as plain JSON values."""
        first = self._first
        return [] if first is None else [str(first.dtype), first.shape, self._digest.hexdigest()]

    def array(self) -> AnyArray:
        """Return the array of all samples as a memory map, once the file is closed."""
        first = self._first
        if first is None:  # pragma: no cover - a writer is made for a first sample
            return np.zeros(0)
        shape = (self.count, *first.shape)
        return np.memmap(self._file.name, first.dtype, "r", shape=shape)


def _is_labelled(item: object) -> bool:
    return isinstance(item, tuple) and len(item) == 2  # noqa: PLR2004 - a sample and its label


def _useless(source: str, what: str) -> ImageError:
    return ImageError(
        f"the function {what}",
        where=source,
        remedy="Return arrays, dictionaries of arrays by input, or tuples of one of these and a "
        "class index; all samples of the same shape",
    )


def load_array(path: Path) -> AnyArray:
    """Return an array of a ``.npy`` file as a memory map.

    Raises:
        ImageError: The file is not such an array.
    """
    try:
        return map_array(path)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"is not an array that can be read: {error}", where=path, remedy=REMEDY
        ) from error


@contextmanager
def mapped(opened: ArraySource, folder: Path) -> Iterator[Fields]:
    """Yield arrays by input as memory maps; those of a ``.npz`` are unpacked for the time.

    Raises:
        ImageError: A file is not what its name says.
    """
    if opened.given is not None:
        yield opened.given
        return
    path = opened.path
    if path.suffix == NPY:
        yield {"": load_array(path)}
        return
    with tempfile.TemporaryDirectory(dir=folder.parent) as unpacked:
        try:
            with zipfile.ZipFile(path) as archive:
                names = [info.filename for info in archive.infolist()]
                for at, name in enumerate(names):
                    with (
                        archive.open(name) as member,
                        (Path(unpacked) / f"{at}{NPY}").open("wb") as out,
                    ):
                        shutil.copyfileobj(member, out, 1 << 20)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise ImageError(f"is not a .npz file: {error}", where=path, remedy=REMEDY) from error
        yield {
            name.removesuffix(NPY): load_array(Path(unpacked) / f"{at}{NPY}")
            for at, name in enumerate(names)
        }


def count_samples(opened: ArraySource, source: str) -> int:
    """Return the number of samples; of a file, only the header is read.

    Raises:
        ImageError: The file holds no samples.
    """
    if opened.given is not None:
        return len(next(iter(opened.given.values())))
    return samples_in(next(iter(headers(opened.path, source).values()))[0], source)


def sample_types(opened: ArraySource, source: str) -> dict[str, _Type]:
    """Return the shape of a sample and the type of each array, by name, in their order.

    Raises:
        ImageError: The file holds no samples.
    """
    if opened.given is not None:
        every = {name: (array.shape, array.dtype) for name, array in opened.given.items()}
    else:
        every = headers(opened.path, source)
    for shape, _ in every.values():
        samples_in(shape, source)
    return {name: (tuple(shape[1:]), dtype) for name, (shape, dtype) in every.items()}


def headers(path: Path, source: str) -> dict[str, _Type]:
    """Return shape and type of each array in a ``.npy`` or ``.npz`` file, at least one.

    Raises:
        ImageError: The file is not what its name says, or is empty.
    """
    if path.suffix == NPY:
        array = load_array(path)
        return {"": (array.shape, array.dtype)}
    every: dict[str, _Type] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                with archive.open(info) as member:
                    every[info.filename.removesuffix(NPY)] = read_header(member)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise ImageError(f"is not a .npz file: {error}", where=source, remedy=REMEDY) from error
    if not every:
        raise ImageError("holds no array", where=source, remedy=REMEDY)
    return every


def samples_in(shape: Sequence[int], source: str) -> int:
    """Return the number of samples of an array, given its shape.

    Raises:
        ImageError: It has none.
    """
    if not shape or shape[0] < 1:
        raise ImageError(f"has the shape {list(shape)}", where=source, remedy=REMEDY)
    return shape[0]
