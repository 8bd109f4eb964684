"""A challenge as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from edgeq.faults.fault import Fault
from edgeq.record.challenge import SEPARATOR, Challenge, ControlAnswer, FaultAnswer
from edgeq.words import share
from edgeq.words.escape import fitted, printable, wrapped

NAME, PLACE, SEVERITY, VERDICT, SEEN, CAUSE = 26, 13, 8, 14, 4, 5
NAMED = {True: "yes", False: "no", None: "-"}
INDENT = "    "


def lines(found: Challenge, width: int) -> list[str]:
    """Return the table of a challenge: fault by verdict, controls, score."""
    told: list[str] = []
    for model in found.model.split(SEPARATOR):
        told += _model(found, model, width)
    told += _summary(found, width)
    return told


def catalogue(faults: Sequence[Fault], width: int) -> list[str]:
    """Return the faults and controls with what is wrong, in full."""
    found = []
    for one in faults:
        head = f"{printable(one.name):<{NAME}} {one.place:<{PLACE}} {one.severity:<{SEVERITY}} "
        lines = wrap(printable(one.summary), width - len(head))
        found += [head + lines[0], *(f"{'':<{len(head)}}{line}" for line in lines[1:])]
    controls = sum(one.control for one in faults)
    return [*found, f"{len(faults) - controls} faults, {controls} controls"]


def _model(found: Challenge, model: str, width: int) -> Iterator[str]:
    aside = {one for ones in found.set_aside.values() for one in ones}
    faults = [one for one in found.faults if one.model == model]
    controls = [one for one in found.controls if one.model == model]
    variants = [*(one.variant for one in faults), *(one.variant for one in controls)]
    yield f"{model}: faults in {variants[0]}"
    diagnosed = any(one.cause_named is not None for one in faults)
    looked = any(one.visible is not None for one in faults)
    yield (
        f"{'fault':<{NAME}} {'place':<{PLACE}} {'severity':<{SEVERITY}} {'verdict':<{VERDICT}} "
        + (f"{'seen':<{SEEN}} " if looked else "")
        + (f"{'cause':<{CAUSE}} " if diagnosed else "")
        + "caught by"
    )
    for one in faults:
        if one in aside:
            continue
        head = (
            f"{fitted(printable(one.name), NAME):<{NAME}} {one.place:<{PLACE}} "
            f"{one.severity:<{SEVERITY}} {one.verdict:<{VERDICT}} "
        )
        if looked:
            head += f"{NAMED[one.visible]:<{SEEN}} "
        if diagnosed:
            head += f"{NAMED[one.cause_named]:<{CAUSE}} "
        yield (head + fitted(", ".join(one.caught_by), width - len(head))).rstrip()
    if controls:
        yield ""
        yield f"{'control (must pass)':<{NAME + PLACE + SEVERITY + 2}} verdict"
        for control in controls:
            name = fitted(printable(control.name), NAME)
            yield f"{name:<{NAME + PLACE + SEVERITY + 2}} {control.verdict}"
    yield ""


def _summary(found: Challenge, width: int) -> Iterator[str]:
    told: Sequence[FaultAnswer | ControlAnswer]
    aside = {one for ones in found.set_aside.values() for one in ones}
    for verdict, head in (
        ("missed", "Missed, and what would have caught it:"),
        ("INCONCLUSIVE", "INCONCLUSIVE, and what would have caught it:"),
        ("not applicable", "Not applicable (not counted):"),
        ("broken", "Could not be made (not counted):"),
    ):
        told = found.of(verdict)
        if verdict == "INCONCLUSIVE":
            told = [one for one in told if isinstance(one, FaultAnswer)]
        if verdict == "not applicable":
            told = [one for one in told if one not in aside]
        told = [one for one in told if one not in found.hidden]
        yield from _noted(head, told, width)
    for (model, note), ones in found.set_aside.items():
        yield f"Not applicable to {printable(model)} (not counted), {len(ones)} faults:"
        yield from wrapped(f"  {printable(note)}", width, indent=INDENT)
        names = ", ".join(printable(one.name) for one in ones)
        yield from wrapped(f"{INDENT}{names}", width, indent=INDENT)
        yield ""
    undecided = [one for one in found.controls if one.verdict == "INCONCLUSIVE"]
    yield from _noted("INCONCLUSIVE controls, and what would decide:", undecided, width)
    for control in found.alarms:
        yield from wrapped(
            f"False alarm: {control.name}: {printable(control.note)}", width, indent=INDENT
        )
    for sentence in found.findings:
        yield from wrapped(f"{printable(sentence)}.", width, indent=INDENT)
    named = [one.cause_named for one in found.caught if one.cause_named is not None]
    if named:
        yield f"Cause named rightly: {sum(named)} of {len(named)} faults that were caught."
    score = "none" if found.score is None else share(found.score)
    caught = f"{len(found.caught)} of {len(found.applicable)} applicable faults caught"
    controls = f"{len(found.alarms)} of {len(found.controls)} controls failed"
    yield f"Mutation score {score}: {caught}, {len(found.missed)} missed; {controls}."


def _noted(head: str, chosen: Sequence[FaultAnswer | ControlAnswer], width: int) -> Iterator[str]:
    if not chosen:
        return
    yield head
    for one in chosen:
        yield from wrapped(f"  {one.name}: {printable(one.note)}", width, indent=INDENT)
    yield ""
