"""The result of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Cause:
    """A probable cause.

    Attributes:
        name: One word for it, for example ``"channel_order"``.
        sentence: The finding, without a full stop; empty if the case's own reason states it.
        evidence: The plain JSON facts behind it.
        next_step: What to do about it, None for the step that the name implies.
        partial: Whether correcting it leaves an error with another cause.
    """

    name: str
    sentence: str
    evidence: dict[str, object] = field(default_factory=dict)
    next_step: str | None = None
    partial: bool = False

    def joined(self, other: Cause) -> Cause:
        """Return this cause joined with another that explains the remaining error."""
        return replace(
            self,
            sentence=f"{self.sentence}; and {other.sentence}",
            evidence={**self.evidence, "second": {"name": other.name, **other.evidence}},
            partial=False,
        )


@dataclass(frozen=True)
class Diagnosis:
    """The outcome of all hypotheses.

    Attributes:
        cause: The first cause that was confirmed, None if there is none.
        known: A certain fact that no experiment confirmed as the cause, None if there is none.
        notes: Experiments that could not be made, and why.
    """

    cause: Cause | None
    known: str | None = None
    notes: tuple[str, ...] = ()
