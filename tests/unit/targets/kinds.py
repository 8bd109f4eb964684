"""Kinds of targets that run on this machine: one that is right, and some that are wrong."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeq.config.target_kinds import KINDS, Measured, TargetKind
from edgeq.run.targets import Explanation, Target, local_target

PREDICTIONS: frozenset[Measured] = frozenset({"predictions"})
EVERYTHING: frozenset[Measured] = frozenset({"predictions", "time", "memory"})


def kind(
    name: str, start: Callable[[str], Target], measures: frozenset[Measured] = PREDICTIONS
) -> TargetKind:
    """Return a kind whose targets are started by a function of their name."""
    return TargetKind(
        name=name, summary=f"{name} kind", measures=measures, start=lambda target, _: start(target)
    )


def far(name: str) -> Target:
    """Return a target that is right, and reads none of this machine's files."""
    return dataclasses.replace(local_target(), name=name, local_files=False)


def dead(name: str) -> Target:
    """Return a target whose worker never starts."""
    return Target(name, (sys.executable, "-c", "raise SystemExit(3)"))


def lying(name: str, change: str) -> Target:
    """Return a target whose worker changes its outputs, as an expression of ``values`` says."""
    return started(
        name,
        "true = worker.Model.real\n"
        f"worker.Model.real = lambda model, some: [{change} for values in true(model, some)]",
    )


def dropping(name: str, mark: Path) -> Target:
    """Return a target like ``vanishing`` whose command says that the connection was lost.

    It says so of a worker that had answered and of one that is tried in its place, as ssh does.
    """
    lost = Explanation("the connection was lost", "Check the network there")
    return dataclasses.replace(vanishing(name, mark), explain=lambda _: lost)


def vanishing(name: str, mark: Path) -> Target:
    """Return a target that is gone for good as soon as a model runs on more than four samples."""
    return started(
        name,
        f"mark = __import__('pathlib').Path({str(mark)!r})\n"
        "mark.exists() and os._exit(7)\n"
        "true = worker.Worker.op_infer\n"
        "def op_infer(self, request, blobs):\n"
        "    if request['count'] > 4: mark.touch(); os._exit(7)\n"
        "    return true(self, request, blobs)\n"
        "worker.Worker.op_infer = op_infer",
    )


def install(monkeypatch: pytest.MonkeyPatch, *rows: TargetKind) -> None:
    """Add kinds to the table for one test."""
    monkeypatch.setattr(KINDS, "_entries", {**KINDS._entries, **{row.name: row for row in rows}})


def started(name: str, changes: str) -> Target:
    """Return a target whose worker is changed by code that sees the module ``worker``."""
    code = f"import os; from edgeq.run import worker\n{changes}\nos._exit(worker.main())"
    return Target(name, (sys.executable, "-c", code), local_files=True)
