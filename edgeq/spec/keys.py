"""Refusing keys that no struct has, with the one that was probably meant."""

from __future__ import annotations

from typing import Any

import msgspec

from edgeq.errors import SpecError
from edgeq.registry import unknown
from edgeq.spec.structs import (
    Images,
    Latency,
    Model,
    Preprocessing,
    ReadyVariant,
    Run,
    Spec,
)

_HIDDEN = {"root", "origin"}
_Struct = type[msgspec.Struct]
_TOP: tuple[tuple[str, _Struct], ...] = (("images", Images), ("run", Run), ("latency", Latency))
_IN_MODEL: tuple[tuple[str, _Struct], ...] = (
    ("images", Images),
    ("preprocessing", Preprocessing),
)


def refuse_unknown_keys(table: dict[str, Any], where: str) -> None:
    """Check every key of a spec's table, except those of ``gates``.

    Raises:
        SpecError: A key is unknown, or a table is expected where there is none.
    """
    _check(table, Spec, where)
    for name, item in _tables(table, "models", where):
        _check(item, Model, f"{where}: models.{name}")
        for key, struct in _IN_MODEL:
            if isinstance(item.get(key), dict):
                _check(item[key], struct, f"{where}: models.{name}.{key}")
    for name, item in _tables(table, "variants", where):
        _check(item, ReadyVariant, f"{where}: variants.{name}")
        if isinstance(item.get("preprocessing"), dict):
            _check(item["preprocessing"], Preprocessing, f"{where}: variants.{name}.preprocessing")
    for key, struct in _TOP:
        if isinstance(table.get(key), dict):
            _check(table[key], struct, f"{where}: {key}")


def _check(table: dict[str, Any], struct: _Struct, where: str) -> None:
    known = [f.name for f in msgspec.structs.fields(struct) if f.name not in _HIDDEN]
    for key in table:
        if key not in known:
            raise unknown("key", key, known, where=where)


def _tables(table: dict[str, Any], key: str, where: str) -> list[tuple[str, dict[str, Any]]]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise SpecError(f"{key} is not a table", where=where, remedy=f"Write [{key}.NAME]")
    for name, item in value.items():
        if not isinstance(item, dict):
            raise SpecError(
                f"{key}.{name} is not a table", where=where, remedy=f"Write [{key}.{name}]"
            )
    return list(value.items())
