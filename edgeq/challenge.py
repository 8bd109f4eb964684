"""What ``edgeq challenge`` found: how strong a gate is, as structs and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from edgeq.files import write_bytes
from edgeq.schema import Reader, content_of

SCHEMA = "edgeq.challenge/1"
FILE = "challenge.json"
SEPARATOR = ", "

Caught = Literal["caught", "INCONCLUSIVE", "missed", "not applicable", "broken"]
Passed = Literal["PASS", "INCONCLUSIVE", "FAIL", "not applicable", "broken"]
SEVERAL = 3
"""So many faults with one reason are said together."""

UNCOUNTED = frozenset({"not applicable", "broken"})
"""Verdicts that say nothing about the gate."""


class FaultAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates said about one fault.

    Attributes:
        model: The model.
        variant: The good variant that was made faulty.
        name: The fault.
        place: Where it is.
        severity: How bad its author expected it to be.
        summary: What is wrong, in a few words.
        verdict: ``"caught"`` where a gate stops the variant; ``"INCONCLUSIVE"`` where none does,
            but one can't tell; ``"missed"`` where all pass; ``"not applicable"`` where it can't
            happen to this variant; ``"broken"`` where the function that makes it failed.
        caught_by: The gates that stop it.
        cause: What a diagnosis should name, for example ``"channel_order"``.
        cause_found: What the diagnosis named, None where it named nothing.
        cause_named: Whether it named the cause; None where nothing is diagnosed.
        note: For a fault that is not caught: what would have caught it, or why it can't happen.
    """

    model: str
    variant: str
    name: str
    place: str
    severity: str
    summary: str = ""
    verdict: Caught
    caught_by: tuple[str, ...] = ()
    cause: str = ""
    cause_found: str | None = None
    cause_named: bool | None = None
    note: str = ""


class ControlAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates said about one harmless change; fields as those of ``FaultAnswer``."""

    model: str
    variant: str
    name: str
    summary: str = ""
    verdict: Passed
    note: str = ""


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What a challenge found.

    Attributes:
        edgeq: Version of edgeq.
        started: ISO 8601 time in UTC.
        duration_s: Wall time.
        spec_sha256: Of the canonical spec, as in a run's record.
        complete: Whether all faults of the catalogue were tried on all models of the spec.
        model: The models, with commas between them.
        score: Share of the applicable faults that were caught, None where none is applicable.
        faults: One answer per model and fault.
        controls: One answer per model and harmless change.
    """

    schema: str = SCHEMA
    edgeq: str = ""
    started: str = ""
    duration_s: float = 0.0
    spec_sha256: str = ""
    complete: bool = False
    model: str
    score: float | None
    faults: tuple[FaultAnswer, ...]
    controls: tuple[ControlAnswer, ...]

    @property
    def applicable(self) -> tuple[FaultAnswer, ...]:
        """The faults that could happen, of which the score is a share."""
        return tuple(one for one in self.faults if one.verdict not in UNCOUNTED)

    @property
    def caught(self) -> tuple[FaultAnswer, ...]:
        """The faults that a gate stopped."""
        return tuple(one for one in self.faults if one.verdict == "caught")

    @property
    def missed(self) -> tuple[FaultAnswer, ...]:
        """The faults that every gate let pass."""
        return tuple(one for one in self.faults if one.verdict == "missed")

    @property
    def alarms(self) -> tuple[ControlAnswer, ...]:
        """The harmless changes that a gate stopped."""
        return tuple(one for one in self.controls if one.verdict == "FAIL")

    def of(self, verdict: str) -> tuple[FaultAnswer | ControlAnswer, ...]:
        """Return the faults and controls of one verdict, in order."""
        every: tuple[FaultAnswer | ControlAnswer, ...] = (*self.faults, *self.controls)
        return tuple(one for one in every if one.verdict == verdict)

    @property
    def set_aside(self) -> dict[tuple[str, str], tuple[FaultAnswer, ...]]:
        """Faults that are not applicable for a reason that several share, by model and reason."""
        shared: dict[tuple[str, str], list[FaultAnswer]] = {}
        for one in self.faults:
            if one.verdict == "not applicable":
                shared.setdefault((one.model, one.note), []).append(one)
        return {key: tuple(ones) for key, ones in shared.items() if len(ones) >= SEVERAL}

    @property
    def passed(self) -> bool:
        """Whether no fault was missed and no harmless change stopped."""
        return not self.missed and not self.alarms


def summed(
    faults: tuple[FaultAnswer, ...], controls: tuple[ControlAnswer, ...], **facts: object
) -> Challenge:
    """Return the answers of one or several models together.

    Args:
        faults: Of all models.
        controls: Of all models.
        facts: Other fields of ``Challenge``.
    """
    applicable = [one for one in faults if one.verdict not in UNCOUNTED]
    caught = sum(one.verdict == "caught" for one in applicable)
    models = dict.fromkeys([*(one.model for one in faults), *(one.model for one in controls)])
    found = Challenge(
        model=SEPARATOR.join(models),
        score=round(caught / len(applicable), 4) if applicable else None,
        faults=faults,
        controls=controls,
    )
    return msgspec.structs.replace(found, **facts)


def to_json(challenge: Challenge) -> bytes:
    """Return a challenge as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(challenge), indent=1) + b"\n"


def from_json(data: bytes, *, where: str | Path | None = None) -> Challenge:
    """Read a challenge of this schema.

    Raises:
        RecordError: The bytes are no challenge, or of a newer schema.
    """
    return _READER.read(data, where)


def read(path: Path) -> Challenge:
    """Read a challenge's file.

    Raises:
        RecordError: It is missing or no challenge.
    """
    return from_json(content_of(path, remedy="Run `edgeq challenge` first"), where=path)


def last(folder: Path) -> Challenge | None:
    """Return the challenge that a folder of reports holds, None where it holds none.

    Raises:
        RecordError: It can't be read.
    """
    path = folder / FILE
    return read(path) if path.is_file() else None


def write(challenge: Challenge, path: Path) -> None:
    """Write a challenge's file atomically.

    Raises:
        StoreError: The folder can't be written.
    """
    write_bytes(path, to_json(challenge))


_READER = Reader(
    Challenge,
    SCHEMA,
    "challenge",
    other="Run `edgeq challenge` first",
    newer="Upgrade edgeq, or run `edgeq challenge` again with this version",
    damaged="Run `edgeq challenge` again",
)
