"""Loads what `edgeq compare` compares: runs, accepted records or files of pytest-benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from edgeq.errors import RecordError
from edgeq.history import accepted, benchmarks
from edgeq.history.benchmarks import BenchmarkFile, compare_benchmarks
from edgeq.history.compare import compare
from edgeq.history.snapshot import Snapshot, of_accepted, of_record
from edgeq.io import structs
from edgeq.io.versions import content_of
from edgeq.record import structs as records
from edgeq.record.change import Change

ACCEPTED = "accepted"
RECORD_FILE = "run.json"
_READS = "Name a run.json, a folder that holds one, `accepted`, or a file of pytest-benchmark"


def load(text: str, folder: Path) -> Snapshot | BenchmarkFile:
    """Load an argument of ``edgeq compare``; its content decides what it is.

    The argument is a file, a folder with a ``run.json``, or ``"accepted"``.

    Raises:
        RecordError: The argument is none of these, or can't be read.
    """
    if text == ACCEPTED:
        known = accepted.read_all(folder)
        if not known:
            raise RecordError(
                "nothing is accepted yet",
                where=folder,
                remedy="Accept a run first: edgeq accept --reason TEXT",
            )
        return of_accepted(known)
    path = Path(text)
    if path.is_dir():
        path /= RECORD_FILE
    return _read(content_of(path, remedy=_READS), path)


def compare_sources(
    before: Snapshot | BenchmarkFile, after: Snapshot | BenchmarkFile, *, tolerance: float
) -> tuple[Change, ...]:
    """Compare two loaded sources.

    Raises:
        RecordError: The sources are of different kinds, or have no model in common.
    """
    if isinstance(before, BenchmarkFile) and isinstance(after, BenchmarkFile):
        return compare_benchmarks(before, after, tolerance=tolerance)
    if isinstance(before, BenchmarkFile) or isinstance(after, BenchmarkFile):
        raise RecordError(
            "a file of pytest-benchmark can't be compared with a record of edgeq",
            remedy="Name two of the same kind",
        )
    if not before.models & after.models:
        raise RecordError(
            f"the two have no model in common: {_names(before)}, then {_names(after)}",
            remedy="Name two records of the same models",
        )
    return compare(before, after)


def _read(data: bytes, path: Path) -> Snapshot | BenchmarkFile:
    try:
        known = structs.from_json(data, object)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"is not JSON: {error}", where=path, remedy=_READS) from error
    if isinstance(known, Mapping):
        if "benchmarks" in known and "machine_info" in known:
            return benchmarks.from_json(data, where=path)
        schema = str(known.get("schema"))
        if schema.startswith("edgeq.accepted/"):
            return of_accepted([accepted.from_json(data, where=path)])
        if schema.startswith("edgeq.run/"):
            return of_record(records.from_json(data, where=path))
    raise RecordError(
        "is neither a record nor a file of pytest-benchmark", where=path, remedy=_READS
    )


def _names(side: Snapshot) -> str:
    return ", ".join(sorted(side.models)) or "none"
