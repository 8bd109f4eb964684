"""The view of a challenge's result, which shows how strong the gate is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.record.challenge import Challenge, ControlAnswer, FaultAnswer
from edgeq.record.structs import RunRecord
from edgeq.report import words
from edgeq.report.file_view import Share
from edgeq.report.words import Mark
from edgeq.words import plural, utc

_MARKS = {
    "caught": Mark("✓", "+", "caught", "good"),
    "missed": Mark("✗", "x", "missed", "bad"),
    "INCONCLUSIVE": Mark("?", "?", "INCONCLUSIVE", "warn"),
    "not applicable": Mark("○", "o", "not applicable", "none"),
    "broken": Mark("○", "o", "broken", "none"),
    "PASS": Mark("✓", "+", "PASS", "good"),
    "FAIL": Mark("✗", "x", "false alarm", "bad"),
}


@dataclass(frozen=True)
class FaultView:
    """One fault, or one harmless change.

    Attributes:
        about: The model, and the good variant that the fault was put into.
        caught_by: The gates that reject the variant, separated by commas.
        seen: Whether the fault shows in predictions, in words.
        cause: Whether the diagnosis named the right cause, in words.
    """

    name: str
    summary: str
    mark: Mark
    about: str
    place: str
    severity: str
    caught_by: str
    seen: str
    cause: str
    note: str


@dataclass(frozen=True)
class StrengthView:
    """How strong the gate is.

    Attributes:
        summary: The score in one sentence, without a full stop.
        notes: Counts by kind of gate, and what limits the result, such as another spec or an
            incomplete challenge.
        open: Faults that were missed or are INCONCLUSIVE, and false alarms.
    """

    mark: Mark
    summary: str
    notes: tuple[str, ...]
    places: tuple[Share, ...]
    open: tuple[FaultView, ...]
    faults: tuple[FaultView, ...]


def strength(record: RunRecord) -> StrengthView | None:
    """Return the view of the last challenge, None if there was none."""
    challenge = record.challenge
    if challenge is None:
        return None
    every = (*map(_view, challenge.faults), *map(_view, challenge.controls))
    hidden = set(map(_view, challenge.hidden))
    return StrengthView(
        mark=Mark("✓", "+", "strong", "good")
        if challenge.passed
        else Mark("!", "!", "weak", "warn"),
        summary=_summary(challenge),
        notes=_notes(challenge, record.spec_sha256),
        places=_places(challenge),
        open=tuple(
            fault for fault in every if fault.mark.tone in {"bad", "warn"} and fault not in hidden
        ),
        faults=every,
    )


def _summary(challenge: Challenge) -> str:
    faults = plural(len(challenge.applicable), "applicable fault")
    named = sum(fault.cause_named is True for fault in challenge.caught)
    asked = sum(fault.cause_named is not None for fault in challenge.caught)
    parts = [
        f"The gate caught {len(challenge.caught)} of {faults} ({words.percent(challenge.score)})",
        f"named the cause of {named} of {asked}" if asked else "",
        f"{len(challenge.alarms)} of {plural(len(challenge.controls), 'harmless change')} stopped",
    ]
    return "; ".join(part for part in parts if part)


def _notes(challenge: Challenge, spec_sha256: str) -> tuple[str, ...]:
    notes = list(challenge.findings)
    if challenge.spec_sha256 and challenge.spec_sha256 != spec_sha256:
        notes.append("Another spec was challenged; run `edgeq challenge` again for this one")
    if not challenge.complete:
        notes.append("Only a part of the catalogue was tried, or of the models")
    notes += [
        f"Not applicable to {model}, so not counted: {len(faults)} faults, because {note}"
        for (model, note), faults in challenge.set_aside.items()
    ]
    if challenge.started:
        notes.append(f"Challenged {utc(challenge.started)}")
    return tuple(notes)


def _places(challenge: Challenge) -> tuple[Share, ...]:
    """Return the share of caught faults by place."""
    counts: dict[str, list[int]] = {}
    for fault in challenge.applicable:
        pair = counts.setdefault(fault.place, [0, 0])
        pair[0] += fault.verdict == "caught"
        pair[1] += 1
    return tuple(
        Share(name=place, text=f"{caught} of {tried}", share=caught / tried)
        for place, (caught, tried) in counts.items()
    )


def _view(answer: FaultAnswer | ControlAnswer) -> FaultView:
    fault = answer if isinstance(answer, FaultAnswer) else None
    named = {True: "yes", False: "no"}
    return FaultView(
        name=answer.name,
        summary=answer.summary,
        mark=_MARKS[answer.verdict],
        about=f"{answer.model} {answer.variant}",
        place="harmless" if fault is None else fault.place,
        severity=words.NONE if fault is None else fault.severity,
        caught_by=words.NONE if fault is None else ", ".join(fault.caught_by) or words.NONE,
        seen=words.NONE if fault is None or fault.visible is None else named[fault.visible],
        cause=words.NONE
        if fault is None or fault.cause_named is None
        else named[fault.cause_named],
        note=answer.note,
    )
