"""A declared target becomes one that can be started, or a check of files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edgeq.config.structs import DeclaredTarget, Spec
from edgeq.config.target_kinds import KINDS, TargetKind, function
from edgeq.config.target_tables import BUILT_IN
from edgeq.errors import EdgeqError
from edgeq.registry import unknown
from edgeq.run.targets import Target


def declared(name: str, spec: Spec) -> DeclaredTarget:
    """Return a target of a spec, or a built-in one.

    Raises:
        SpecError: There is none of that name.
    """
    targets = {**BUILT_IN, **spec.targets.declared}
    if name not in targets:
        raise unknown("target", name, targets, where=spec.origin)
    return targets[name]


def kind_of(target: DeclaredTarget) -> TargetKind:
    """Return the row of a target's kind."""
    return KINDS.get(target.kind)


def start(name: str, target: DeclaredTarget, root: Path) -> Target:
    """Return the command line that starts the worker on a target.

    Args:
        name: Of the target.
        target: What the spec says of it.
        root: The folder that relative paths in the spec start from.

    Raises:
        EdgeqError: Its kind runs no models, or what it needs is not there.
    """
    kind = kind_of(target)
    if kind.start is None:
        raise EdgeqError(
            f"a target of the kind {kind.name!r} runs no models",
            where=name,
            remedy=f"It can measure: {', '.join(sorted(kind.measures))}",
        )
    given = {key: getattr(target.settings, key) for key in kind.paths}
    paths = {key: str(root / Path(path).expanduser()) for key, path in given.items() if path}
    settings = msgspec.structs.replace(target.settings, **paths)
    started = function(kind.start)(name, settings)
    if not isinstance(started, Target):
        raise EdgeqError(
            f"the target kind {kind.name!r} gave {type(started).__name__}, not a Target",
            where=name,
            remedy="Correct the package that registers the kind",
        )
    return started
