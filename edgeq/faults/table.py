"""A challenge as lines of text for a terminal."""

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


def lines(challenge: Challenge, width: int) -> list[str]:
    """Return the table of a challenge: faults with verdicts, controls, score."""
    rows: list[str] = []
    for model in challenge.model.split(SEPARATOR):
        rows += _model(challenge, model, width)
    rows += _summary(challenge, width)
    return rows


def catalogue(faults: Sequence[Fault], width: int) -> list[str]:
    """Return the faults and controls with their complete summaries."""
    rows = []
    for fault in faults:
        head = (
            f"{printable(fault.name):<{NAME}} {fault.place:<{PLACE}} {fault.severity:<{SEVERITY}} "
        )
        lines = wrap(printable(fault.summary), width - len(head))
        rows += [head + lines[0], *(f"{'':<{len(head)}}{line}" for line in lines[1:])]
    controls = sum(fault.control for fault in faults)
    return [*rows, f"{len(faults) - controls} faults, {controls} controls"]


def _model(challenge: Challenge, model: str, width: int) -> Iterator[str]:
    aside = {answer for answers in challenge.set_aside.values() for answer in answers}
    faults = [fault for fault in challenge.faults if fault.model == model]
    controls = [control for control in challenge.controls if control.model == model]
    variants = [*(fault.variant for fault in faults), *(control.variant for control in controls)]
    yield f"{model}: faults in {variants[0]}"
    diagnosed = any(fault.cause_named is not None for fault in faults)
    looked = any(fault.visible is not None for fault in faults)
    yield (
        f"{'fault':<{NAME}} {'place':<{PLACE}} {'severity':<{SEVERITY}} {'verdict':<{VERDICT}} "
        + (f"{'seen':<{SEEN}} " if looked else "")
        + (f"{'cause':<{CAUSE}} " if diagnosed else "")
        + "caught by"
    )
    for fault in faults:
        if fault in aside:
            continue
        head = (
            f"{fitted(printable(fault.name), NAME):<{NAME}} {fault.place:<{PLACE}} "
            f"{fault.severity:<{SEVERITY}} {fault.verdict:<{VERDICT}} "
        )
        if looked:
            head += f"{NAMED[fault.visible]:<{SEEN}} "
        if diagnosed:
            head += f"{NAMED[fault.cause_named]:<{CAUSE}} "
        yield (head + fitted(", ".join(fault.caught_by), width - len(head))).rstrip()
    if controls:
        yield ""
        yield f"{'control (must pass)':<{NAME + PLACE + SEVERITY + 2}} verdict"
        for control in controls:
            name = fitted(printable(control.name), NAME)
            yield f"{name:<{NAME + PLACE + SEVERITY + 2}} {control.verdict}"
    yield ""


def _summary(challenge: Challenge, width: int) -> Iterator[str]:
    answers: Sequence[FaultAnswer | ControlAnswer]
    aside = {answer for answers in challenge.set_aside.values() for answer in answers}
    for verdict, head in (
        ("missed", "Missed, and what would have caught it:"),
        ("INCONCLUSIVE", "INCONCLUSIVE, and what would have caught it:"),
        ("not applicable", "Not applicable (not counted):"),
        ("broken", "Could not be made (not counted):"),
    ):
        answers = challenge.of(verdict)
        if verdict == "INCONCLUSIVE":
            answers = [answer for answer in answers if isinstance(answer, FaultAnswer)]
        if verdict == "not applicable":
            answers = [answer for answer in answers if answer not in aside]
        answers = [answer for answer in answers if answer not in challenge.hidden]
        yield from _noted(head, answers, width)
    for (model, note), faults in challenge.set_aside.items():
        yield f"Not applicable to {printable(model)} (not counted), {len(faults)} faults:"
        yield from wrapped(f"  {printable(note)}", width, indent=INDENT)
        names = ", ".join(printable(fault.name) for fault in faults)
        yield from wrapped(f"{INDENT}{names}", width, indent=INDENT)
        yield ""
    undecided = [control for control in challenge.controls if control.verdict == "INCONCLUSIVE"]
    yield from _noted("INCONCLUSIVE controls, and what would decide:", undecided, width)
    for control in challenge.alarms:
        yield from wrapped(
            f"False alarm: {control.name}: {printable(control.note)}", width, indent=INDENT
        )
    for sentence in challenge.findings:
        yield from wrapped(f"{printable(sentence)}.", width, indent=INDENT)
    named = [fault.cause_named for fault in challenge.caught if fault.cause_named is not None]
    if named:
        yield f"Cause named correctly: {sum(named)} of {len(named)} faults that were caught."
    score = "none" if challenge.score is None else share(challenge.score)
    caught = f"{len(challenge.caught)} of {len(challenge.applicable)} applicable faults caught"
    controls = f"{len(challenge.alarms)} of {len(challenge.controls)} controls failed"
    yield f"Mutation score {score}: {caught}, {len(challenge.missed)} missed; {controls}."


def _noted(head: str, chosen: Sequence[FaultAnswer | ControlAnswer], width: int) -> Iterator[str]:
    if not chosen:
        return
    yield head
    for answer in chosen:
        yield from wrapped(f"  {answer.name}: {printable(answer.note)}", width, indent=INDENT)
    yield ""
