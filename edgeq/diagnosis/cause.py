"""What a diagnosis says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Cause:
    """A probable cause.

    Attributes:
        name: One word for it, for example ``"channel_order"``.
        sentence: What was found, without a full stop; empty if the case's own reason says it.
        evidence: Plain JSON facts that it rests on.
        next_step: What to do about it, None for what the name suggests.
        partial: Whether setting it right leaves an error that something else must cause.
    """

    name: str
    sentence: str
    evidence: dict[str, object] = field(default_factory=dict)
    next_step: str | None = None
    partial: bool = False

    def joined(self, other: Cause) -> Cause:
        """Return this cause and another one that explains what it leaves."""
        return replace(
            self,
            sentence=f"{self.sentence}; and {other.sentence}",
            evidence={**self.evidence, "second": {"name": other.name, **other.evidence}},
            partial=False,
        )


@dataclass(frozen=True)
class Diagnosis:
    """What came of all hypotheses.

    Attributes:
        cause: The first that holds, None where none does.
        known: What is certain although no experiment shows that it is the cause, None if nothing.
        notes: Experiments that could not be made, and why.
    """

    cause: Cause | None
    known: str | None = None
    notes: tuple[str, ...] = ()
