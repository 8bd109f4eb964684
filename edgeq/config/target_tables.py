"""Reads ``targets``: a list of names, or tables of targets, each with a kind and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeq.config.structs import DeclaredTarget, Targets
from edgeq.config.tables import build, header, key_text
from edgeq.config.target_kinds import KINDS, LOCAL, Emulated, NoSettings
from edgeq.errors import SpecError
from edgeq.registry import unknown

BUILT_IN: Mapping[str, DeclaredTarget] = {
    LOCAL: DeclaredTarget(kind=LOCAL, settings=NoSettings()),
    "arm64": DeclaredTarget(kind="emulated", settings=Emulated()),
}
"""Targets that need no table."""

_USE = "use"


def parse_targets(value: Any, *, where: str) -> Targets:
    """Parse the targets of a spec.

    ``targets = ["local"]`` names targets that need no table. With tables, ``[targets.NAME]``, the
    same list is called ``use``, because TOML has one value per key.

    Args:
        value: Value of the key ``targets``.
        where: The file.

    Raises:
        SpecError: A kind or a key is unknown, or a value is not valid.
    """
    place = f"{where}: targets"
    if isinstance(value, list):
        return build(Targets, {_USE: value}, where=place)
    if not isinstance(value, dict):
        raise SpecError(
            "is not a table", where=place, remedy=f"Write {header(where, 'targets', 'NAME')}"
        )
    declared = {name: _target(name, entry, where) for name, entry in value.items() if name != _USE}
    used = {_USE: value[_USE]} if _USE in value else {}
    return build(Targets, used, where=place, declared=declared)


def _target(name: str, table: Any, where: str) -> DeclaredTarget:
    place = f"{where}: {key_text('targets', name)}"
    if not isinstance(table, dict):
        raise SpecError(
            "is not a table", where=place, remedy=f"Write {header(where, 'targets', name)}"
        )
    kind = table.get("kind")
    if not isinstance(kind, str):
        problem = "kind is missing" if kind is None else "kind is not a string"
        raise SpecError(problem, where=place, remedy=f"Valid: {', '.join(_kinds())}")
    if kind not in _kinds():
        raise unknown("target kind", kind, _kinds(), where=place)
    keys = {key: setting for key, setting in table.items() if key != "kind"}
    address = KINDS.get(kind).address
    if address is None or not isinstance(keys.get(address), list):
        return DeclaredTarget(kind=kind, settings=_settings(kind, keys, place))
    boards = keys[address]
    if not boards or any(board in boards[:at] for at, board in enumerate(boards)):
        problem = "names a board twice" if boards else "names no board"
        raise SpecError(f"{address} {problem}", where=place, remedy="List each board once")
    first, *helpers = (_settings(kind, {**keys, address: board}, place) for board in boards)
    return DeclaredTarget(kind=kind, settings=first, helpers=tuple(helpers))


def _settings(kind: str, keys: Mapping[str, Any], place: str) -> Any:
    """Return the settings of a kind that a table's other keys say."""
    try:
        return build(KINDS.get(kind).settings, keys, where=place)
    except ValueError as error:  # from the struct's own check
        raise SpecError(str(error), where=place, remedy="Correct the value") from error


def _kinds() -> list[str]:
    """Return the kinds that a table can name; this machine needs no table."""
    return [name for name in KINDS.names() if name != LOCAL]
