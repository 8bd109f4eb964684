"""Merging what several processes of one run know about its models."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from edgeq.record.measured import InParts
from edgeq.record.structs import ModelRecord, VariantRecord

S = TypeVar("S", bound=msgspec.Struct)


def merge_models(
    first: tuple[ModelRecord, ...], second: tuple[ModelRecord, ...]
) -> tuple[ModelRecord, ...]:
    """Return the combined knowledge of two processes of one run about its models."""
    if not first:
        return second
    return tuple(
        merged(
            ours,
            theirs,
            baseline=merged(ours.baseline, theirs.baseline),
            notes=tuple(dict.fromkeys((*ours.notes, *theirs.notes))),
            variants=tuple(
                merged(a, b) for a, b in zip(ours.variants, theirs.variants, strict=True)
            ),
            targets=tuple(
                merged(a, b, baseline=_either(a.baseline, b.baseline))
                for a, b in zip(ours.targets, theirs.targets, strict=True)
            ),
        )
        for ours, theirs in zip(first, second, strict=True)
    )


def merged(ours: S, theirs: S, **given: object) -> S:
    """Return the first struct with its empty fields and its tables completed from the second."""
    filled = {
        field: _filled(getattr(ours, field), getattr(theirs, field))
        for field in ours.__struct_fields__
    }
    return type(ours)(**{**filled, **given})


def _either(ours: VariantRecord | None, theirs: VariantRecord | None) -> VariantRecord | None:
    return merged(ours, theirs) if ours is not None and theirs is not None else ours or theirs


def _filled(ours: object, theirs: object) -> object:
    """Return the first value completed from the second.

    If two tables complete each other, their keys are sorted, so that the result does not depend on
    which came first.
    """
    if isinstance(ours, InParts) and isinstance(theirs, InParts):
        return _both(ours, theirs)
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return ours or theirs
    both = {**theirs, **ours}
    if len(both) == len(ours):
        return ours
    return both if len(both) == len(theirs) else dict(sorted(both.items()))


def _both(ours: InParts, theirs: InParts) -> InParts:
    """Return the parts that either process measured; the first process's value wins."""
    facts = {
        name: getattr(theirs if getattr(ours, name) is None else ours, name)
        for name in ours.__struct_fields__
    }
    return type(ours)(**facts)
