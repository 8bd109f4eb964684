"""Holding a new run against what was accepted."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edgeq.errors import RecordError
from edgeq.history import accepted
from edgeq.history.compare import compare
from edgeq.history.snapshot import of_accepted, of_record
from edgeq.record.structs import RunRecord


def hold(record: RunRecord, folder: Path) -> RunRecord:
    """Return the record with what changed since the accepted records of a folder.

    Worse than accepted, and an accepted case that vanished from a full run, keep a run from
    passing; so does a comparison that is inconclusive if the spec lets INCONCLUSIVE fail. An
    accepted record that can't be read is one of the run's ``errors``. Models without an accepted
    record, and so a folder that is not there, change nothing.
    """
    try:
        known = accepted.read_all(folder)
    except RecordError as error:
        return msgspec.structs.replace(
            record,
            errors=(*record.errors, str(error)),
            summary=msgspec.structs.replace(record.summary, passes=False),
        )
    models = {entry.model for entry in known}
    comparison = compare(of_accepted(known), of_record(record))
    changes = tuple(change for change in comparison if change.model in models)
    open_ = record.inconclusive == "fail" and any(change.is_open for change in changes)
    passes = record.summary.passes and not open_ and not any(change.fails for change in changes)
    return msgspec.structs.replace(
        record,
        changes=changes,
        summary=msgspec.structs.replace(record.summary, passes=passes),
    )
