"""Compares a run with the previous one. This never fails a run; the accepted record does that."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edgeq.history.compare import compare
from edgeq.history.past import PastRun, of_past
from edgeq.history.snapshot import of_record
from edgeq.record.change import Previous
from edgeq.record.structs import RunRecord


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
