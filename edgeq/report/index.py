"""The page ``reports/index.html``, with the runs in the history and their trends. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import edgeq
from edgeq.history.past import FOLDER, Past, PastRun, of_past
from edgeq.history.rules import comparison_of
from edgeq.history.snapshot import CaseFigure
from edgeq.judge.verdict import Verdict
from edgeq.record.case_ids import parsed
from edgeq.report import sentences, words
from edgeq.report.html import template
from edgeq.report.trends import VariantTrends
from edgeq.report.words import Mark
from edgeq.words import duration, plural, utc

MAX_COLUMNS = 12
LATEST = "latest/report.html"
_SHA_SHOWN = 8


@dataclass(frozen=True)
class RunLine:
    """One run in the list.

    Attributes:
        link: Address of the run's report, or of what the history keeps of it; empty if neither is
            known.
        answers: Number of cleared variants, in one sentence.
        said: Results of the run, in sentences; empty for history files of older versions.
    """

    started: str
    link: str
    mark: Mark
    partial: bool
    verdicts: str
    answers: str
    said: tuple[str, ...]
    commit: str
    spec: str
    duration: str
    edgeq: str


@dataclass(frozen=True)
class Row:
    """One figure in each run, the latest first."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The figures of one model in numbers; a column is named by its run's start, latest first."""

    model: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class IndexView:
    """The whole page.

    ``damaged`` says why files of the history could not be read, one sentence each.
    """

    title: str
    damaged: tuple[str, ...]
    runs: tuple[RunLine, ...]
    trends: tuple[VariantTrends, ...]
    tables: tuple[Table, ...]
    edgeq: str


def render(past: Past, history: Sequence[VariantTrends] = (), *, latest: bool = True) -> str:
    """Return the page.

    ``latest`` says whether ``latest/report.html`` exists.
    """
    return template("index.html.j2").render(
        index=index_view(past, history, latest=latest), none=words.NONE
    )


def index_view(past: Past, history: Sequence[VariantTrends], *, latest: bool) -> IndexView:
    """Return what the page shows."""
    links = [file and f"{FOLDER}/{file}" for file in past.files or ("",) * len(past.runs)]
    if latest and links:
        links[-1] = LATEST
    return IndexView(
        title=f"{plural(len(past.runs), 'run')} of the gate",
        damaged=past.damaged,
        runs=tuple(_line(run, link) for run, link in zip(past.runs, links, strict=True))[::-1],
        trends=tuple(history),
        tables=_tables(past.runs[-MAX_COLUMNS:][::-1]),
        edgeq=edgeq.__version__,
    )


def _line(run: PastRun, link: str) -> RunLine:
    counts = (run.passed, run.failed, run.inconclusive, run.missing)
    verdicts = zip(words.VERDICTS.values(), counts, strict=True)
    return RunLine(
        started=utc(run.started),
        link=link,
        mark=sentences.mark_of(
            run.answers.values(), passes=run.passes, may_ship=run.may_ship, is_open=_is_open(run)
        ),
        answers=sentences.cleared(run.answers.values()),
        said=run.said,
        partial=run.partial,
        verdicts=", ".join(f"{number} {mark.word}" for mark, number in verdicts if number),
        commit=(run.commit or words.NONE)[:_SHA_SHOWN],
        spec=run.spec_sha256[:_SHA_SHOWN],
        duration=duration(run.duration_s),
        edgeq=run.edgeq,
    )


def _is_open(run: PastRun) -> bool:
    """Return whether only part of the gate was selected and nothing in it fails."""
    undeclared = any(
        case.status is Verdict.MISSING and not case.declared_missing for case in run.cases.values()
    )
    return run.partial and bool(run.not_run) and not (run.failed or run.lost) and not undeclared


def _tables(runs: Sequence[PastRun]) -> tuple[Table, ...]:
    """Return the table of each model, with figures in the order of the latest run that has them."""
    sides = [of_past(run).figures for run in runs]
    models = dict.fromkeys(figure.model for side in sides for figure in side.values())
    return tuple(
        Table(
            model=model,
            columns=tuple(utc(run.started).removesuffix(" UTC") for run in runs),
            rows=tuple(
                Row(
                    name=case_id.partition("/")[2],
                    cells=tuple(_cell(side.get(case_id)) for side in sides),
                )
                for case_id in dict.fromkeys(case_id for side in sides for case_id in side)
                if case_id.startswith(f"{model}/") and comparison_of(parsed(case_id).gate)
            ),
        )
        for model in models
    )


def _cell(figure: CaseFigure | None) -> str:
    if figure is None:
        return words.NONE
    if figure.value is None:
        return figure.status.value
    mark = f"{words.VERDICTS[Verdict.FAIL].symbol} " if figure.status is Verdict.FAIL else ""
    return f"{mark}{words.quantity(figure.gate, figure.unit, figure.value)}"
