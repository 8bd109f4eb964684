"""The answer of ``edgeq challenge`` as the report shows it: how strong the gate is. Pure."""

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
        about: The model and the good variant that was made faulty.
        caught_by: The gates that stop it, with commas between them.
        seen: Whether predictions show it.
        cause: Whether the diagnosis named the cause.
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
        notes: Who caught what, and what limits the answer: another spec, an incomplete challenge.
        places: The share of caught faults by place.
        open: Faults that were missed or are INCONCLUSIVE, and false alarms.
        faults: All faults and controls.
    """

    mark: Mark
    summary: str
    notes: tuple[str, ...]
    places: tuple[Share, ...]
    open: tuple[FaultView, ...]
    faults: tuple[FaultView, ...]


def strength(record: RunRecord) -> StrengthView | None:
    """Return what the last challenge says of the gate, None where none was made."""
    found = record.challenge
    if found is None:
        return None
    every = (*map(_view, found.faults), *map(_view, found.controls))
    hidden = set(map(_view, found.hidden))
    return StrengthView(
        mark=Mark("✓", "+", "strong", "good") if found.passed else Mark("!", "!", "weak", "warn"),
        summary=_summary(found),
        notes=_notes(found, record.spec_sha256),
        places=_places(found),
        open=tuple(one for one in every if one.mark.tone in {"bad", "warn"} and one not in hidden),
        faults=every,
    )


def _summary(found: Challenge) -> str:
    faults = plural(len(found.applicable), "applicable fault")
    named = sum(one.cause_named is True for one in found.caught)
    asked = sum(one.cause_named is not None for one in found.caught)
    parts = [
        f"The gate caught {len(found.caught)} of {faults} ({words.percent(found.score)})",
        f"named the cause of {named} of {asked}" if asked else "",
        f"{len(found.alarms)} of {plural(len(found.controls), 'harmless change')} stopped",
    ]
    return "; ".join(part for part in parts if part)


def _notes(found: Challenge, spec_sha256: str) -> tuple[str, ...]:
    notes = list(found.findings)
    if found.spec_sha256 and found.spec_sha256 != spec_sha256:
        notes.append("Another spec was challenged; run `edgeq challenge` again for this one")
    if not found.complete:
        notes.append("Only a part of the catalogue was tried, or of the models")
    notes += [
        f"Not applicable to {model}, so not counted: {len(faults)} faults, because {note}"
        for (model, note), faults in found.set_aside.items()
    ]
    if found.started:
        notes.append(f"Challenged {utc(found.started)}")
    return tuple(notes)


def _places(found: Challenge) -> tuple[Share, ...]:
    """Return the share of caught faults by the place where they are."""
    counts: dict[str, list[int]] = {}
    for one in found.applicable:
        pair = counts.setdefault(one.place, [0, 0])
        pair[0] += one.verdict == "caught"
        pair[1] += 1
    return tuple(
        Share(name=place, text=f"{caught} of {tried}", share=caught / tried)
        for place, (caught, tried) in counts.items()
    )


def _view(one: FaultAnswer | ControlAnswer) -> FaultView:
    fault = one if isinstance(one, FaultAnswer) else None
    named = {True: "yes", False: "no"}
    return FaultView(
        name=one.name,
        summary=one.summary,
        mark=_MARKS[one.verdict],
        about=f"{one.model} {one.variant}",
        place="harmless" if fault is None else fault.place,
        severity=words.NONE if fault is None else fault.severity,
        caught_by=words.NONE if fault is None else ", ".join(fault.caught_by) or words.NONE,
        seen=words.NONE if fault is None or fault.visible is None else named[fault.visible],
        cause=words.NONE
        if fault is None or fault.cause_named is None
        else named[fault.cause_named],
        note=one.note,
    )
