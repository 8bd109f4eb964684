"""Compares a new run with the accepted records, and with the previous run.

The comparison with the previous run never fails a run; the accepted record does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from edgeq.errors import RecordError
from edgeq.history import accepted
from edgeq.history.compare import compare
from edgeq.history.past import PastRun, of_past
from edgeq.history.snapshot import of_accepted, of_record
from edgeq.record.change import Previous
from edgeq.record.structs import RunRecord


def hold(record: RunRecord, folder: Path) -> RunRecord:
    """Add to a record what changed since the accepted records in a folder.

    A case worse than accepted keeps the run from passing, and so does an accepted case that a full
    run no longer has, or an inconclusive comparison if the spec makes INCONCLUSIVE fail. An
    accepted record that can't be read is added to the run's ``errors``. Models without an accepted
    record change nothing, nor does a folder that does not exist. What that comes to is decided with
    the answers.
    """
    try:
        known = accepted.read_all(folder)
    except RecordError as error:
        return msgspec.structs.replace(record, errors=(*record.errors, str(error)))
    models = {entry.model for entry in known}
    comparison = compare(of_accepted(known), of_record(record))
    changes = tuple(change for change in comparison if change.model in models)
    return msgspec.structs.replace(record, changes=changes)


def follow(record: RunRecord, runs: Sequence[PastRun]) -> RunRecord:
    """Add to a record what changed since the previous run, if there is one.

    Args:
        record: The new run.
        runs: The runs before it, the oldest first.
    """
    before = previous(record, runs)
    if before is None:
        return record
    comparison = compare(of_past(before), of_record(record))
    changes = tuple(msgspec.structs.replace(change, fails=False) for change in comparison)
    return msgspec.structs.replace(
        record,
        previous=Previous(started=before.started, commit=before.commit, changes=changes),
    )


def previous(record: RunRecord, runs: Sequence[PastRun]) -> PastRun | None:
    """Return the latest run that has a model of the record, preferring whole runs.

    Args:
        record: The new run.
        runs: The runs before it, the oldest first. Their order is trusted, because the clock may
            have been set back in between.
    """
    models = {case.model for case in record.cases}
    known = [run for run in runs if models & set(run.models)]
    whole = [run for run in known if not run.partial] or known
    return whole[-1] if whole else None
