"""Finds, reads and hashes a spec: ``edgeq.toml``, or ``[tool.edgeq]`` in ``pyproject.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from edgeq.config.check import check
from edgeq.config.gate_table import parse_gates
from edgeq.config.measures import declare_measures
from edgeq.config.presets import built_in
from edgeq.config.structs import Gates, Spec
from edgeq.config.tables import build
from edgeq.config.target_kinds import parse_targets
from edgeq.errors import SpecError, reason_of
from edgeq.io.files import read_text, sha256_bytes

OWN_FILE = "edgeq.toml"
SHARED_FILE = "pyproject.toml"


def find_spec_file(start: Path) -> Path | None:
    """Return the nearest file with a spec, searching from a folder upwards, or None.

    Raises:
        SpecError: A ``pyproject.toml`` on the way can't be read.
    """
    for folder in (start, *start.resolve().parents):
        if (folder / OWN_FILE).is_file():
            return folder / OWN_FILE
        shared = folder / SHARED_FILE
        if shared.is_file() and _tool_table(_read(shared), shared) is not None:
            return shared
    return None


def load_spec(start: Path, *, file: Path | None = None, needs_models: bool = True) -> Spec:
    """Load the spec for a folder.

    Args:
        start: Folder to start from; it and its parents are searched for ``edgeq.toml`` or a
            ``pyproject.toml`` with ``[tool.edgeq]``.
        file: A configuration file to read instead of searching.
        needs_models: Whether a spec without a model is refused.

    Returns:
        The spec of the nearest file, or the built-in one if there is none.

    Raises:
        SpecError: The file can't be read, or something in it is not valid.
    """
    path = file if file is not None else find_spec_file(start)
    if path is None:
        return built_in(start.resolve())
    whole = _read(path)
    table = _tool_table(whole, path) if path.name == SHARED_FILE else whole
    if table is None:
        raise SpecError("has no table [tool.edgeq]", where=path, remedy="Add one")
    return parse(table, root=path.resolve().parent, origin=path, needs_models=needs_models)


def has_spec(path: Path) -> bool:
    """Return whether a file is for edgeq at all: a ``pyproject.toml`` may have no ``[tool.edgeq]``.

    Raises:
        SpecError: A ``pyproject.toml`` can't be read.
    """
    return path.name != SHARED_FILE or _tool_table(_read(path), path) is not None


def parse(table: dict[str, Any], *, root: Path, origin: Path, needs_models: bool = True) -> Spec:
    """Build the spec that a TOML table describes.

    Raises:
        SpecError: A key is unknown or a value is not valid.
    """
    where = str(origin)
    read = {"gates": Gates(), "targets": parse_targets(table.get("targets", {}), where=where)}
    values = {"models": {}} | table
    spec = build(Spec, values, where=where, read=read, root=root, origin=where)
    declare_measures(spec)  # first, because limits on them may be set like others
    gates = parse_gates(table.get("gates", {}), where=where)
    spec = msgspec.structs.replace(spec, gates=gates)
    check(spec, needs_models=needs_models)
    return spec


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path, encoding="utf-8-sig"))
    except OSError as error:
        raise SpecError(
            f"can't be read: {reason_of(error)}",
            where=path,
            remedy="Name an existing file, or write one with `edgeq init`",
        ) from error
    except UnicodeDecodeError as error:
        raise SpecError(
            f"is not UTF-8 (byte {error.start})", where=path, remedy="Save it as UTF-8"
        ) from error
    except ValueError as error:  # TOMLDecodeError, and integers of thousands of digits
        raise SpecError(f"is not valid TOML: {error}", where=path, remedy="Fix the file") from error
    except RecursionError as error:
        raise SpecError("is nested too deeply", where=path, remedy="Use fewer levels") from error


def _tool_table(table: dict[str, Any], path: Path) -> dict[str, Any] | None:
    tools = table.get("tool", {})
    tool = tools.get("edgeq") if isinstance(tools, dict) else None
    if tool is None or isinstance(tool, dict):
        return tool
    raise SpecError("tool.edgeq is not a table", where=path, remedy="Write [tool.edgeq]")


def spec_sha256(spec: Spec) -> str:
    """Return the hash of what a spec says, regardless of the folder that it is in."""
    fields = msgspec.structs.asdict(spec)
    for place in ("root", "origin", "report", "reports", "store", "history", "make", "suite"):
        del fields[place]
    return sha256_bytes(msgspec.json.encode(fields, order="sorted"))
