"""The changes since another record, as lines for every format. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

import msgspec

from edgeq.judge.verdict import Verdict
from edgeq.record.change import Change, ChangeKind
from edgeq.record.structs import CaseRecord, RunRecord
from edgeq.report.words import Mark
from edgeq.words import plural, typeset, utc
from edgeq.words.escape import markdown, printable

TITLE = "What changed since the accepted record"
SINCE_THE_PREVIOUS = "What changed since the previous run"
MAX_LINES = 20
SHA_SHOWN = 8

MARKS = {
    ChangeKind.WORSE: Mark("✗", "x", "worse", "bad"),
    ChangeKind.GONE: Mark("✗", "x", "gone", "bad"),
    ChangeKind.INCONCLUSIVE: Mark("?", "?", "inconclusive", "warn"),
    ChangeKind.BETTER: Mark("✓", "+", "better", "good"),
    ChangeKind.NEW: Mark("○", "o", "new", "none"),
    ChangeKind.INCOMPARABLE: Mark("?", "?", "incomparable", "warn"),
    ChangeKind.NOISE: Mark("≈", "~", "within noise", "none"),
    ChangeKind.UNCHANGED: Mark("=", "=", "unchanged", "none"),
}

_SHARED = frozenset({ChangeKind.INCONCLUSIVE, ChangeKind.NEW, ChangeKind.INCOMPARABLE})
"""Kinds whose cases share a line if they have the same reason."""
_QUIET = frozenset({ChangeKind.NOISE, ChangeKind.UNCHANGED})
"""Kinds that are only counted, unless there is more to say."""


@dataclass(frozen=True)
class ChangeLine:
    """One line about changes.

    Attributes:
        about: Id of the case, or the number of cases that the line is about.
        reason: Why, in one sentence.
    """

    mark: Mark
    about: str
    reason: str


@dataclass(frozen=True)
class ChangesView:
    """The view of the changes since another record.

    Attributes:
        summary: Counts by kind.
        lines: The lines, the worst first.
        steps: What the user can do about the changes.
    """

    summary: str
    lines: tuple[ChangeLine, ...]
    more: int
    steps: tuple[str, ...]


@dataclass(frozen=True)
class PreviousView:
    """The view of the changes since the previous run.

    ``when`` has the start of the previous run, and its commit.
    """

    when: str
    changes: ChangesView


def previous_view(record: RunRecord, max_lines: int = MAX_LINES) -> PreviousView | None:
    """Return the view of the changes since the previous run, None if there are none.

    Changes that are also those since the accepted record are only counted.
    """
    previous = record.previous
    if previous is None:
        return None
    shown = changes_view(previous.changes, max_lines, cases=record.cases)
    if shown is None:
        return None
    if shown.lines and _moved(previous.changes) == _moved(record.changes):
        summary = f"{shown.summary}, as since the accepted record"
        shown = replace(shown, summary=summary, lines=(), more=0)
    commit = f", commit {previous.commit[:SHA_SHOWN]}" if previous.commit else ""
    return PreviousView(f"{utc(previous.started)}{commit}", replace(shown, steps=()))


def changes_view(
    changes: Sequence[Change],
    max_lines: int | None = MAX_LINES,
    *,
    cases: Sequence[CaseRecord] = (),
) -> ChangesView | None:
    """Return the view of changes, None if there are none.

    ``max_lines`` is the greatest number of lines; None for all, including every case within noise.
    ``cases`` are the run's if they are shown too: the reason of a case that FAILs is not repeated,
    and such a case can't be accepted.
    """
    if not changes:
        return None
    failing = {case.id: case.reason for case in cases if case.status is Verdict.FAIL}
    changes = [
        msgspec.structs.replace(change, reason=_without(change.reason, failing.get(change.id)))
        for change in changes
    ]
    by_kind = {kind: [change for change in changes if change.kind is kind] for kind in MARKS}
    lines: list[ChangeLine] = []
    for kind, group in by_kind.items():
        if kind in _SHARED:
            lines += _grouped(kind, group)
        elif kind not in _QUIET:
            lines += [ChangeLine(MARKS[kind], change.id, change.reason) for change in group]
    moved = [
        change
        for change in by_kind[ChangeKind.NOISE]
        if max_lines is None or change.images_worse or change.images_better
    ]
    lines += [ChangeLine(MARKS[ChangeKind.NOISE], change.id, change.reason) for change in moved]
    return ChangesView(
        summary=", ".join(
            f"{len(of_kind)} {kind.value}" for kind, of_kind in by_kind.items() if of_kind
        ),
        lines=tuple(lines[:max_lines]),
        more=0 if max_lines is None else max(0, len(lines) - max_lines),
        steps=_steps(by_kind, failing),
    )


def terminal_lines(view: ChangesView) -> list[str]:
    """Return the lines for a terminal, not wrapped."""
    lines = [
        f"{line.mark.ascii} {line.mark.word} {printable(line.about)}: {printable(line.reason)}"
        for line in view.lines
    ]
    if view.more:
        lines.append(f"and {view.more} more in the report")
    return [*lines, *view.steps]


def markdown_lines(view: ChangesView) -> list[str]:
    """Return the lines for Markdown."""
    lines = [
        f"- {line.mark.symbol} **{line.mark.word}** {markdown(line.about)}: "
        + markdown(typeset(line.reason))
        for line in view.lines
    ]
    if view.more:
        lines.append(f"- {view.more} more are in the report")
    return lines + [f"- *Next:* {markdown(step)}" for step in view.steps]


def _without(reason: str, known: str | None) -> str:
    """Return why a case changed, without the reason of the case itself."""
    return reason.removesuffix(f": {known}") if known else reason


def _moved(changes: Sequence[Change]) -> set[tuple[str, ChangeKind]]:
    return {(change.id, change.kind) for change in changes if change.kind not in _QUIET}


def _grouped(kind: ChangeKind, changes: Sequence[Change]) -> list[ChangeLine]:
    """Return one line per reason; new cases all share one reason."""
    groups: dict[str, list[Change]] = {}
    for change in changes:
        reason = "with nothing to compare with" if kind is ChangeKind.NEW else change.reason
        groups.setdefault(reason, []).append(change)
    lines = []
    for reason, group in groups.items():
        if len(group) == 1:
            lines.append(ChangeLine(MARKS[kind], group[0].id, group[0].reason))
        else:
            about = f"{plural(len(group), 'case')}, for example {group[0].id}"
            lines.append(ChangeLine(MARKS[kind], about, reason))
    return lines


def _steps(by_kind: dict[ChangeKind, list[Change]], failing: Container[str]) -> tuple[str, ...]:
    """Return what the user can do, except about benchmarks, which can't be accepted.

    Args:
        by_kind: The changes.
        failing: Ids of the cases that fail their own limits, which can't be accepted either.
    """
    known = {kind for kind, group in by_kind.items() if any(change.model for change in group)}
    steps = []
    if any(change.model and change.id not in failing for change in by_kind[ChangeKind.WORSE]):
        steps.append("If the loss is intended, say why: edgeq accept -k CASE --reason TEXT")
    if ChangeKind.INCONCLUSIVE in known:
        steps.append(
            "If a variant is meant to be measured as it is now, accept its figures: edgeq accept "
            "-k CASE --reason TEXT"
        )
    if ChangeKind.GONE in known:
        steps.append(
            "If these cases were removed on purpose, say why: edgeq accept --prune --reason TEXT"
        )
    if ChangeKind.BETTER in known and not known & {ChangeKind.WORSE, ChangeKind.GONE}:
        steps.append("Compare later runs with the better figures: edgeq accept --reason TEXT")
    return tuple(steps)
