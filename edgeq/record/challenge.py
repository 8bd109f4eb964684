"""The result of ``edgeq challenge``, which measures how strong a gate is, as structs and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from edgeq.io.structs import LastResult

SCHEMA = "edgeq.challenge/1"
SEPARATOR = ", "

Caught = Literal["caught", "INCONCLUSIVE", "missed", "not applicable", "broken"]
Passed = Literal["PASS", "INCONCLUSIVE", "FAIL", "not applicable", "broken"]
MIN_ALIKE = 3
"""Minimum number of faults with the same reason that are reported together."""

UNCOUNTED = frozenset({"not applicable", "broken"})
"""Verdicts that say nothing about the strength of the gate."""

PROVABLE = frozenset({"quantization", "weights", "bias", "graph", "activations", "file"})
"""Places of faults inside the file, which a proof can detect without predictions."""


class FaultAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How the gates judged one fault.

    Attributes:
        model: Name of the model.
        variant: The good variant that the fault was put into.
        name: Name of the fault.
        place: Part of the variant that the fault affects.
        severity: How severe the fault's author expected it to be.
        summary: What is wrong, in a few words.
        verdict: ``"caught"`` if a gate rejects the variant; ``"INCONCLUSIVE"`` if none does, but
            one is INCONCLUSIVE; ``"missed"`` if all pass; ``"not applicable"`` if the fault can't
            occur in this variant; ``"broken"`` if the function that makes the fault failed.
        caught_by: The gates that reject the variant.
        proofs: The proofs among ``caught_by``.
        visible: Whether the faulty variant's predictions are worse than the good variant's: by 1
            point of agreement or accuracy, by .05 of the worst cosine, or by half of the error of
            outputs without classes. None if the fault does not affect predictions, or if this was
            not measured.
        where: Name of the faulty tensor or operator; None if it is not a single one.
        cause: The cause that a diagnosis should name, for example ``"channel_order"``.
        cause_found: The cause that the diagnosis named; None if it named none.
        cause_named: Whether the diagnosis named the right cause; None if nothing was diagnosed.
        note: For a fault that was not caught, what would have caught it or why it can't occur.
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
        """Whether the fault counts towards the score.

        A fault that neither predictions nor a proof can reveal does not count.
        """
        hidden = self.visible is False and self.place not in PROVABLE
        return self.verdict not in UNCOUNTED and not hidden


@dataclass(frozen=True)
class Shares:
    """Number of caught faults by the kind of gate that caught them.

    Attributes:
        proofs: Number of faults that only proofs caught.
        limits: Number of faults that only gates with a limit caught.
        both: Number of faults that both caught.
    """

    proofs: int
    limits: int
    both: int

    @classmethod
    def of(cls, caught: Sequence[FaultAnswer]) -> Shares:
        """Count caught faults."""
        proofs = sum(set(fault.proofs) == set(fault.caught_by) for fault in caught)
        limits = sum(not fault.proofs for fault in caught)
        return cls(proofs, limits, len(caught) - proofs - limits)


class ControlAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How the gates judged one harmless change.

    Attributes:
        model: Name of the model.
        variant: The good variant that was changed.
        name: Name of the change.
        summary: What was changed, in a few words.
        verdict: The verdict on the changed variant.
        note: Why the variant did not pass.
    """

    model: str
    variant: str
    name: str
    summary: str = ""
    verdict: Passed
    note: str = ""


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a challenge.

    Attributes:
        edgeq: Version of edgeq.
        started: Start of the challenge, ISO 8601 in UTC.
        duration_s: Wall time in seconds.
        spec_sha256: Hash of the canonical spec, as in a run's record.
        complete: Whether all faults of the catalogue were tried on all models of the spec.
        model: Names of the models, separated by commas.
        score: Share of the counted faults that were caught, 0 to 1; higher is better. None if no
            fault counts. Invisible faults count if a proof can detect them.
        faults: One result per model and fault.
        controls: One result per model and harmless change.
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
        """The faults that count towards the score."""
        return tuple(fault for fault in self.faults if fault.counted)

    @property
    def caught(self) -> tuple[FaultAnswer, ...]:
        """The counted faults that a gate caught."""
        return tuple(fault for fault in self.applicable if fault.verdict == "caught")

    @property
    def missed(self) -> tuple[FaultAnswer, ...]:
        """The counted faults that every gate let pass."""
        return tuple(fault for fault in self.applicable if fault.verdict == "missed")

    @property
    def hidden(self) -> tuple[FaultAnswer, ...]:
        """The faults that do not count because neither predictions nor proofs can reveal them."""
        could = (fault for fault in self.faults if fault.verdict not in UNCOUNTED)
        return tuple(fault for fault in could if not fault.counted)

    @property
    def visible(self) -> tuple[FaultAnswer, ...]:
        """The counted faults that show in predictions or do not concern them."""
        return tuple(fault for fault in self.applicable if fault.visible is not False)

    @property
    def invisible(self) -> tuple[FaultAnswer, ...]:
        """The faults that do not show in predictions but that a proof can detect."""
        return tuple(fault for fault in self.applicable if fault.visible is False)

    @property
    def shares(self) -> Shares | None:
        """Number of caught faults by kind of gate; None in results of older versions."""
        known = any(fault.proofs or fault.visible is not None for fault in self.faults)
        return Shares.of(self.caught) if known else None

    @property
    def alarms(self) -> tuple[ControlAnswer, ...]:
        """The harmless changes that a gate rejected."""
        return tuple(control for control in self.controls if control.verdict == "FAIL")

    def of(self, verdict: str) -> tuple[FaultAnswer | ControlAnswer, ...]:
        """Return the faults and controls of one verdict, in order."""
        every: tuple[FaultAnswer | ControlAnswer, ...] = (*self.faults, *self.controls)
        return tuple(answer for answer in every if answer.verdict == verdict)

    @property
    def findings(self) -> tuple[str, ...]:
        """Counts by kind of gate and by visibility, in sentences without a full stop."""
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
        """Faults that share a reason for being not applicable, by model and reason."""
        shared: dict[tuple[str, str], list[FaultAnswer]] = {}
        for fault in self.faults:
            if fault.verdict == "not applicable":
                shared.setdefault((fault.model, fault.note), []).append(fault)
        return {key: tuple(ones) for key, ones in shared.items() if len(ones) >= MIN_ALIKE}

    @property
    def passed(self) -> bool:
        """Whether no fault was missed and no harmless change was rejected."""
        return not self.missed and not self.alarms


def _caught(faults: Sequence[FaultAnswer]) -> str:
    return f"{sum(fault.verdict == 'caught' for fault in faults)} of {len(faults)} caught"


def summed(
    faults: tuple[FaultAnswer, ...], controls: tuple[ControlAnswer, ...], **facts: object
) -> Challenge:
    """Return the result of a challenge of one or several models.

    ``facts`` are other fields of ``Challenge``.
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


RESULT = LastResult(Challenge, SCHEMA, "challenge")
