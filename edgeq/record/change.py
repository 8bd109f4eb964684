"""How cases changed since another record, as structs."""

from __future__ import annotations

import enum

import msgspec


class ChangeKind(str, enum.Enum):
    """The result of comparing a case between two records."""

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
        id: Id of the case, or the full name of a benchmark.
        model, method, gate: As in the case's record; empty for a benchmark.
        kind: How the case changed.
        reason: Why, in one sentence.
        unit: Unit of ``before`` and ``after``.
        before: The value in the first record, in ``unit``; None if there is none.
        after: The value in the second record, in ``unit``; None if there is none.
        images_worse: Names of the images that are right in the first record and wrong in the
            second, if both records name their images.
        images_better: Names of the images that are wrong in the first record and right in the
            second, likewise.
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
        """Whether the change counts like an INCONCLUSIVE case."""
        return self.kind is ChangeKind.INCONCLUSIVE

    @property
    def against(self) -> str:
        """How the case changed, in words, for example ``"worse than accepted"``."""
        if self.is_open:
            return "inconclusive against the accepted record"
        gone = self.kind is ChangeKind.GONE
        return f"{self.kind.value} {'since the accepted record' if gone else 'than accepted'}"


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    """The changes since the previous run.

    Attributes:
        started: Start of the previous run, ISO 8601 in UTC.
        commit: The commit that was checked out then; None if there was none.
        changes: How each case changed; none of these changes fails the run.
    """

    started: str
    commit: str | None = None
    changes: tuple[Change, ...] = ()
