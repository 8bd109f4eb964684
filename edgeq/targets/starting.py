"""Looks up declared targets and their kinds, and returns how to start their workers."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edgeq.config.structs import DeclaredTarget, Spec
from edgeq.config.target_kinds import (
    KINDS,
    NoSettings,
    Settings,
    TargetKind,
    function,
    target_named,
)
from edgeq.errors import EdgeqError
from edgeq.run.targets import Target, local_target


def declared(name: str, spec: Spec) -> DeclaredTarget:
    """Return a target declared in a spec, or a built-in one.

    Raises:
        SpecError: There is no target with that name.
    """
    return target_named(name, spec.targets.declared, where=spec.origin)


def kind_of(target: DeclaredTarget) -> TargetKind:
    """Return the row of the table of kinds for a target."""
    return KINDS.get(target.kind)


def settings_of(target: DeclaredTarget, root: Path) -> Settings:
    """Return a target's settings, with paths that start from the spec's folder."""
    given = {key: getattr(target.settings, key) for key in kind_of(target).paths}
    paths = {key: str(root / Path(path).expanduser()) for key, path in given.items() if path}
    return msgspec.structs.replace(target.settings, **paths)


def start(name: str, target: DeclaredTarget, root: Path) -> Target:
    """Return the command line that starts the worker on a target.

    Raises:
        EdgeqError: Its kind runs no models, or something that it needs is missing.
    """
    kind = kind_of(target)
    if kind.start is None:
        raise EdgeqError(
            f"a target of the kind {kind.name!r} runs no models",
            where=name,
            remedy=f"It can measure: {', '.join(sorted(kind.measures))}",
        )
    started = function(kind.start)(name, settings_of(target, root))
    if not isinstance(started, Target):
        raise EdgeqError(
            f"the target kind {kind.name!r} gave {type(started).__name__}, not a Target",
            where=name,
            remedy="Correct the package that registers the kind",
        )
    return started


def start_here(name: str, settings: NoSettings) -> Target:
    """Return this machine as a target, with the Python that is running."""
    del name, settings
    return local_target()


def boards_of(name: str, target: DeclaredTarget) -> dict[str, DeclaredTarget]:
    """Return every board of a target as a target of its own, by what tells it from the others.

    The first is the one that measures. A target with a single board is called ``name``.
    """
    if not target.helpers:
        return {name: target}
    address = kind_of(target).address or ""
    return {
        getattr(settings, address): msgspec.structs.replace(target, settings=settings, helpers=())
        for settings in (target.settings, *target.helpers)
    }
