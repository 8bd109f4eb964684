"""The records of a repair: the table, the mixes that were measured, and the candidates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgeq.config.methods import FLOAT32
from edgeq.record.repair import MixRecord, PointRecord, TriedRecord, UnitRecord
from edgeq.repair.checking import Checked
from edgeq.repair.choosing import Candidate, Point
from edgeq.repair.table import ErrorTable, Mix
from edgeq.repair.trying import ERROR, RATIO, Verdicts


def candidate_record(
    candidate: Candidate,
    method: str,
    verdicts: Verdicts,
    *,
    predicted: float | None,
    file: str | None = None,
) -> TriedRecord:
    """Return the record of a candidate that was judged.

    Args:
        candidate: The candidate.
        method: The variant's method.
        verdicts: The gate's verdicts.
        predicted: Predicted relative error on the evaluation set; None if there is no prediction.
        file: The file made from retrained weights, if any.
    """
    error, ratio = verdicts.of(ERROR), verdicts.of(RATIO)
    return TriedRecord(
        method=method,
        units=dict(candidate.units),
        percentile=candidate.percentile,
        file=file,
        predicted_bytes=candidate.bytes,
        predicted_error=predicted,
        bytes=verdicts.bytes,
        error=None if error is None else error.value,
        error_interval=None if error is None else error.interval,
        latency_ratio=None if ratio is None else ratio.value,
        passed=not verdicts.lacks,
        lacks=verdicts.lacks,
    )


def unit_records(table: ErrorTable, mix: Mix) -> tuple[UnitRecord, ...]:
    """Return the records of a table's units.

    Args:
        table: The table.
        mix: The precision of every unit in the mix that was chosen; units that are missing in it
            count as float32.
    """
    return tuple(
        UnitRecord(
            name=row.name,
            weight_bytes=row.weight_bytes,
            errors={name: table.share(row.name, name) for name in row.cells},
            saved={name: -cell.bytes for name, cell in row.cells.items()},
            seconds={str(name): seconds for name, seconds in row.seconds.items()},
            chosen=mix.get(row.name, FLOAT32),
        )
        for row in table.rows
    )


def mix_records(mixes: Iterable[Checked]) -> tuple[MixRecord, ...]:
    """Return the records of mixes whose predicted error was checked."""
    return tuple(
        MixRecord(name=mix.name, predicted=mix.predicted, measured=mix.measured) for mix in mixes
    )


def curve_records(curve: Sequence[Point]) -> tuple[PointRecord, ...]:
    """Return the records of the frontier's points."""
    return tuple(PointRecord(bytes=point.bytes, error=point.error) for point in curve)
