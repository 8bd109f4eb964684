"""Converts TOML tables to the spec's structs; every message names the actual key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from edgeq.errors import SpecError
from edgeq.io import structs
from edgeq.registry import unknown
from edgeq.words.escape import printable

S = TypeVar("S", bound=msgspec.Struct)

_SHARED_FILES = ("pyproject.toml", "built-in")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TABLE = re.compile(r"\[(?=(?:gates|images|latency|make|models|report|run|targets|variants)\b)")
_TOML_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
    "datetime": "a date",
    "date": "a date",
    "time": "a time",
}


def build(
    struct: type[S],
    table: Mapping[str, Any],
    *,
    where: str,
    read: Mapping[str, object] | None = None,
    **given: object,
) -> S:
    """Build the struct that a table describes.

    Args:
        struct: A struct of ``edgeq.config.structs``.
        table: The table as ``tomllib`` reads it.
        where: The file, for errors.
        read: Values of keys in the table that have already been read.
        **given: Fields that are not keys of the table.

    Raises:
        SpecError: A key is unknown or missing, or its value has the wrong type.
    """
    done = {} if read is None else read
    values = _values(struct, table, _Place(where), frozenset(given), frozenset(done))
    return struct(**given, **done, **values)


def header(where: str, *keys: str) -> str:
    """Return a table's header: ``[run]``, or ``[tool.edgeq.run]`` in ``pyproject.toml``."""
    root = ("tool", "edgeq") if where.endswith(_SHARED_FILES) else ()
    return f"[{key_text(*root, *keys)}]"


def key_text(*keys: str) -> str:
    """Return a key as TOML writes it: dotted, and quoted if necessary."""
    return ".".join(key if _BARE_KEY.fullmatch(key) else f'"{printable(key)}"' for key in keys)


def as_written(text: str, where: str) -> str:
    """Rewrite table headers in a text to match the user's own file."""
    if not where.endswith(_SHARED_FILES):
        return text
    return _TABLE.sub("[tool.edgeq.", text)


@dataclass(frozen=True)
class _Place:
    """A key of a file."""

    where: str
    keys: tuple[str, ...] = ()

    def __truediv__(self, key: str) -> _Place:
        return _Place(self.where, (*self.keys, key))

    def __str__(self) -> str:
        return f"{self.where}: {key_text(*self.keys)}" if self.keys else self.where


def _values(
    struct: type[msgspec.Struct],
    table: Mapping[str, Any],
    place: _Place,
    hidden: frozenset[str] = frozenset(),
    read: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    fields = {f.name: f for f in msgspec.structs.fields(struct) if f.name not in hidden}
    for key in table:
        if key not in fields:
            raise unknown("key", key, fields, where=str(place))
    for field in fields.values():
        if field.required and field.name not in table:
            raise SpecError(f"{field.name} is missing", where=str(place), remedy="Add the key")
    return {
        key: _value(value, fields[key].type, place / key)
        for key, value in table.items()
        if key not in read
    }


def _value(value: Any, kind: Any, place: _Place) -> Any:
    options = get_args(kind) if get_origin(kind) in {UnionType, Union} else (kind,)
    struct = next((option for option in options if _is_struct(option)), None)
    entries = get_origin(kind) is dict
    if isinstance(value, dict) and struct is not None:
        return struct(**_values(struct, value, place))
    if isinstance(value, dict) and entries:
        inner = get_args(kind)[1]
        return {name: _value(item, inner, place / name) for name, item in value.items()}
    if entries or (struct is not None and set(options) <= {struct, type(None)}):
        name = ("NAME",) if entries else ()
        raise SpecError(
            "is not a table",
            where=str(place),
            remedy=f"Write {header(place.where, *place.keys, *name)}",
        )
    literal = next((option for option in options if get_origin(option) is Literal), None)
    if literal is not None and str not in options and isinstance(value, str):
        if value not in get_args(literal):
            raise unknown("value", value, get_args(literal), where=str(place))
        return value
    try:
        return structs.converted(value, kind)
    except msgspec.ValidationError as error:
        raise SpecError(_in_words(str(error)), where=str(place)) from error


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _in_words(message: str) -> str:
    """Reword a message such as ``Expected `str | null`, got `int` `` in TOML's terms."""
    problem, _, place = message.partition(" - at `$")
    words = re.sub(r"`([^`]*)`", lambda quoted: _types_in_words(quoted[1]), problem)
    inner = f" (at {place.rstrip('`')})" if place else ""
    return f"{words[0].lower()}{words[1:]}{inner}"


def _types_in_words(types: str) -> str:
    names = [name for name in types.split(" | ") if name != "null"]
    return " or ".join(_TOML_WORDS.get(name, name) for name in names)
