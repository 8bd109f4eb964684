"""Thread-safe conversion of JSON and plain values to typed ones.

msgspec builds its knowledge of a struct when the struct is first decoded. Another thread that
decodes the same struct meanwhile sees it half built, and the process dies with SIGSEGV. The first
use therefore takes a lock, one for all types because structs share others.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

if TYPE_CHECKING:
    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
    """Any JSON value."""
else:
    Json = Any  # msgspec knows no type that holds itself

import math
from collections.abc import Iterator

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
