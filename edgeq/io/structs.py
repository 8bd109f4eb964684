"""Thread-safe conversion of JSON and plain values to typed ones; files that name their schema.

msgspec builds its knowledge of a struct when the struct is first decoded. Another thread that
decodes the same struct meanwhile sees it half built, and the process dies with SIGSEGV. The first
use therefore takes a lock, one for all types because structs share others.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import msgspec

from edgeq.errors import RecordError, reason_of
from edgeq.io.files import read_whole, write_bytes

if TYPE_CHECKING:
    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
    """Any JSON value."""
else:
    Json = Any  # msgspec knows no type that holds itself


T = TypeVar("T")

_decoders: dict[Any, Any] = {}
_first = threading.Lock()


@overload
def from_json(data: bytes | str, kind: type[T]) -> T: ...
@overload
def from_json(data: bytes | str, kind: Any) -> Any: ...
def from_json(data: bytes | str, kind: Any) -> Any:
    """Decode JSON to a type.

    Raises:
        msgspec.DecodeError: The data is not JSON, or not of this type.
        UnicodeDecodeError: The data is not UTF-8.
        RecursionError: The data is nested too deeply.
    """
    return _decoder(kind).decode(data)


@overload
def converted(value: object, kind: type[T]) -> T: ...
@overload
def converted(value: object, kind: Any) -> Any: ...
def converted(value: object, kind: Any) -> Any:
    """Convert a plain value to a type.

    Raises:
        msgspec.ValidationError: The value is not of this type.
    """
    _decoder(kind)
    return msgspec.convert(value, kind)  # noqa: TID251 - the type is fully built now


def _decoder(kind: Any) -> Any:
    known = _decoders.get(kind)
    if known is None:
        with _first:
            known = _decoders[kind] = msgspec.json.Decoder(kind)  # noqa: TID251 - the one place
    return known


def indented(value: object) -> bytes:
    """Return a value as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def not_finite(value: object, path: str = "$") -> Iterator[str]:
    """Yield the path of every NaN and infinity in plain JSON values."""
    if isinstance(value, float):
        if not math.isfinite(value):
            yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from not_finite(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from not_finite(item, f"{path}[{index}]")


StructT = TypeVar("StructT", bound=msgspec.Struct)
_CONFLICT = re.compile(rb"^<{7} ", re.MULTILINE)
NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def content_of(path: Path, *, remedy: str | None = None) -> bytes:
    """Read the bytes of a file.

    ``remedy`` says what to do if it can't be read.

    Raises:
        RecordError: The file can't be read.
    """
    try:
        return read_whole(path)
    except OSError as error:
        what = f"can't be read: {reason_of(error)}"
        raise RecordError(what, where=path, remedy=remedy) from error


class _Schema(msgspec.Struct):
    schema: str


@dataclass(frozen=True)
class Reader(Generic[StructT]):
    """Reads one kind of file.

    Attributes:
        kind: The struct that the file holds.
        schema: The current schema.
        noun: What messages call the file, without an article.
        other: What to do if the file is of another kind.
        newer: What to do if this version of edgeq does not read the file's schema.
        damaged: What to do if the file is damaged.
        converted: For each schema whose JSON object does not have the fields of ``kind``, a
            function that returns an object that has them. It may raise any decoding error on a
            damaged file. A schema with such a function is read, even if it is an older one.
    """

    kind: type[StructT]
    schema: str
    noun: str
    other: str
    newer: str
    damaged: str
    converted: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = field(
        default_factory=dict
    )

    @property
    def _article(self) -> str:
        return "an" if self.noun[0] in "aeiou" else "a"

    def read(self, data: bytes, where: str | Path | None) -> StructT:
        """Decode the contents of a file.

        Raises:
            RecordError: The data is not such a file, is damaged, or has a newer schema.
        """
        try:
            schema = from_json(data, _Schema).schema
        except NOT_JSON as error:
            if _CONFLICT.search(data):
                raise RecordError(
                    "holds both sides of a conflict that git left in a merge",
                    where=where,
                    remedy="Keep one side: `git checkout --ours` or `--theirs`, and this file",
                ) from error
            what = f"not {self._article} {self.noun}: {error}"
            raise RecordError(what, where=where, remedy=self.other) from error
        if schema.partition("/")[0] != self.schema.partition("/")[0]:
            what = f"not {self._article} {self.noun}: its schema is {schema!r}"
            raise RecordError(what, where=where, remedy=self.other)
        if schema != self.schema and schema not in self.converted:
            what = f"schema {schema!r} is not one this version of edgeq reads ({self.schema!r})"
            raise RecordError(what, where=where, remedy=self.newer)
        try:
            if schema not in self.converted:
                return from_json(data, self.kind)
            plain = self.converted[schema](from_json(data, dict[str, Any]))
            return converted({**plain, "schema": self.schema}, self.kind)
        except (*NOT_JSON, AttributeError, KeyError, TypeError) as error:
            what = f"the {self.noun.removeprefix('edgeq ')} is damaged: {error}"
            raise RecordError(what, where=where, remedy=self.damaged) from error


class LastResult(Generic[StructT]):
    """The last result of a command, as a JSON file in a folder of reports.

    Args:
        kind: The struct that the file holds.
        schema: Its schema.
        command: Name of the command, after which the file is named.
    """

    def __init__(self, kind: type[StructT], schema: str, command: str) -> None:
        self.file = f"{command}.json"
        self._reader = Reader(
            kind,
            schema,
            command,
            other=f"Run `edgeq {command}` first",
            newer=f"Upgrade edgeq, or run `edgeq {command}` again with this version",
            damaged=f"Run `edgeq {command}` again",
        )

    def read(self, path: Path) -> StructT:
        """Read a file.

        Raises:
            RecordError: The file is missing, or is not such a result of this version or an older.
        """
        return self._reader.read(content_of(path, remedy=self._reader.other), path)

    def last(self, folder: Path) -> StructT | None:
        """Return the result in a folder of reports, None if there is none.

        Raises:
            RecordError: The file can't be read.
        """
        path = folder / self.file
        return self.read(path) if path.exists() else None

    def write(self, result: StructT, path: Path) -> None:
        """Write a result atomically.

        Raises:
            StoreError: The folder can't be written.
        """
        write_bytes(path, indented(result))
