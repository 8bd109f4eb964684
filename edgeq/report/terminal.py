"""The table of verdicts for pytest's terminal summary, in ASCII and as wide as fits. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from edgeq.judge.missing import DECLARED, UNJUDGED
from edgeq.judge.verdict import Verdict
from edgeq.record.case_ids import OWN_TEST
from edgeq.record.structs import RunRecord, is_own_test
from edgeq.report import changes, sentences
from edgeq.report.sentences import troubles
from edgeq.report.variant_view import CaseView, VariantView
from edgeq.report.view import ModelView, ReportView, view
from edgeq.report.words import ABSENT
from edgeq.words.escape import columns, fitted, printable, wrapped

WIDTH = 100
"""Columns if the terminal's width is not known."""
MIN_WIDTH, MAX_WIDTH = 60, 160
MAX_LINES = 20

_HEAD_WIDTH = 21
_CELL_WIDTHS = (10, 20)
_ASCII = str.maketrans({"−": "-", "×": "x", "–": "", "…": "~", "→": "->", "\u00a0": " "})  # noqa: RUF001


_CELL = re.compile(r"(?<=  )([+x!?o]) .*?(?=  |$)")
_VERDICT = re.compile(r"^(FAIL|MISSING|INCONCLUSIVE, leans to FAIL|INCONCLUSIVE)\b")
_COLOURS = {"+": 32, "x": 31, "!": 31, "?": 33, "o": 36}
_VERDICT_COLOURS = {"FAIL": 31, "MISSING": 36, "INCONCLUSIVE": 33}


def render(record: RunRecord, shown: ReportView | None = None, *, width: int = WIDTH) -> str:
    """Return a table of gates by variants for every model, what did not pass, and the answer.

    An empty line separates these parts; the answer comes last. Bad input is not included: the
    caller prints it once, in a separate place, and cases that could not be measured because of it
    only point there.
    """
    shown, problems = shown or view(record), sentences.bad_input(record)
    blocks = [
        "\n".join(f"note: {note}" for note in shown.notes if note not in problems),
        *(
            _table(model, part)
            for model in shown.models
            if not _is_stopped(model, record.errors)
            for part in _parts(model, width)
        ),
        _trouble(shown, record.errors),
        "\n".join(filter(None, (_changes(shown), _previous(record)))),
        "\n".join(
            f"{printable(sentence)}."
            for sentence in (
                sentences.verdict(record),
                sentences.headline(record),
                *shown.findings,
            )
        ),
    ]
    lines = "\n\n".join(block for block in blocks if block).splitlines()
    return "\n".join(
        row for line in lines for row in wrapped(line.translate(_ASCII), width, indent="    ")
    )


def coloured(line: str) -> str:
    """Return a line of ``render`` with the colours of its verdicts, for a terminal."""
    verdict = _VERDICT.match(line)
    if verdict is not None:
        tone = _VERDICT_COLOURS[verdict[0].rpartition(" ")[2]]
        return f"\x1b[1;{tone}m{verdict[0]}\x1b[0m{line[verdict.end() :]}"
    return _CELL.sub(lambda cell: f"\x1b[{_COLOURS[cell[1]]}m{cell[0]}\x1b[0m", line)


def is_stopped(record: RunRecord, shown: ReportView | None = None) -> bool:
    """Return whether bad input stopped every model, so that there is nothing else to show."""
    models = (shown or view(record)).models
    return bool(models) and all(_is_stopped(model, record.errors) for model in models)


def _is_stopped(model: ModelView, errors: tuple[str, ...]) -> bool:
    """Return whether bad input kept every case of a model from being judged."""
    cases = [case for variant in model.variants for case in variant.cases]
    return bool(cases) and all(
        case.status is Verdict.MISSING and _is_for_bad_input(case, errors) for case in cases
    )


def _is_for_bad_input(case: CaseView, errors: tuple[str, ...]) -> bool:
    """Return whether bad input that is reported elsewhere kept a case from being judged."""
    why = case.reason.removeprefix(f"{ABSENT}: ").removeprefix(UNJUDGED).removesuffix(DECLARED)
    return bool(why) and any(why in error for error in errors)


def _parts(model: ModelView, width: int) -> list[tuple[VariantView, ...]]:
    """Return the variants in groups that fit next to each other."""
    groups: list[tuple[VariantView, ...]] = [()]
    for variant in model.variants:
        wider = (*groups[-1], variant)
        if groups[-1] and _HEAD_WIDTH + sum(2 + _width(v) for v in wider) > width:
            groups.append((variant,))
        else:
            groups[-1] = wider
    return [group for group in groups if group]


def _width(variant: VariantView) -> int:
    texts = [_plain(variant.name), *(_cell(case) for case in variant.cases)]
    texts.append(_answer(variant))
    low, high = _CELL_WIDTHS
    return min(high, max(low, *(columns(text) for text in texts)))


def _table(model: ModelView, group: tuple[VariantView, ...]) -> str:
    gates = sorted(
        dict.fromkeys(case.gate for variant in group for case in variant.cases), key=is_own_test
    )
    by_gate = [{case.gate: _cell(case) for case in variant.cases} for variant in group]
    rows = [
        (model.name, [variant.name for variant in group]),
        *((_head(gate), [cells.get(gate, "") for cells in by_gate]) for gate in gates),
        ("answer", [_answer(variant) for variant in group]),
    ]
    widths = [_width(variant) for variant in group]
    return "\n".join(_row(head, cells, widths) for head, cells in rows)


def _head(gate: str) -> str:
    """Return the heading of a gate's row; for a user's own test, only the test's name."""
    return gate.rpartition(OWN_TEST)[2]


def _row(head: str, cells: list[str], widths: list[int]) -> str:
    padded = [_padded(head, _HEAD_WIDTH)]
    padded += [_padded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip()


def _padded(text: str, width: int) -> str:
    cut = fitted(_plain(text), width)
    return cut + " " * (width - columns(cut))


def _cell(case: CaseView) -> str:
    return f"{case.mark.ascii} {_plain(case.value) or case.mark.word}".strip()


def _answer(variant: VariantView) -> str:
    return f"{variant.mark.ascii} {variant.mark.word}" if variant.answer else ""


def _trouble(shown: ReportView, errors: tuple[str, ...]) -> str:
    cases = [case for model in shown.models for each in model.rows for case in each.trouble]
    cases = [
        replace(case, reason="for bad input, see below", cause="", next_step="")
        if _is_for_bad_input(case, errors)
        else case
        for case in (*cases, *shown.orphans)
    ]
    lines = []
    for trouble in troubles(cases):
        case = trouble.case
        declared = " (declared)" if case.declared else ""
        sentences = " ".join(
            f"{text}." for text in (case.reason, case.cause, case.next_step) if text
        )
        lines.append(f"{case.mark.word}{declared} {trouble.ids}: {sentences}")
    if len(lines) > MAX_LINES:
        lines[MAX_LINES:] = [f"and {len(lines) - MAX_LINES} more in the report"]
    return "\n".join(printable(line) for line in lines)


def _changes(shown: ReportView) -> str:
    if shown.changes is None:
        return ""
    head = f"{changes.TITLE}: {shown.changes.summary}"
    return "\n".join([head, *changes.terminal_lines(shown.changes)])


def _previous(record: RunRecord) -> str:
    comparison = changes.previous_view(record)
    if comparison is None:
        return ""
    return f"{changes.SINCE_THE_PREVIOUS} ({comparison.when}): {comparison.changes.summary}"


def _plain(text: str) -> str:
    return printable(text.translate(_ASCII))
