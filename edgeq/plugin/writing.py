"""The end of a session: its record, held against what was accepted and the run before; pages."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from edgeq import report
from edgeq.errors import EdgeqError, RecordError
from edgeq.history import past
from edgeq.history.accepted import FOLDER as ACCEPTED
from edgeq.history.commit import checked_out
from edgeq.history.compare_accepted import hold
from edgeq.history.compare_previous import follow
from edgeq.history.moment import moment_text
from edgeq.history.past import Past, past_run
from edgeq.pipeline.carrying import carried_once
from edgeq.plugin.command import command_line
from edgeq.plugin.state import State
from edgeq.record.challenge import last
from edgeq.record.repair import last as last_repair
from edgeq.record.ship_decision import answered
from edgeq.record.structs import CaseRecord, RunRecord, read
from edgeq.report.model_sentences import findings
from edgeq.results.joining import Joined, join
from edgeq.results.recording import record_run
from edgeq.results.redact import discreet
from edgeq.results.thumbnails import Illustrated, illustrated

LATEST = "latest"


def _record_in(folder: Path) -> RunRecord | None:
    """Return the record that a folder holds; one that can't be read joins nothing."""
    try:
        return read(folder / report.RECORD_FILE)
    except RecordError:
        return None


def _in_order(state: State) -> list[CaseRecord]:
    """Return the verdicts in the order of the inventory; tests of the user's own come last."""
    place = {case_id: number for number, case_id in enumerate(state.cases)}
    return sorted(state.found.cases.values(), key=lambda case: place.get(case.id, len(place)))


def write(state: State, *, partial: bool) -> None:
    """Make the session's record; write its files, its place in history, and the list of runs.

    Raises:
        EdgeqError: Something can't be written.
    """
    found, folder = state.found, state.reports / LATEST
    known = Joined(carried_once(_in_order(state)), found.models, tuple(found.own))
    if not found.interrupted:
        known = join(state.run, known, _record_in(folder), partial=partial)
    record = record_run(
        state.run,
        known.cases,
        known.models,
        started=moment_text(state.started),
        duration_s=round(time.monotonic() - state.clock, 3),
        own=known.own,
        partial=partial,
        interrupted=found.interrupted,
        errors=tuple(found.errors),
        commands=(command_line(state.config),),
    )
    before = past.read_all(state.reports / past.FOLDER)
    record = msgspec.structs.replace(record, commit=checked_out(state.spec.root))
    shown = Illustrated(record, {}) if found.interrupted else illustrated(state.run, record)
    compared = hold(shown.record, state.spec.path(state.spec.reports) / ACCEPTED)
    held = follow(answered(compared), before.runs)
    try:
        found.record = msgspec.structs.replace(
            held, challenge=last(folder), repair=last_repair(folder)
        )
    except EdgeqError as damaged:
        found.record = held
        found.add_error(str(damaged))
    for error in held.errors:
        found.add_error(error)
    found.record = discreet(found.record, state.spec.root, os.environ)
    report.write(
        found.record,
        folder,
        shown=shown.pictures,
        past=before.runs,
        accepted=state.accepted,
    )
    found.folder = folder
    found.damaged = before.damaged
    if state.spec.history:
        now = past_run(found.record, notes=findings(found.record))
        past.keep(now, state.reports / past.FOLDER, most=state.spec.history)
        runs = (*before.runs, now)[-state.spec.history :]
        report.write_index(
            Past(runs, before.damaged), state.reports, accepted=state.accepted, latest=True
        )
