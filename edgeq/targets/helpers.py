"""The further boards of a target: which of them may stand in for the first."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from edgeq.config.structs import DeclaredTarget
from edgeq.errors import EdgeqError
from edgeq.run.likeness import differences
from edgeq.run.results import WorkerFacts
from edgeq.run.targets import Target
from edgeq.targets.check import check
from edgeq.targets.starting import boards_of, kind_of, start


@dataclass(frozen=True)
class Helpers:
    """The further boards of a target.

    Attributes:
        alike: Those that may run portions of its evaluations, by address.
        left_out: Why each of the others may not.
    """

    alike: Mapping[str, Target]
    left_out: Mapping[str, str]


def helpers(name: str, target: DeclaredTarget, root: Path, facts: WorkerFacts) -> Helpers:
    """Check the further boards of a target, all at once, and compare them with the first.

    Args:
        name: Name of the target.
        target: The target as the spec declares it.
        root: The folder to which relative paths in the spec refer.
        facts: Facts of the first board.
    """
    _, *others = boards_of(name, target).items()
    if not others:
        return Helpers({}, {})
    alike: dict[str, Target] = {}
    left_out: dict[str, str] = {}
    with ThreadPoolExecutor(len(others)) as pool:
        checks = {address: pool.submit(_look, name, board, root) for address, board in others}
    for address, made in checks.items():
        try:
            started, their_facts = made.result()
            reasons = differences(facts.runtime, their_facts.runtime)
            if reasons:
                left_out[address] = "; ".join(reasons)
            else:
                alike[address] = replace(started, name=address)
        except EdgeqError as error:
            left_out[address] = error.what
    return Helpers(alike, left_out)


def _look(name: str, board: DeclaredTarget, root: Path) -> tuple[Target, WorkerFacts]:
    started = start(name, board, root)
    checked = check(kind_of(board), started)
    if checked.problems:
        raise EdgeqError("; ".join(checked.problems))
    return started, checked.facts
