"""What a diagnosis says."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cause:
    """A probable cause.

    Attributes:
        name: One word for it, for example ``"channel_order"``.
        sentence: What was found, without a full stop.
        evidence: Plain JSON facts that it rests on.
    """

    name: str
    sentence: str
    evidence: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnosis:
    """What came of all hypotheses.

    Attributes:
        cause: The first that holds, None where none does.
        notes: Experiments that could not be made, and why.
    """

    cause: Cause | None
    notes: tuple[str, ...] = ()
