"""The result of ``edgeq repair``, as structs and JSON: the table, the choice and the candidates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from edgeq.io.structs import LastResult

SCHEMA = "edgeq.repair/1"

Aim = Literal["size", "latency"]


class UnitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One unit of the model.

    Attributes:
        name: The unit's name.
        weight_bytes: Bytes of the unit's float weights.
        errors: Relative error of the model if only this unit has a precision, by precision.
        saved: Bytes by which that makes the file smaller, by precision.
        seconds: Seconds by which that makes an inference slower than the method's own variant, by
            precision; empty if time does not matter.
        chosen: The unit's precision in the repaired variant, or in the best candidate.
    """

    name: str
    weight_bytes: int
    errors: dict[str, float]
    saved: dict[str, int]
    seconds: dict[str, float] = {}
    chosen: str = ""


class PointRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A mix that no other mix beats in both size and error.

    Attributes:
        bytes: Predicted size of the file in bytes.
        error: Predicted relative error of the decisive output; lower is better.
    """

    bytes: int
    error: float


class TriedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A mix that was made and judged by the gate.

    Attributes:
        method: The variant's method.
        units: Units whose precision differs from the method's, with their precisions.
        percentile: Percentile of the activation ranges, None for the method's own.
        file: The file made from retrained weights, None for a mix with the model's own weights.
        predicted_bytes: Size of the file in bytes, as the table predicts it.
        predicted_error: Relative error on the evaluation set, as the table predicts it.
        bytes: Size of the file in bytes, None if it could not be made.
        error: Relative error on the evaluation set, None if it was not measured; lower is better.
        error_interval: Confidence interval of the error, at the corrected confidence.
        latency_ratio: Median latency divided by the float model's, None if it was not judged.
        passed: Whether every gate passes and every goal is reached.
        lacks: What the mix lacks, in sentences without a full stop.
    """

    method: str
    units: dict[str, str]
    percentile: float | None = None
    file: str | None = None
    predicted_bytes: int
    predicted_error: float | None
    bytes: int | None = None
    error: float | None = None
    error_interval: tuple[float, float] | None = None
    latency_ratio: float | None = None
    passed: bool = False
    lacks: tuple[str, ...] = ()


class MixRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A mix whose predicted error was checked by a measurement on the calibration samples.

    Attributes:
        name: What the mix is called.
        predicted: Relative error that the table predicts.
        measured: Relative error that was measured.
    """

    name: str
    predicted: float
    measured: float


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a repair.

    Attributes:
        edgeq: Version of edgeq.
        started: Start of the repair, ISO 8601 in UTC.
        duration_s: Wall time in seconds.
        stages: Seconds that each stage took, by its name.
        spec_sha256: Hash of the canonical spec, as in a run's record.
        model: Name of the model.
        aim: What was minimized, size or latency.
        goals: The goals as the user gave them; empty if the gates alone decide.
        limits: The limits that the goals set, by gate.
        samples: Number of calibration samples that errors were measured on.
        evaluation: Number of evaluation samples that candidates were judged on.
        float_bytes: Size of the float file in bytes.
        confidence: Confidence of each candidate's intervals, corrected for how many might be tried.
        additive: Whether predictions were right within ``repair.choosing.TOLERANCE``; if not, the
            mixes were found by reverting one unit after another.
        mixes: The predicted and measured errors that ``additive`` is based on.
        units: The table of units.
        curve: Mixes that no other mix beats in both size and error.
        tried: The candidates that were judged, in the order of judging.
        helped: The effect of a changed calibration, in sentences; empty if none was tried.
        left_out: Units at a precision that could not be made or run, so that it was not chosen,
            with the reason.
    """

    schema: str = SCHEMA
    edgeq: str = ""
    started: str = ""
    duration_s: float = 0.0
    stages: dict[str, float] = {}
    spec_sha256: str = ""
    model: str
    aim: Aim
    goals: tuple[str, ...] = ()
    limits: dict[str, float] = {}
    samples: int
    evaluation: int
    float_bytes: int
    confidence: float
    additive: bool
    mixes: tuple[MixRecord, ...]
    units: tuple[UnitRecord, ...]
    curve: tuple[PointRecord, ...]
    tried: tuple[TriedRecord, ...]
    helped: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def repaired(self) -> TriedRecord | None:
        """The first candidate that passes, None if none does."""
        return next((candidate for candidate in self.tried if candidate.passed), None)

    @property
    def best(self) -> TriedRecord | None:
        """The candidate that passes, otherwise the one closest to passing."""
        return best_of(self.tried)


def best_of(candidates: Iterable[TriedRecord]) -> TriedRecord | None:
    """Return the candidate that passes, otherwise the one closest to passing; None without any."""

    def lacking(candidate: TriedRecord) -> tuple[bool, int, float]:
        error = candidate.error if candidate.error is not None else float("inf")
        return not candidate.passed, len(candidate.lacks), error

    return min(candidates, key=lacking, default=None)


RESULT = LastResult(Repair, SCHEMA, "repair")
