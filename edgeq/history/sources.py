"""Loads and compares what `edgeq compare` is given: runs, accepted records, pytest-benchmark files.

The medians of files of pytest-benchmark are compared by name, as far as their spread allows. The
95 % interval of a median is a notch, median ± t (n + ½) / (n - 1) IQR / √n, with Student's t for n
rounds. The notch of McGill, Tukey and Larsen (American Statistician 32 (1978), 12-16), with 1.57 in
place of t (n + ½) / (n - 1), is meant for comparing two boxes and covers the median only 81 to 91
times in 100. A difference counts if the notches are further apart than the tolerance and the
fastest rounds moved in the same direction: load slows many rounds, but rarely the fastest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import msgspec

from edgeq import words
from edgeq.errors import RecordError
from edgeq.history import accepted
from edgeq.history.accepted import Machine
from edgeq.history.compare import compare
from edgeq.history.snapshot import Snapshot, of_accepted, of_record
from edgeq.io import structs
from edgeq.io.structs import content_of
from edgeq.record import structs as records
from edgeq.record.change import Change, ChangeKind
from edgeq.words import milliseconds, plural

TOLERANCE = 0.05
MIN_ROUNDS = 5
CONFIDENCE = 0.95


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of a benchmark's times, in seconds."""

    min: float
    median: float
    iqr: float
    rounds: int

    @property
    def notch(self) -> tuple[float, float]:
        """The interval of the median; unbounded for fewer than two rounds."""
        from scipy.special import stdtrit

        if self.rounds < 2:
            return -math.inf, math.inf
        student = float(stdtrit(self.rounds - 1, 0.5 + CONFIDENCE / 2.0))
        half = student * (self.rounds + 0.5) / (self.rounds - 1) * self.iqr / math.sqrt(self.rounds)
        return self.median - half, self.median + half


class Benchmark(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark."""

    name: str
    stats: Stats


class Cpu(msgspec.Struct, frozen=True, kw_only=True):
    """The processor as reported by pytest-benchmark."""

    brand_raw: str = ""
    count: int = 0


class MachineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The machine as reported by pytest-benchmark."""

    machine: str = ""
    cpu: Cpu = Cpu()

    def machine_class(self) -> Machine:
        """Return the class of the machine, within which times are comparable."""
        cpu = self.cpu
        return Machine(architecture=self.machine, processor=cpu.brand_raw, cores=cpu.count)


class BenchmarkFile(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a pytest-benchmark file that concerns medians."""

    machine_info: MachineInfo
    benchmarks: tuple[Benchmark, ...]

    def by_name(self) -> dict[str, Stats]:
        """Return the statistics by name of the benchmark."""
        return {benchmark.name: benchmark.stats for benchmark in self.benchmarks}


def from_json(data: bytes, *, where: str | Path) -> BenchmarkFile:
    """Read a file of pytest-benchmark.

    Raises:
        RecordError: The data is not such a file.
    """
    try:
        return structs.from_json(data, BenchmarkFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(
            f"not a file of pytest-benchmark: {error}",
            where=where,
            remedy="Name one that --benchmark-json or --benchmark-autosave wrote",
        ) from error


def compare_benchmarks(
    before: BenchmarkFile, after: BenchmarkFile, *, tolerance: float = TOLERANCE
) -> tuple[Change, ...]:
    """Compare every benchmark; missing ones come last."""
    earlier, later = before.by_name(), after.by_name()
    classes = before.machine_info.machine_class(), after.machine_info.machine_class()
    other = "" if classes[0] == classes[1] else "other machine class"
    changes = [
        _change(name, earlier.get(name), stats, other, tolerance) for name, stats in later.items()
    ]
    return (*changes, *(_gone(name, stats) for name, stats in earlier.items() if name not in later))


def _change(name: str, before: Stats | None, after: Stats, other: str, tolerance: float) -> Change:
    if before is None:
        kind = ChangeKind.NEW
        reason = f"{milliseconds(after.median)}, with nothing to compare it with"
    else:
        kind, reason = _judged(before, after, other, tolerance)
    return Change(
        id=name,
        kind=kind,
        reason=reason,
        unit="s",
        before=None if before is None else before.median,
        after=after.median,
        fails=kind is ChangeKind.WORSE,
    )


def _gone(name: str, stats: Stats) -> Change:
    return Change(
        id=name,
        kind=ChangeKind.GONE,
        reason=f"was {milliseconds(stats.median)}; the benchmark no longer exists",
        unit="s",
        before=stats.median,
        fails=True,
    )


def _judged(before: Stats, after: Stats, other: str, tolerance: float) -> tuple[ChangeKind, str]:
    if other:
        return ChangeKind.INCOMPARABLE, other
    least = min(before.rounds, after.rounds)
    if least < MIN_ROUNDS:
        few = f"{plural(least, 'round')} on one side, {MIN_ROUNDS} are needed"
        return ChangeKind.INCOMPARABLE, few
    if before == after:
        return ChangeKind.UNCHANGED, f"median {milliseconds(before.median)}"
    sentence = f"median {words.change('ms', before.median * 1000, after.median * 1000)}"
    slack = tolerance * min(before.median, after.median)
    (low, high), (new_low, new_high) = before.notch, after.notch
    if new_low - high > slack:
        kind, moved = ChangeKind.WORSE, after.min > before.min
    elif low - new_high > slack:
        kind, moved = ChangeKind.BETTER, after.min < before.min
    else:
        return ChangeKind.NOISE, f"{sentence}; within the spread and {words.percentage(tolerance)}"
    if not moved:
        return ChangeKind.NOISE, f"{sentence}; but the fastest rounds did not move with it"
    factor = after.median / before.median if before.median else 0.0
    return kind, f"{sentence}" + (f", {words.value('times', factor, beside=1.0)}" if factor else "")


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
            return from_json(data, where=path)
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
