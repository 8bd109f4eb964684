"""Checks that a target runs models correctly: greets its worker and runs models of known output."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import DeclaredTarget, Kernels, Preprocessing
from edgeq.config.target_kinds import Settings, TargetKind
from edgeq.errors import EdgeqError
from edgeq.run.protocol import AnyArray
from edgeq.run.results import (
    REAL_TYPES,
    Feed,
    Loaded,
    MachineState,
    TensorSpec,
    WorkerFacts,
)
from edgeq.run.session import Session
from edgeq.run.settling import FALLEN_CLOCK, HOT_CELSIUS, settle
from edgeq.run.targets import Target, differences, local_target
from edgeq.targets import tiny
from edgeq.targets.findings import Findings
from edgeq.targets.starting import boards_of, kind_of, start
from edgeq.words import plural


@dataclass(frozen=True)
class Sameness:
    """How outputs compare with the same model's outputs on other kernels.

    Attributes:
        values: Number of values compared.
        differing: Number of values that differ in any bit; NaN equals NaN.
        largest: Largest difference in the outputs' units, 0 if none differs, NaN if a value is NaN
            on only one side.
    """

    values: int
    differing: int
    largest: float

    def __str__(self) -> str:
        if not self.differing:
            return f"the same as here, bit by bit ({self.values:,} values)"
        return (
            f"{self.differing:,} of {self.values:,} values differ from here, by "
            f"{self.largest:.2g} at most"
        )


def sameness(ours: Sequence[AnyArray], theirs: Sequence[AnyArray]) -> Sameness:
    """Return how arrays differ from others of the same shapes, compared in pairs."""
    values = differing = 0
    largest = 0.0
    for own, other in zip(ours, theirs, strict=True):
        values += own.size
        same = (own == other) | (np.isnan(own) & np.isnan(other))
        differing += int(np.count_nonzero(~same))
        if not same.all():
            apart = np.abs(own[~same].astype(np.float64) - other[~same])
            largest = float(np.maximum(largest, apart.max()))
    return Sameness(values, differing, largest)


TIMEOUT_S = 300.0
IMAGES = 4
_ROUNDS, _BLOCK, _WARMUP_S, _BUDGET_S = 64, 16, 2.0, 10.0
_STEADY = frozenset({"", "performance"})
_SEED = 7


@dataclass(frozen=True)
class Ran:
    """The run of a tiny model on a target.

    Attributes:
        differing: Number of output values that differ from the known ones.
        median_s: Median latency in seconds.
    """

    arithmetic: tiny.Arithmetic
    loaded: Loaded
    differing: int
    median_s: float


@dataclass(frozen=True)
class Checked:
    """What a check of a target found, and the machine's state before and after models ran."""

    kind: TargetKind
    facts: WorkerFacts
    before: MachineState
    after: MachineState
    runs: tuple[Ran, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the target; until it is fixed, nothing may be judged there."""
        wrong = [
            f"{run.differing} answers of the {run.arithmetic} model are not the known ones"
            for run in self.runs
            if run.differing
        ]
        wrong += [
            f"XNNPACK is not applied to the {run.arithmetic} model: it has 0 partitions, not 1. "
            "Other kernels give other answers, more slowly. It happens if /proc or /sys can't be "
            "read"
            for run in self.runs
            if self.kind.kernels == "xnnpack" and not run.loaded.partitions
        ]
        wrong += [
            f"the {run.arithmetic} model does not run wholly on the accelerator"
            for run in self.runs
            if run.loaded.accelerated is False
        ]
        return tuple(wrong)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes latency on the target uncertain."""
        if "time" not in self.kind.measures:
            return ()
        doubts = []
        if self.facts.governor not in _STEADY:
            doubts.append(
                f"the clock's governor is {self.facts.governor!r}: times vary with the load before"
            )
        if self.after.celsius >= HOT_CELSIUS:
            doubts.append(f"it is hot ({self.after.celsius:.0f} °C): the clock may be throttled")
        if 0 < self.after.clock_mhz < FALLEN_CLOCK * self.before.clock_mhz:
            doubts.append("its clock fell during the check")
        return tuple(doubts)


def check(kind: TargetKind, target: Target) -> Checked:
    """Run two tiny models on a target and return the findings.

    Raises:
        WorkerError: Its worker can't be started or does not run the models.
    """
    with (
        tempfile.TemporaryDirectory(prefix="edgeq-") as folder,
        Session(target, timeout_s=TIMEOUT_S, memory_limit=None) as session,
    ):
        before = session.state()
        runs = tuple(
            _run(session, Path(folder), arithmetic, kind.kernels) for arithmetic in kind.arithmetics
        )
        return Checked(kind, session.facts, before, session.state(), runs)


def _run(session: Session, folder: Path, arithmetic: tiny.Arithmetic, kernels: Kernels) -> Ran:
    path = folder / f"{arithmetic}.tflite"
    path.write_bytes(tiny.model(arithmetic))
    loaded = session.load(path, threads=1, kernels=kernels)
    image = tiny.pixels()
    (answer,) = session.infer(loaded.handle, image, Preprocessing()).outputs
    time = partial(
        session.time, [Feed(loaded.handle, image, Preprocessing())], block=_BLOCK, warmup=0
    )
    settle(lambda: time(rounds=_BLOCK, budget_s=0), budget_s=_WARMUP_S)
    timed = time(rounds=_ROUNDS, budget_s=_BUDGET_S)
    differing = int(np.count_nonzero(answer != tiny.answer()))
    return Ran(arithmetic, loaded, differing, float(np.median(timed.samples[0])))


def examine(
    inspect: Callable[[Settings, Path], Findings], settings: Settings, model: Path | None
) -> Findings:
    """Return what a kind that inspects files finds in one; without one, in the tiny int8 model.

    Raises:
        EdgeqError: The file can't be examined.
    """
    if model is not None:
        return inspect(settings, model)
    with tempfile.TemporaryDirectory(prefix="edgeq-") as folder:
        path = Path(folder, "tiny.tflite")
        path.write_bytes(tiny.model("int8"))
        return inspect(settings, path)


def lines(checked: Checked) -> Iterator[str]:
    """Yield the findings of a check as lines for people."""
    facts = checked.facts
    versions = facts.versions
    processor = facts.processor or "unknown"
    cores = "" if facts.cpus is None else f", {plural(facts.cpus, 'core')}"
    yield f"processor  {processor} ({versions.get('machine', 'unknown')}{cores}), {facts.system}"
    if checked.kind.kernels == "xnnpack":
        extensions = (
            ", ".join(facts.extensions) or "none for which XNNPACK has kernels of their own"
        )
        yield f"extensions {extensions}"
    machine = ("machine", "python")
    packages = [f"{name} {number}" for name, number in versions.items() if name not in machine]
    python = versions.get("python", "unknown")
    yield f"runtime    {', '.join(sorted(packages))}, Python {python}"
    yield f"clock      {_clock(checked)}"
    for run in checked.runs:
        answers = f"{run.differing} answers differ" if run.differing else "answers as known"
        yield f"{run.arithmetic:<10} {_kernels(run.loaded)}, {answers}{_time(checked.kind, run)}"


def _clock(checked: Checked) -> str:
    state = checked.after
    clock = f"{state.clock_mhz:.0f} MHz" if state.clock_mhz >= 0 else "frequency unknown"
    heat = f"{state.celsius:.0f} °C" if state.celsius >= 0 else "temperature unknown"
    return f"governor {checked.facts.governor or 'unknown'}, {clock}, {heat}"


def _kernels(loaded: Loaded) -> str:
    if loaded.accelerated is not None:
        return "fully accelerated" if loaded.accelerated else "partly accelerated"
    if loaded.kernels == "reference":
        return "kernels reference"
    partitions = plural(loaded.partitions, "partition")
    return f"kernels {loaded.kernels} ({partitions} of XNNPACK)"


def _time(kind: TargetKind, run: Ran) -> str:
    if "time" not in kind.measures:
        return ", time not applicable"
    return f", {run.median_s * 1000:.3f} ms an inference"


@dataclass(frozen=True)
class Beside:
    """A model on a target compared with the same model on this machine."""

    here: Loaded
    there: Loaded
    sameness: Sameness


def beside_local(kind: TargetKind, target: Target, path: Path) -> Beside:
    """Run a model on a target and here, on ``IMAGES`` random inputs, and compare the outputs.

    Both use the same kind of kernels.

    Raises:
        WorkerError: The model does not run on one of them.
    """
    here, inputs, ours = _answers(local_target(), path, kind.kernels, None)
    there, _, theirs = _answers(target, path, kind.kernels, inputs)
    return Beside(here, there, sameness(ours, theirs))


def _answers(
    target: Target, path: Path, kernels: Kernels, inputs: list[list[AnyArray]] | None
) -> tuple[Loaded, list[list[AnyArray]], list[AnyArray]]:
    where = f"{path.name} on {target.name}"
    with Session(target, timeout_s=TIMEOUT_S, memory_limit=None, where=where) as session:
        loaded = session.load(path, threads=1, kernels=kernels)
        given = random_inputs(loaded) if inputs is None else inputs
        outputs = [out for feed in given for out in session.infer_tensors(loaded.handle, feed)]
    return loaded, given, outputs


def random_inputs(loaded: Loaded) -> list[list[AnyArray]]:
    """Return ``IMAGES`` inputs for a model, whatever it takes.

    Floats are from 0 to 255 and from -1 to 1 in turn, as most models take either; integers with a
    scale are all that their type holds; others, such as numbers of tokens, are 0 and 1.
    """
    drawn = np.random.default_rng(_SEED)

    def values(tensor: TensorSpec, low: float, high: float) -> npt.NDArray[np.generic]:
        if np.dtype(tensor.dtype).kind == "f":
            return drawn.uniform(low, high, tensor.shape).astype(tensor.dtype)
        if tensor.dtype not in REAL_TYPES:
            return drawn.integers(0, 2, tensor.shape).astype(tensor.dtype)
        kind = np.dtype(tensor.dtype)
        ends = np.iinfo(kind)
        return drawn.integers(ends.min, ends.max, tensor.shape, dtype=kind, endpoint=True)

    ranges = [(0.0, 255.0), (-1.0, 1.0)]
    return [
        [values(tensor, *ranges[number % len(ranges)]) for tensor in loaded.inputs]
        for number in range(IMAGES)
    ]


def beside_lines(beside: Beside) -> Iterator[str]:
    """Yield the comparison as lines for people."""
    yield f"model      {_kernels(beside.there)}; here {_kernels(beside.here)}"
    if beside.there.arena_bytes is not None:
        yield f"arena      {beside.there.arena_bytes:,} bytes"
    yield f"answers    {beside.sameness}, on {IMAGES} random inputs"


@dataclass(frozen=True)
class Helpers:
    """The further boards of a target, by address: those that may run portions of its evaluations.

    ``left_out`` says why each of the others may not.
    """

    alike: Mapping[str, Target]
    left_out: Mapping[str, str]


def helpers(name: str, target: DeclaredTarget, root: Path, facts: WorkerFacts) -> Helpers:
    """Check the further boards of a target, all at once, and compare them with the first."""
    _, *others = boards_of(name, target).items()
    if not others:
        return Helpers({}, {})
    alike: dict[str, Target] = {}
    left_out: dict[str, str] = {}
    with ThreadPoolExecutor(len(others)) as pool:
        checks = {address: pool.submit(_look, name, board, root) for address, board in others}
    for address, checking in checks.items():
        try:
            started, their_facts = checking.result()
            reasons = differences(facts.runtime, their_facts.runtime)
            if reasons:
                left_out[address] = "; ".join(reasons)
            else:
                alike[address] = replace(started, name=address)
        except EdgeqError as error:
            left_out[address] = error.what
    return Helpers(alike, left_out)


def _look(name: str, board: DeclaredTarget, root: Path) -> tuple[Target, WorkerFacts]:
    started = start(name, board, root)
    checked = check(kind_of(board), started)
    if checked.problems:
        raise EdgeqError("; ".join(checked.problems))
    return started, checked.facts
