"""Reading the JSON files that edgeq wrote: each names its schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from edgeq.errors import RecordError
from edgeq.io import structs
from edgeq.io.files import read_whole

T = TypeVar("T", bound=msgspec.Struct)
_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def content_of(path: Path, *, remedy: str | None = None) -> bytes:
    """Return the bytes of a file.

    Args:
        path: The file.
        remedy: What to do where it can't be read.

    Raises:
        RecordError: It can't be read.
    """
    try:
        return read_whole(path)
    except OSError as error:
        what = f"can't be read: {error.strerror}"
        raise RecordError(what, where=path, remedy=remedy) from error


class _Schema(msgspec.Struct):
    schema: str


@dataclass(frozen=True)
class Reader(Generic[T]):
    """One kind of file.

    Attributes:
        kind: What it holds.
        schema: The schema that is read.
        noun: What it is called in messages, without an article.
        other: What to do where it is another kind of file.
        newer: What to do where this version of edgeq does not read its schema.
        damaged: What to do where it is damaged.
        older: For each older schema that is still read, a function from its plain JSON object to
            that of the current schema. It may raise what a damaged file makes it raise.
    """

    kind: type[T]
    schema: str
    noun: str
    other: str
    newer: str
    damaged: str
    older: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = field(default_factory=dict)

    def read(self, data: bytes, where: str | Path | None) -> T:
        """Return what a file holds.

        Raises:
            RecordError: It is not such a file, damaged, or of a newer schema.
        """
        try:
            schema = structs.from_json(data, _Schema).schema
        except _NOT_JSON as error:
            article = "an" if self.noun[0] in "aeiou" else "a"
            what = f"not {article} {self.noun}: {error}"
            raise RecordError(what, where=where, remedy=self.other) from error
        if schema != self.schema and schema not in self.older:
            what = f"schema {schema!r} is not one this version of edgeq reads ({self.schema!r})"
            raise RecordError(what, where=where, remedy=self.newer)
        try:
            if schema == self.schema:
                return structs.from_json(data, self.kind)
            plain = structs.from_json(data, dict[str, Any])
            return structs.converted(
                {**self.older[schema](plain), "schema": self.schema}, self.kind
            )
        except (*_NOT_JSON, KeyError, TypeError) as error:
            what = f"the {self.noun.removeprefix('edgeq ')} is damaged: {error}"
            raise RecordError(what, where=where, remedy=self.damaged) from error
