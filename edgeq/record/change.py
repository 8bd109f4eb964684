"""What became of cases since another record, as structs."""

from __future__ import annotations

import enum

import msgspec


class ChangeKind(str, enum.Enum):
    """The answer for a case that two records are compared about."""

    WORSE = "worse"
    GONE = "gone"
    BETTER = "better"
    NEW = "new"
    INCONCLUSIVE = "inconclusive"
    INCOMPARABLE = "incomparable"
    NOISE = "within noise"
    UNCHANGED = "unchanged"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One case, before and after.

    Attributes:
        id: The case, or the full name of a benchmark.
        model, method, gate: As in the record; empty for a benchmark.
        kind: What became of it.
        reason: One sentence.
        unit: Unit of ``before`` and ``after``.
        before: The value in the first record, in ``unit``; None if there is none.
        after: The value in the second record, in ``unit``; None if there is none.
        images_worse: Names of the images that the second record has wrong and the first has
            right, where both name their images.
        images_better: The reverse.
        fails: Whether a run with this change fails.
    """

    id: str
    model: str = ""
    method: str = ""
    gate: str = ""
    kind: ChangeKind
    reason: str
    unit: str = ""
    before: float | None = None
    after: float | None = None
    images_worse: tuple[str, ...] = ()
    images_better: tuple[str, ...] = ()
    fails: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it counts like an INCONCLUSIVE case: nothing can be told until it is accepted."""
        return self.kind is ChangeKind.INCONCLUSIVE

    @property
    def against(self) -> str:
        """What became of it in words, for example ``"worse than accepted"``."""
        if self.is_open:
            return "inconclusive against the accepted record"
        gone = self.kind is ChangeKind.GONE
        return f"{self.kind.value} {'since the accepted record' if gone else 'than accepted'}"


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    """What changed since the run before.

    Attributes:
        started: When that run was started, ISO 8601 in UTC.
        commit: The commit that was checked out then, None where there was none.
        changes: What became of each case; none of them fails the run.
    """

    started: str
    commit: str | None = None
    changes: tuple[Change, ...] = ()
