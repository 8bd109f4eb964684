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
from edgeq.samples.sources import SOURCES, NamedSet
from edgeq.words import plural

NPY, NPZ = ".npy", ".npz"
REMEDY = "A file holds one sample per row: shape (samples, ...)"

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

AnyArray = npt.NDArray[Any]
Fields = Mapping[str, AnyArray]
ArrayType = tuple[tuple[int, ...], np.dtype[Any]]
"""The shape and the type of an array."""


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
def opened_source(named: NamedSet, where: str) -> Iterator[ArraySource]:
    """Yield the samples of a set; those that a function gives are in a temporary folder.

    ``where`` is the key that names their source, for errors.

    Raises:
        ImageError: The source can't be read.
        SpecError: The function can't be imported.
    """
    source = named.source
    prefix, separator, argument = source.partition(":")
    registered = SOURCES.get(prefix).arrays if separator and prefix in SOURCES else None
    if registered is not None:
        loader: Callable[[], Any] = partial(registered, argument, named.role)
    elif _FUNCTION.fullmatch(source):
        loader = load_function(source, named.root, where=where)
    else:
        yield _file(named.root / Path(source).expanduser(), where)
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
    try:
        with ExitStack() as files:
            samples = _Samples(folder, files)
            for item in loader():
                samples.add(item)
    except EdgeqError:
        raise
    except (Exception, SystemExit) as error:  # a user's function may raise anything
        raise _useless(source, f"failed: {type(error).__name__}: {error}") from error
    if problem := samples.problem():
        raise _useless(source, problem)
    facts = [[name, writer.facts()] for name, writer in samples.writers.items()]
    given = {name: writer.array() for name, writer in samples.writers.items()}
    content = sha256_bytes(msgspec.json.encode(facts))
    return ArraySource(content, folder, given, tuple(samples.labels) or None)


class _Samples:
    """Samples that are written as they come, with a file for each input.

    Attributes:
        writers: The writer of each input, by its name; the first sample decides which there are.
        labels: The class indices.
    """

    def __init__(self, folder: Path, files: ExitStack) -> None:
        self.writers: dict[str, _Writer] = {}
        self.labels: list[int] = []
        self._count = 0
        self._folder = folder
        self._files = files

    def add(self, item: Any) -> None:
        """Add a sample: an array or arrays by input, or a tuple of one of these and a class index.

        Raises:
            KeyError: The first sample has no input of this name.
            ValueError: An array is not like the first sample's, or not of numbers.
        """
        values, label = item if _is_labelled(item) else (item, None)
        inputs = values if isinstance(values, Mapping) else {"": values}
        if not self._count:
            for number, name in enumerate(inputs):
                file = (self._folder / str(number)).open("wb")
                self.writers[name] = _Writer(self._files.enter_context(file))
        for name, value in inputs.items():
            self.writers[name].add(np.asarray(value))
        if label is not None:
            self.labels.append(int(label))
        self._count += 1

    def problem(self) -> str | None:
        """Return why these samples can't be used; None if they can."""
        if not self.writers:
            return "gives no sample"
        if any(writer.count != self._count for writer in self.writers.values()):
            return "gives samples with different inputs"
        if self.labels and len(self.labels) != self._count:
            return f"gives {len(self.labels)} labels for {plural(self._count, 'sample')}"
        return None


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
    return isinstance(item, tuple) and len(item) == 2  # a sample and its label


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
        yield {name: load_array(file) for name, file in _unpack(path, Path(unpacked)).items()}


def _unpack(path: Path, folder: Path) -> dict[str, Path]:
    """Write the arrays of a ``.npz`` file into a folder; return the file of each by its name.

    Raises:
        ImageError: The file is not what its name says.
    """
    files: dict[str, Path] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for number, info in enumerate(archive.infolist()):
                file = folder / f"{number}{NPY}"
                with archive.open(info.filename) as member, file.open("wb") as copy:
                    shutil.copyfileobj(member, copy, 1 << 20)
                files[info.filename.removesuffix(NPY)] = file
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ImageError(f"is not a .npz file: {error}", where=path, remedy=REMEDY) from error
    return files


def count_samples(opened: ArraySource, source: str) -> int:
    """Return the number of samples; of a file, only the header is read.

    Raises:
        ImageError: The file holds no samples.
    """
    if opened.given is not None:
        return len(next(iter(opened.given.values())))
    return samples_in(next(iter(headers(opened.path, source).values()))[0], source)


def sample_types(opened: ArraySource, source: str) -> dict[str, ArrayType]:
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


def headers(path: Path, source: str) -> dict[str, ArrayType]:
    """Return shape and type of each array in a ``.npy`` or ``.npz`` file, at least one.

    Raises:
        ImageError: The file is not what its name says, or is empty.
    """
    if path.suffix == NPY:
        array = load_array(path)
        return {"": (array.shape, array.dtype)}
    every: dict[str, ArrayType] = {}
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
