"""The summary in Markdown, short enough for a comment on a pull request. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from edgeq.judge.verdict import Verdict
from edgeq.record.structs import RunRecord
from edgeq.report import changes
from edgeq.report.cells import headings
from edgeq.report.sentences import Trouble, troubles
from edgeq.report.variant_view import VariantView
from edgeq.report.view import ModelView, ReportView, view
from edgeq.report.words import Mark
from edgeq.words import typeset
from edgeq.words.escape import markdown, shortened

MAX_CASES = 40
MAX_ROWS = 60
MAX_UNFOLDED = 12
MAX_MOVED = 10
_MAX_LENGTH = 301
_MAX_FINDING_LENGTH = 1201
"""Most characters of a text and of a finding, with the ellipsis of one that was cut."""


def render(record: RunRecord, shown: ReportView | None = None) -> str:
    """Return the summary, which stays below GitHub's limit of 65,536 characters per comment."""
    shown = shown or view(record)
    counts = " · ".join(f"{mark.symbol} {number} {mark.word}" for mark, number in shown.counts)
    blocks = [
        f"## {shown.mark.symbol} {_text(shown.title)}",
        f"{_text(shown.verdict)}.",
        "\n".join(
            f"- {_text(finding, _MAX_FINDING_LENGTH)}." for finding in shown.findings[:MAX_ROWS]
        ),
        counts,
        _trouble(shown),
        "\n".join(f"- **Note:** {_text(note)}" for note in shown.notes[:MAX_CASES]),
        *(_model(model) for model in shown.models[:MAX_ROWS]),
        _targets(shown),
        _changes(shown),
        _previous(record),
        f"<sub>edgeq {_text(shown.edgeq)} · {_text(shown.started)} · 1 MB = 1000 kB</sub>",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _model(model: ModelView) -> str:
    columns = headings(row.cells for row in model.judged)
    lines = [
        f"### {_text(model.name)}",
        "",
        f"| {' | '.join(['Variant', *columns.values(), 'Answer'])} |",
        f"|:--|{'--:|' * len(columns)}:--|",
        *(_row(variant, columns) for variant in (model.baseline, *model.variants[:MAX_ROWS])),
    ]
    more = len(model.variants) - MAX_ROWS
    if more > 0:
        lines += ["", f"{more} more variants are in the report."]
    return "\n".join(lines)


def _targets(shown: ReportView) -> str:
    """Return the answers by targets, and what no target has a case for."""
    if shown.targets is None:
        return ""
    several = len(shown.models) > 1
    head = ["Variant", *map(_text, shown.targets.columns), "On all"]
    rows = [
        [
            _text(f"{row.model}/{row.variant}" if several else row.variant),
            *("" if cell.mark is None else _marked(cell.mark) for cell in row.cells),
            _marked(row.mark),
        ]
        for row in shown.targets.rows[:MAX_ROWS]
    ]
    table = [head, [":--"] * len(head), *rows]
    notes = [
        f"- **{_text(target.name)}:** {_text(text)}"
        for target in shown.targets.targets
        for text in (target.problem, target.not_applicable)
        if text
    ]
    lines = ["### Where the variants may run", "", *(f"| {' | '.join(row)} |" for row in table)]
    return "\n".join([*lines, "", *notes])


def _marked(mark: Mark) -> str:
    return f"{mark.symbol} {mark.word}"


def _row(variant: VariantView, columns: Iterable[str]) -> str:
    cells = []
    for name in columns:
        cell = variant.cells[name]
        interval = f" ({', '.join(cell.details)})" if cell.details and name == "agreement" else ""
        cells.append(_text(cell.text + interval))
    return f"| {' | '.join([_text(variant.name), *cells, _marked(variant.mark)])} |"


def _trouble(shown: ReportView) -> str:
    cases = [case for model in shown.models for each in model.rows for case in each.trouble]
    cases += shown.orphans
    if not cases:
        return ""
    cases.sort(key=lambda case: _ORDER.index(case.status))
    groups = troubles(cases)
    lines = [_case(group) for group in groups[:MAX_CASES]]
    if len(groups) > MAX_CASES:
        lines.append(f"- {len(groups) - MAX_CASES} more are in the report")
    body = "\n".join(lines)
    unfolded = " open" if len(lines) <= MAX_UNFOLDED else ""
    return f"<details{unfolded}><summary>What did not pass</summary>\n\n{body}\n\n</details>"


def _changes(shown: ReportView) -> str:
    if shown.changes is None:
        return ""
    return _list(changes.TITLE, shown.changes.summary, shown.changes)


def _previous(record: RunRecord) -> str:
    comparison = changes.previous_view(record, max_lines=MAX_MOVED)
    if comparison is None:
        return ""
    summary = f"{markdown(comparison.when)}: {comparison.changes.summary}"
    return _list(changes.SINCE_THE_PREVIOUS, summary, comparison.changes)


def _list(title: str, summary: str, moved: changes.ChangesView) -> str:
    blocks = (f"### {title}", summary, "\n".join(changes.markdown_lines(moved)))
    return "\n\n".join(filter(None, blocks))


def _case(trouble: Trouble) -> str:
    case = trouble.case
    declared = " as declared" if case.declared else ""
    step = f". *Next:* {_text(case.next_step)}" if case.next_step else ""
    cause = f". {_text(case.cause)}" if case.cause else ""
    head = f"{case.mark.symbol} **{case.mark.word}{declared}** {_text(trouble.ids)}"
    open_ = case.status is Verdict.INCONCLUSIVE and case.resolution
    able = f" ({_text(typeset(case.resolution))}.)" if open_ else ""
    return f"- {head}: {_text(typeset(case.reason))}{cause}{step}{able}"


def _text(text: str, longest: int = _MAX_LENGTH) -> str:
    return markdown(shortened(text, longest))


_ORDER = (Verdict.FAIL, Verdict.MISSING, Verdict.INCONCLUSIVE, Verdict.PASS)
