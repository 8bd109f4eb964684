"""Targets: places where models run, each with a command line that starts the worker there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Ended:
    """How the program that starts a worker, or the worker itself, ended.

    ``code`` is the exit code, negative for a signal, ``output`` the last of the standard error;
    ``greeted`` says whether the worker had answered before.
    """

    code: int
    output: str
    greeted: bool


@dataclass(frozen=True)
class Explanation:
    """The problem for which a worker ended, without a full stop, according to its target."""

    what: str
    remedy: str


def unexplained(ended: Ended) -> Explanation | None:
    """Explain nothing; the exit code is all that is known."""
    del ended
    return None


@dataclass(frozen=True)
class Target:
    """A place where models run.

    Attributes:
        name: Name for people and records.
        command: Command that starts the worker there with its standard input and output connected
            to ours; an ``ssh`` or ``qemu`` command works as well as a local one.
        local_files: Whether the worker can read this machine's files. If not, models and pixels are
            sent through the pipe.
        environment: Variables set for the command, in addition to those that
            ``edgeq.processes.environment`` allows.
        explain: Function that says what the command's end means on this kind of target, or returns
            None if the end is the worker's own.
        greeted: Function that is called when a worker there has answered, so that the target can
            keep ready what later workers need.
    """

    name: str
    command: tuple[str, ...]
    local_files: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    explain: Callable[[Ended], Explanation | None] = unexplained
    greeted: Callable[[], object] = lambda: None


def local_target() -> Target:
    """Return this machine as a target, with the Python that is running.

    ``-P`` keeps the worker's folder out of its import path, where its neighbours could shadow
    other packages' modules.
    """
    return Target("local", (sys.executable, "-P", str(WORKER)), local_files=True)


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a machine has otherwise than another, as ``"processor: A, not B"``.

    Predictions are stored under the runtime and the processor that made them, so a machine with
    other ones can't run a portion of an evaluation that the other's record describes. ``ours`` and
    ``theirs`` have what the predictions of a machine depend on.
    """
    return tuple(
        f"{key}: {theirs.get(key) or 'none'}, not {ours.get(key) or 'none'}"
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    )
