"""JSON and plain values as typed ones, in several threads at once.

What msgspec knows of a struct it puts together when the struct is first decoded. A thread that
decodes it meanwhile finds that half made, and the process ends by SIGSEGV: so the first time has
a lock, one for all types, because structs share others.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")

_decoders: dict[Any, Any] = {}
_first = threading.Lock()


@overload
def from_json(data: bytes | str, kind: type[T]) -> T: ...
@overload
def from_json(data: bytes | str, kind: Any) -> Any: ...
def from_json(data: bytes | str, kind: Any) -> Any:
    """Return what JSON holds.

    Raises:
        msgspec.DecodeError: It is not JSON, or not of this type.
        UnicodeDecodeError: It is not UTF-8.
        RecursionError: It is nested too deeply.
    """
    return _decoder(kind).decode(data)


@overload
def converted(value: object, kind: type[T]) -> T: ...
@overload
def converted(value: object, kind: Any) -> Any: ...
def converted(value: object, kind: Any) -> Any:
    """Return a plain value as a typed one.

    Raises:
        msgspec.ValidationError: It is not of this type.
    """
    _decoder(kind)
    return msgspec.convert(value, kind)  # noqa: TID251 - what it knows of the type is whole now


def _decoder(kind: Any) -> Any:
    known = _decoders.get(kind)
    if known is None:
        with _first:
            known = _decoders[kind] = msgspec.json.Decoder(kind)  # noqa: TID251 - the one place
    return known
