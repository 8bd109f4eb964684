"""What ``edgeq challenge`` found: how strong a gate is, as structs and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from edgeq.io.files import write_bytes
from edgeq.io.versions import Reader, content_of

SCHEMA = "edgeq.challenge/1"
FILE = "challenge.json"
SEPARATOR = ", "

Caught = Literal["caught", "INCONCLUSIVE", "missed", "not applicable", "broken"]
Passed = Literal["PASS", "INCONCLUSIVE", "FAIL", "not applicable", "broken"]
SEVERAL = 3
"""So many faults with one reason are said together."""

UNCOUNTED = frozenset({"not applicable", "broken"})
"""Verdicts that say nothing about the gate."""

PROVABLE = frozenset({"quantization", "weights", "bias", "graph", "activations", "file"})
"""Places of faults that lie in the file, so that a proof can see them without any prediction."""


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
        proofs: Those of them that are proofs.
        visible: Whether the variant's predictions are worse than the good variant's, by 1 point of
            agreement or accuracy, by .05 of the worst cosine, or by half of the error of outputs
            without classes; None if the fault is not a matter of predictions, or nobody asked.
        where: Name of the tensor or operator at fault, None if it is not one alone.
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
    proofs: tuple[str, ...] = ()
    visible: bool | None = None
    where: str | None = None
    cause: str = ""
    cause_found: str | None = None
    cause_named: bool | None = None
    note: str = ""

    @property
    def counted(self) -> bool:
        """Whether it says something about the gate.

        What no prediction shows and no proof can see is nobody's to catch.
        """
        hidden = self.visible is False and self.place not in PROVABLE
        return self.verdict not in UNCOUNTED and not hidden


@dataclass(frozen=True)
class Shares:
    """Who caught the faults that were caught.

    Attributes:
        proofs: Caught by proofs alone.
        limits: By gates with a limit alone.
        both: By both.
    """

    proofs: int
    limits: int
    both: int

    @classmethod
    def of(cls, caught: Sequence[FaultAnswer]) -> Shares:
        """Count the faults that were caught."""
        proofs = sum(set(fault.proofs) == set(fault.caught_by) for fault in caught)
        limits = sum(not fault.proofs for fault in caught)
        return cls(proofs, limits, len(caught) - proofs - limits)


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
        duration_s: Wall time in seconds.
        spec_sha256: Of the canonical spec, as in a run's record.
        complete: Whether all faults of the catalogue were tried on all models of the spec.
        model: The models, with commas between them.
        score: Share of the faults that count that were caught, 0 to 1; higher is better. None if
            none counts. Invisible faults count if a proof can see them.
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
        """The faults that count, of which the score is a share."""
        return tuple(fault for fault in self.faults if fault.counted)

    @property
    def caught(self) -> tuple[FaultAnswer, ...]:
        """The faults that count and that a gate stopped."""
        return tuple(fault for fault in self.applicable if fault.verdict == "caught")

    @property
    def missed(self) -> tuple[FaultAnswer, ...]:
        """The faults that count and that every gate let pass."""
        return tuple(fault for fault in self.applicable if fault.verdict == "missed")

    @property
    def hidden(self) -> tuple[FaultAnswer, ...]:
        """The faults that do not count: no prediction shows them, and no proof can see them."""
        could = (fault for fault in self.faults if fault.verdict not in UNCOUNTED)
        return tuple(fault for fault in could if not fault.counted)

    @property
    def visible(self) -> tuple[FaultAnswer, ...]:
        """The faults that predictions show, or that are not a matter of predictions."""
        return tuple(fault for fault in self.applicable if fault.visible is not False)

    @property
    def invisible(self) -> tuple[FaultAnswer, ...]:
        """The faults that no prediction shows, and that a proof can see."""
        return tuple(fault for fault in self.applicable if fault.visible is False)

    @property
    def shares(self) -> Shares | None:
        """Who caught what, None if nothing is known about it: in answers of older versions."""
        known = any(fault.proofs or fault.visible is not None for fault in self.faults)
        return Shares.of(self.caught) if known else None

    @property
    def alarms(self) -> tuple[ControlAnswer, ...]:
        """The harmless changes that a gate stopped."""
        return tuple(control for control in self.controls if control.verdict == "FAIL")

    def of(self, verdict: str) -> tuple[FaultAnswer | ControlAnswer, ...]:
        """Return the faults and controls of one verdict, in order."""
        every: tuple[FaultAnswer | ControlAnswer, ...] = (*self.faults, *self.controls)
        return tuple(answer for answer in every if answer.verdict == verdict)

    @property
    def findings(self) -> tuple[str, ...]:
        """Who caught what and what predictions show, in sentences without a full stop."""
        shares = self.shares
        if shares is None:
            return ()
        sentences = [
            (
                f"Caught by proofs alone: {shares.proofs}; by gates with a limit alone: "
                f"{shares.limits}; by both: {shares.both}"
            )
        ]
        if any(fault.visible is not None for fault in self.faults):
            sentences.append(
                f"Visible in predictions, or not a matter of them: {_caught(self.visible)}; "
                f"invisible, but provable: {_caught(self.invisible)}"
            )
        if self.hidden:
            sentences.append(
                f"Not counted, because no prediction shows them and no proof can see them: "
                f"{', '.join(fault.name for fault in self.hidden)}"
            )
        return tuple(sentences)

    @property
    def set_aside(self) -> dict[tuple[str, str], tuple[FaultAnswer, ...]]:
        """Faults that are not applicable for a reason that several share, by model and reason."""
        shared: dict[tuple[str, str], list[FaultAnswer]] = {}
        for fault in self.faults:
            if fault.verdict == "not applicable":
                shared.setdefault((fault.model, fault.note), []).append(fault)
        return {key: tuple(ones) for key, ones in shared.items() if len(ones) >= SEVERAL}

    @property
    def passed(self) -> bool:
        """Whether no fault was missed and no harmless change stopped."""
        return not self.missed and not self.alarms


def _caught(faults: Sequence[FaultAnswer]) -> str:
    return f"{sum(fault.verdict == 'caught' for fault in faults)} of {len(faults)} caught"


def summed(
    faults: tuple[FaultAnswer, ...], controls: tuple[ControlAnswer, ...], **facts: object
) -> Challenge:
    """Return the answers of one or several models together.

    Args:
        faults: Of all models.
        controls: Of all models.
        facts: Other fields of ``Challenge``.
    """
    applicable = [fault for fault in faults if fault.counted]
    caught = sum(fault.verdict == "caught" for fault in applicable)
    models = dict.fromkeys(
        [*(fault.model for fault in faults), *(control.model for control in controls)]
    )
    challenge = Challenge(
        model=SEPARATOR.join(models),
        score=round(caught / len(applicable), 4) if applicable else None,
        faults=faults,
        controls=controls,
    )
    return msgspec.structs.replace(challenge, **facts)


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
    return read(path) if path.exists() else None


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
