"""Reads JSON files that edgeq wrote; each names its schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from edgeq.errors import RecordError, reason_of
from edgeq.io import structs
from edgeq.io.files import read_whole, write_bytes

T = TypeVar("T", bound=msgspec.Struct)
_CONFLICT = re.compile(rb"^<{7} ", re.MULTILINE)
_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


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
class Reader(Generic[T]):
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

    kind: type[T]
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

    def read(self, data: bytes, where: str | Path | None) -> T:
        """Decode the contents of a file.

        Raises:
            RecordError: The data is not such a file, is damaged, or has a newer schema.
        """
        try:
            schema = structs.from_json(data, _Schema).schema
        except _NOT_JSON as error:
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
                return structs.from_json(data, self.kind)
            plain = self.converted[schema](structs.from_json(data, dict[str, Any]))
            return structs.converted({**plain, "schema": self.schema}, self.kind)
        except (*_NOT_JSON, AttributeError, KeyError, TypeError) as error:
            what = f"the {self.noun.removeprefix('edgeq ')} is damaged: {error}"
            raise RecordError(what, where=where, remedy=self.damaged) from error


class LastResult(Generic[T]):
    """The last result of a command, as a JSON file in a folder of reports.

    Args:
        kind: The struct that the file holds.
        schema: Its schema.
        command: Name of the command, after which the file is named.
    """

    def __init__(self, kind: type[T], schema: str, command: str) -> None:
        self.file = f"{command}.json"
        self._reader = Reader(
            kind,
            schema,
            command,
            other=f"Run `edgeq {command}` first",
            newer=f"Upgrade edgeq, or run `edgeq {command}` again with this version",
            damaged=f"Run `edgeq {command}` again",
        )

    def read(self, path: Path) -> T:
        """Read a file.

        Raises:
            RecordError: The file is missing, or is not such a result of this version or an older.
        """
        return self._reader.read(content_of(path, remedy=self._reader.other), path)

    def last(self, folder: Path) -> T | None:
        """Return the result in a folder of reports, None if there is none.

        Raises:
            RecordError: The file can't be read.
        """
        path = folder / self.file
        return self.read(path) if path.exists() else None

    def write(self, result: T, path: Path) -> None:
        """Write a result atomically.

        Raises:
            StoreError: The folder can't be written.
        """
        write_bytes(path, structs.indented(result))
