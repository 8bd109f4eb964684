"""Compares a new run with the accepted records."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edgeq.errors import RecordError
from edgeq.history import accepted
from edgeq.history.compare import compare
from edgeq.history.snapshot import of_accepted, of_record
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
