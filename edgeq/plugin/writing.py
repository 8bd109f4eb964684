"""The end of a session: builds its record, compares it with earlier ones, and writes the files.

The answers about the variants also become properties of the suite in JUnit's file.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec
import pytest

from edgeq import report
from edgeq.errors import EdgeqError, RecordError
from edgeq.history import past
from edgeq.history.accepted import FOLDER as ACCEPTED
from edgeq.history.commit import checked_out
from edgeq.history.compare import follow, hold
from edgeq.history.past import Past, moment_text, past_run
from edgeq.pipeline.carrying import carried_once
from edgeq.plugin.left_out import LeftOut
from edgeq.plugin.state import State
from edgeq.record import challenge, repair
from edgeq.record.exit_code import exit_code
from edgeq.record.ship_decision import answer, answered, with_error
from edgeq.record.structs import CaseRecord, RunRecord, read
from edgeq.report.model_sentences import findings
from edgeq.report.trends import trends
from edgeq.results.joining import Joined, join
from edgeq.results.recording import record_run
from edgeq.results.redact import discreet
from edgeq.results.thumbnails import Illustrated, illustrated

LATEST = "latest"
# An absolute path: an argument of its own, after ``=``, ``:`` or ``,``, after ``file://``, or
# right after a one-letter option. It ends at ``::``, where the name of a test begins.
_ABSOLUTE = re.compile(r"(?:^|(?<=[=:,])|(?<=://)|(?<=^-\w))/(?!/)[^=:,]*")


def _record_in(folder: Path) -> RunRecord | None:
    """Return the record in a folder; one that can't be read is not merged with anything."""
    try:
        return read(folder / report.RECORD_FILE)
    except RecordError:
        return None


def _in_order(state: State) -> list[CaseRecord]:
    """Return the verdicts in inventory order, followed by those of the user's own tests."""
    place = {case_id: number for number, case_id in enumerate(state.cases)}
    return sorted(state.found.cases.values(), key=lambda case: place.get(case.id, len(place)))


def write(state: State, *, left_out: LeftOut) -> None:
    """Build the session's record and write its files, its history entry and the list of runs.

    ``left_out`` has the cases without a verdict that the user chose to leave out.

    Raises:
        EdgeqError: Something can't be written. The record says so and does not pass.
    """
    found, folder = state.found, state.reports / LATEST
    before = past.read_all(state.reports / past.FOLDER)
    shown = _shown(state, _record(state, left_out))
    held = follow(answered(shown.record), before.runs, set_aside=state.set_aside)
    for error in held.errors:
        found.add_error(error)
    found.record = discreet(held, state.spec.root, os.environ)
    found.damaged = before.damaged
    try:
        _write(state, found.record, before, shown)
    except EdgeqError as error:
        found.record, found.view = with_error(found.record, str(error)), None
        raise
    found.folder = folder


def _record(state: State, left_out: LeftOut) -> RunRecord:
    """Return the session's findings, merged with earlier findings that still hold."""
    found = state.found
    known = Joined(carried_once(_in_order(state)), found.models, tuple(found.own))
    if found.cases and not found.interrupted:
        before = _record_in(state.reports / LATEST)
        known = join(state.run, known, before, partial=left_out.is_part)
    record = record_run(
        state.run,
        known.cases,
        known.models,
        started=moment_text(state.started),
        duration_s=round(time.monotonic() - state.clock, 3),
        own=known.own,
        left_out=left_out,
        interrupted=found.interrupted,
        errors=tuple(found.errors),
        commands=(command_line(state.config),),
    )
    return msgspec.structs.replace(record, commit=checked_out(state.spec.root))


def _shown(state: State, record: RunRecord) -> Illustrated:
    """Return a record compared with the accepted ones, with its images and the last challenge."""
    plain = state.found.interrupted or not record.cases
    shown = Illustrated(record, {}) if plain else illustrated(state.run, record)
    folder = state.spec.path(state.spec.reports) / ACCEPTED
    held = hold(shown.record, folder, set_aside=state.set_aside)
    try:
        folder = state.reports / LATEST
        held = msgspec.structs.replace(
            held, challenge=challenge.RESULT.last(folder), repair=repair.RESULT.last(folder)
        )
    except EdgeqError as damaged:
        held = msgspec.structs.replace(held, errors=(*held.errors, str(damaged)))
    return Illustrated(held, shown.pictures)


def _write(state: State, record: RunRecord, before: Past, shown: Illustrated) -> None:
    """Write the files of a record, and its history entry if it has a verdict.

    Raises:
        EdgeqError: Something can't be written.
    """
    folder = state.reports / LATEST
    most = state.spec.history
    now = past_run(record, notes=findings(record))
    runs = (*before.runs, now)[-most:]
    history = trends(runs, state.accepted)
    written = report.write(record, folder, shown=shown.pictures, history=history)
    state.found.view = written.view
    if most and record.cases:
        path = past.keep(now, state.reports / past.FOLDER, max_runs=most)
        files = (*before.files, "" if path is None else path.name)
        known = Past(runs, before.damaged, files[-most:])
        report.write_index(known, state.reports, history=history, latest=True)


def command_line(config: pytest.Config) -> str:
    """Return the command that started this session, quoted for a shell."""
    given = config.invocation_params
    said: str | None = config.getoption("edgeq_command", None)
    words = ["pytest", *map(str, given.args)] if said is None else shlex.split(said)
    return shlex.join(portable(word, Path(given.dir)) for word in words)


def portable(word: str, start: Path) -> str:
    """Return an argument of a command line with its absolute paths made relative to a folder.

    Of paths outside the folder only the name remains.
    """

    def shorten(match: re.Match[str]) -> str:
        path = Path(match[0])
        if path.is_relative_to(start):
            return path.relative_to(start).as_posix()
        return path.name

    return _ABSOLUTE.sub(shorten, word)


@runtime_checkable
class _Suite(Protocol):
    """Pytest's writer of JUnit files, which is registered only with ``--junitxml``."""

    def add_global_property(self, name: str, value: object) -> None: ...


def note_answers(config: pytest.Config, record: RunRecord) -> None:
    """Add the answers, whether all variants may ship, and the exit code to the suite properties."""
    for plugin in config.pluginmanager.get_plugins():
        if isinstance(plugin, _Suite):
            for name, value in answers(record).items():
                plugin.add_global_property(name, value)


def answers(record: RunRecord) -> dict[str, str]:
    """Return the answers as properties of a suite."""
    each = {
        f"edgeq.answer.{model.name}/{variant.name}": answer(record, model.name, variant).value
        for model in record.models
        for variant in model.variants
    }
    return {
        **each,
        "edgeq.may_ship": "true" if record.summary.may_ship else "false",
        "edgeq.exit_code": str(exit_code(record)),
    }
