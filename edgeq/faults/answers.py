"""What a challenge found, as structs and JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = "edgeq.challenge/1"
SEPARATOR = ", "

Caught = Literal["caught", "INCONCLUSIVE", "missed", "not applicable"]
Passed = Literal["PASS", "INCONCLUSIVE", "FAIL", "not applicable"]


class FaultAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates said about one fault.

    Attributes:
        model: The model.
        variant: The good variant that was made faulty.
        name: The fault.
        place: Where it is.
        severity: How bad it is.
        verdict: ``"caught"`` where a gate stops the variant; ``"INCONCLUSIVE"`` where none does,
            but one can't tell; ``"missed"`` where all pass.
        caught_by: The gates that stop it.
        cause_named: Whether the diagnosis names the cause; None where nothing is diagnosed.
        note: For a fault that is not caught: what would have caught it, or why it can't happen.
    """

    model: str
    variant: str
    name: str
    place: str
    severity: str
    verdict: Caught
    caught_by: tuple[str, ...] = ()
    cause_named: bool | None = None
    note: str = ""


class ControlAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates said about one harmless change; fields as those of ``FaultAnswer``."""

    model: str
    variant: str
    name: str
    verdict: Passed
    note: str = ""


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What a challenge found.

    Attributes:
        model: The models, with commas between them.
        score: Share of the applicable faults that were caught, None where none is applicable.
        faults: One answer per model and fault.
        controls: One answer per model and harmless change.
    """

    schema: str = SCHEMA
    model: str
    score: float | None
    faults: tuple[FaultAnswer, ...]
    controls: tuple[ControlAnswer, ...]

    @property
    def missed(self) -> tuple[FaultAnswer, ...]:
        """The faults that every gate let pass."""
        return tuple(one for one in self.faults if one.verdict == "missed")

    @property
    def alarms(self) -> tuple[ControlAnswer, ...]:
        """The harmless changes that a gate stopped."""
        return tuple(one for one in self.controls if one.verdict == "FAIL")

    @property
    def passed(self) -> bool:
        """Whether no fault was missed and no harmless change stopped."""
        return not self.missed and not self.alarms


def summed(faults: tuple[FaultAnswer, ...], controls: tuple[ControlAnswer, ...]) -> Challenge:
    """Return the answers of one or several models together."""
    applicable = [one for one in faults if one.verdict != "not applicable"]
    caught = sum(one.verdict == "caught" for one in applicable)
    models = dict.fromkeys([*(one.model for one in faults), *(one.model for one in controls)])
    return Challenge(
        model=SEPARATOR.join(models),
        score=round(caught / len(applicable), 4) if applicable else None,
        faults=faults,
        controls=controls,
    )


def to_json(challenge: Challenge) -> bytes:
    """Return a challenge as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(challenge), indent=1) + b"\n"
