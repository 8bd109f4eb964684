"""Removing from a record what it must not reveal of its machine: folders, users and secrets.

Error messages name paths, and a library's last line may repeat anything. A record and its reports
are shown to others, so paths become relative to the project and the values of secret environment
variables are removed. Every text is made printable, because it may quote users' files.
"""

from __future__ import annotations

import getpass
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from edgeq.io import structs
from edgeq.processes.environment import secrets
from edgeq.record.structs import RunRecord
from edgeq.words.escape import printable

HIDDEN = "***"
NAMES = frozenset({"id", "model", "method", "variant", "gate", "name", "not_run", "schema"})
"""Fields with names from the spec. They stay as they are: other fields and later runs use them."""
LINES = "output"
"""Field with a worker's output, which keeps its line breaks."""
FREE_TEXT = frozenset(
    {"reason", "cause", "next_step", "error", "errors", "notes", "note", "output", "evidence"}
    | {"description", "commands", "log", "where", "diagnosis", "task_evidence", "absent", "summary"}
)
"""Fields with sentences, in which a library may repeat a secret. In other fields the same letters
are part of a name or a number, which must stay."""
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_END = r"(?=[/\s:;,'\"()\]]|\.?$)"


def discreet(record: RunRecord, root: Path, environment: Mapping[str, str]) -> RunRecord:
    """Return a record without paths, users and secrets of this machine.

    Paths below the project's folder ``root`` become relative.
    """
    plain = _mapped(msgspec.to_builtins(record), concealer(root, environment), hider(environment))
    return structs.converted(plain, RunRecord)


def hider(environment: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that hides the values of secret variables in a free text."""
    values = secrets(environment)
    pattern = re.compile("|".join(map(re.escape, values))) if values else None
    return lambda text: text if pattern is None else pattern.sub(HIDDEN, text)


def concealer(root: Path, environment: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that removes from a text what it must not reveal; see ``discreet``."""
    rules = [(re.compile(re.escape(f"{place}/")), "") for place in _spellings(root)]
    rules += [(re.compile(re.escape(place) + _END), ".") for place in _spellings(root)]
    places = [(environment.get("EDGEQ_DATA", ""), "$EDGEQ_DATA")]
    places += [(sys.prefix, "$PREFIX"), (tempfile.gettempdir(), "$TMPDIR")]
    places += [(environment.get("HOME", ""), "~"), (os.path.expanduser("~"), "~")]  # noqa: PTH111
    known = [
        (spelling, name) for place, name in places if place for spelling in _spellings(Path(place))
    ]
    rules += [
        (re.compile(re.escape(place) + _END), name)
        for place, name in sorted(known, key=lambda pair: -len(pair[0]))  # the inner one first
    ]
    rules.append((_ADDRESS, "0x..."))  # memory addresses, as in the last lines of a crashed worker
    rules.append((re.compile(rf"(?<=/){re.escape(_user(environment))}{_END}"), "~"))

    def conceal(text: str) -> str:
        for pattern, name in rules:
            text = pattern.sub(name, text)
        return text

    return conceal


def _spellings(place: Path) -> tuple[str, ...]:
    spellings = dict.fromkeys((str(place.absolute()), str(place.resolve())))
    return tuple(spelling for spelling in spellings if spelling != "/")


def _user(environment: Mapping[str, str]) -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user that the system does not know
        return environment.get("USER") or "nobody"


def _mapped(
    value: Any, change: Callable[[str], str], hide: Callable[[str], str], *, free: bool = False
) -> Any:
    if isinstance(value, str):
        return printable(change(hide(value) if free else value))
    if isinstance(value, dict):
        return {
            printable(key): _entry(key, item, change, hide, free=free)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_mapped(item, change, hide, free=free) for item in value]
    return value


def _entry(
    key: str, value: Any, change: Callable[[str], str], hide: Callable[[str], str], *, free: bool
) -> Any:
    if key in NAMES:
        return _mapped(value, str, str)
    if key == LINES and isinstance(value, str):
        return "\n".join(printable(line) for line in change(hide(value)).splitlines())
    return _mapped(value, change, hide, free=free or key in FREE_TEXT)
