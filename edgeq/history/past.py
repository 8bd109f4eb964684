"""Keeps past runs: one small file per run in ``reports/history/``, the oldest removed first.

Runs are in the order in which they were kept: the name of each file has a number, one higher than
any before. Clocks do not decide, because they may be set back and two runs may start at once.

The start of a run is stored in ISO 8601, in UTC, to the microsecond; records of earlier versions
store whole seconds. Times are compared as times, never as text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from edgeq.config.target_kinds import LOCAL
from edgeq.errors import RecordError
from edgeq.history.accepted import Conditions, HeldCase, VariantFacts, check_images
from edgeq.history.snapshot import CaseFigure, Snapshot, held_figure, kept, of_record
from edgeq.io import structs
from edgeq.io.files import sha256_bytes, write_bytes
from edgeq.io.structs import Reader, content_of
from edgeq.judge.verdict import ShipDecision
from edgeq.record.case_ids import parsed
from edgeq.record.ship_decision import Outcome, decided, overall
from edgeq.record.structs import RunRecord

SCHEMA = "edgeq.past/2"
FOLDER = "history"
MAX_FLIPS = 500
"""Maximum number of a variant's flipped images stored by name; beyond it, intervals decide."""

_NAME = re.compile(
    r"(?P<start>\d{8}T\d{6}(\d{6})?)Z-((?P<number>\d{1,18})-)?(?P<digest>[0-9a-f]{8})\.json"
)
"""Earlier versions wrote no number, and whole seconds; their runs come first."""

_SIGNS = re.compile(r"[^0-9T]")
_TO_THE_MICROSECOND = len("2026-01-01T00:00:00.000000")


class PastModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a past run.

    Attributes:
        measured_with: The conditions that its figures on this machine apply to.
        targets: The conditions that figures on other targets apply to, by target.
    """

    measured_with: Conditions
    variants: dict[str, VariantFacts]
    targets: dict[str, Conditions] = {}


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A past run: its answers and figures, without the data behind them.

    Attributes:
        started, duration_s, commit, edgeq, spec_sha256: As in the record.
        partial: Whether only a part of the gate was requested, or the run was interrupted.
        passes, may_ship, passed, failed, inconclusive, missing, not_run, lost: As in the record's
            summary.
        answers: Answers about each variant on all targets together, by ``model/variant``.
        said: What the run found, in sentences.
    """

    schema: str = SCHEMA
    started: str
    duration_s: float
    commit: str | None = None
    edgeq: str
    spec_sha256: str
    partial: bool = False
    passes: bool
    may_ship: bool
    passed: int
    failed: int
    inconclusive: int
    missing: int
    not_run: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    answers: dict[str, ShipDecision] = {}
    said: tuple[str, ...] = ()
    models: dict[str, PastModel]
    cases: dict[str, HeldCase]


@dataclass(frozen=True)
class Past:
    """The runs in a folder, the oldest first, and the names of their files, as far as known.

    ``damaged`` says why files could not be read, one sentence each.
    """

    runs: tuple[PastRun, ...] = ()
    damaged: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def past_run(record: RunRecord, *, notes: tuple[str, ...] = ()) -> PastRun:
    """Return the part of a run that history keeps; cases with ids of another form are left out."""
    summary = record.summary
    figures = {
        case_id: figure
        for case_id, figure in of_record(record).figures.items()
        if case_id.count("/") == 2  # model/variant/gate
        and parsed(case_id)[:3] == (figure.model, figure.method, figure.gate)
    }
    models: dict[str, PastModel] = {}
    for figure in figures.values():
        known = models.setdefault(
            figure.model, PastModel(measured_with=figure.conditions, variants={})
        )
        target = parsed(figure.id).target
        if target != LOCAL:
            known.targets[target] = figure.conditions
        known.variants[figure.method] = _bounded(figure.variant)
    return PastRun(
        started=record.started,
        duration_s=record.duration_s,
        commit=record.commit,
        edgeq=record.edgeq,
        spec_sha256=record.spec_sha256,
        partial=record.partial or record.interrupted,
        passes=summary.passes,
        may_ship=summary.may_ship,
        passed=summary.passed,
        failed=summary.failed,
        inconclusive=summary.inconclusive,
        missing=summary.missing,
        not_run=summary.not_run,
        lost=record.lost,
        answers={"/".join(key): decision for key, decision in overall(record).items()},
        said=notes,
        models=models,
        cases={case_id: HeldCase(**kept(figure)) for case_id, figure in figures.items()},
    )


def of_past(run: PastRun) -> Snapshot:
    """Return the figures of a past run."""
    return Snapshot(
        figures={case_id: _figure(run, case_id) for case_id in run.cases},
        models=frozenset(run.models),
        not_run=frozenset(run.not_run),
    )


def read_all(folder: Path) -> Past:
    """Read the runs in a folder; none if the folder does not exist."""
    runs, damaged, files = [], [], []
    for path in _files(folder):
        try:
            runs.append(_read(path))
            files.append(path.name)
        except RecordError as error:
            damaged.append(str(error))
    return Past(tuple(runs), tuple(damaged), tuple(files))


def before(record: RunRecord, runs: Sequence[PastRun]) -> Sequence[PastRun]:
    """Return the runs that come before a record's own run.

    Args:
        record: A run. If it is not among ``runs``, its start says which of them were earlier.
        runs: Runs, the oldest first.

    Raises:
        RecordError: The run's start is needed and is not a time.
    """
    own = _identity(record)
    places = [place for place, run in enumerate(runs) if _identity(run) == own]
    if places:
        return runs[: places[-1]]
    start = moment_of(record.started)
    return [run for run in runs if moment_of(run.started) < start]


def keep(run: PastRun, folder: Path, *, max_runs: int) -> Path | None:
    """Write a run's file, remove the oldest files beyond ``max_runs``, and return the run's path.

    Returns:
        None if ``max_runs`` is 0, in which case nothing is kept.

    Raises:
        RecordError: The run's start is not a time.
        StoreError: The folder can't be written.
    """
    path = None
    if max_runs:
        data = msgspec.json.encode(run, order="deterministic") + b"\n"
        start = _SIGNS.sub("", moment_text(moment_of(run.started))[:_TO_THE_MICROSECOND])
        number = 1 + max((_order(other)[0] for other in _files(folder)), default=0)
        path = folder / f"{start}Z-{number}-{sha256_bytes(data)[:8]}.json"
        write_bytes(path, data)
    for old in _files(folder)[: -max_runs or None]:
        old.unlink(missing_ok=True)
    return path


def _figure(run: PastRun, case_id: str) -> CaseFigure:
    parts = parsed(case_id)
    known = run.models[parts.model]
    conditions = known.targets.get(parts.target, known.measured_with)
    return held_figure(case_id, run.cases[case_id], conditions, known.variants)


def _files(folder: Path) -> Sequence[Path]:
    """Return the files in a folder that this module wrote, the oldest first."""
    paths = (path for path in folder.glob("*.json") if _NAME.fullmatch(path.name))
    return sorted(paths, key=_order)


def _order(path: Path) -> tuple[int, str, str]:
    """Return a file's sort key; two processes that write at the same time share a number."""
    name = _NAME.fullmatch(path.name)
    return (int(name["number"] or 0), name["start"], name["digest"]) if name else (0, "", "")


def _identity(run: RunRecord | PastRun) -> tuple[object, ...]:
    return run.started, run.duration_s, run.commit, run.spec_sha256


def _read(path: Path) -> PastRun:
    run = _READER.read(content_of(path), path)
    moment_of(run.started, where=path)
    for case_id in run.cases:
        model, _, rest = case_id.partition("/")
        if model not in run.models or rest.count("/") != 1:
            raise RecordError(
                f"the past run is damaged: the case {case_id!r} belongs to none of its models",
                where=path,
                remedy=_READER.damaged,
            )
    for model_ in run.models.values():
        try:
            check_images(model_.measured_with, model_.variants.values())
        except ValueError as error:
            raise RecordError(
                f"the past run is damaged: {error}", where=path, remedy=_READER.damaged
            ) from error
    return run


def _bounded(variant: VariantFacts) -> VariantFacts:
    if variant.flips is None or len(variant.flips) <= MAX_FLIPS:
        return variant
    return msgspec.structs.replace(variant, flips=None)


def _from_past_1(plain: dict[str, Any]) -> dict[str, Any]:
    """Convert a past run of schema ``edgeq.past/1``, which had no answers, to the current one.

    The answers are decided from the cases. It is not known what was worse than accepted, so a
    variant that only failed that comparison gets the answer of its cases; the run still fails.
    """
    passes = plain["may_ship"]
    cases = structs.converted(plain["cases"], dict[str, HeldCase])
    left = structs.converted(plain.get("not_run", []), list[str])
    open_ = {case_id.rpartition("/")[0] for case_id in left}
    variants = dict.fromkeys(case_id.rpartition("/")[0] for case_id in (*cases, *left))
    answers = {
        variant: decided(
            [
                Outcome(case_id.rpartition("/")[2], case.status, case.declared_missing)
                for case_id, case in cases.items()
                if case_id.rpartition("/")[0] == variant
            ],
            refused=False,
            not_run=variant in open_,
            lost=variant in open_ and not plain.get("partial", False),
        )
        for variant in variants
    }
    cleared = bool(answers) and set(answers.values()) == {ShipDecision.CLEARED}
    return {**plain, "passes": passes, "may_ship": passes is True and cleared, "answers": answers}


_READER = Reader(
    PastRun,
    SCHEMA,
    "past run",
    other="Remove it: the folder is for edgeq's own files",
    newer="Upgrade edgeq, or remove the file",
    damaged="Remove it",
    converted={"edgeq.past/1": _from_past_1},
)


def moment_text(moment: datetime) -> str:
    """Return a time as records store it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment_of(text: str, *, where: str | Path | None = None) -> datetime:
    """Parse a time from a record, of any resolution; without an offset it is UTC.

    Raises:
        RecordError: The text is not a time.
    """
    try:
        moment = datetime.fromisoformat(text)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RecordError(
            f"the run's start {text!r} is not a time",
            where=where,
            remedy="Write it as in 2026-01-31T12:00:00+00:00",
        ) from error
