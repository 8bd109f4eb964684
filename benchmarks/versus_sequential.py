"""The gate beside what a user would do without it, on EfficientNetV2-B0, alternately in one run.

Run ``EDGEQ_DATA=FOLDER python -m benchmarks.versus_sequential``. The other program is
``sequential.py``. Both run in fresh processes with an
empty store, ``edgeq gate`` with ``-m "not latency"`` and without limits on memory, because the
sequential program measures neither. With the engine ``tensorflow`` both must find the same
agreement; the exit code is 1 where they don't.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.processes import Cost, load_note, measure
from edgeq.config.presets import data_folder
from edgeq.pipeline.schedule import Stage
from edgeq.results.prefetch import STAGES_FILE
from edgeq.results.recording import this_machine

MODEL = "efficientnetv2-b0"
METHODS = ("dynamic_range", "float16", "int8", "int8_float_io")
GATE_NAME = "edgeq"
PROGRAM = Path(__file__).with_name("sequential.py")
GATE = (sys.executable, "-m", "edgeq.cli", "gate", "-m", "not latency")


@dataclass(frozen=True)
class Measured:
    """One run of one program.

    Attributes:
        name: Of the program.
        cost: What it cost.
        stages: Seconds by stage, as the program tells them; edgeq's run side by side, so they add
            up to more than the run took.
        agreement: Share of images with the float model's class, by method.
    """

    name: str
    cost: Cost
    stages: dict[str, float]
    agreement: dict[str, float]


def sequential(folder: Path, arguments: argparse.Namespace) -> Measured:
    """Run the sequential program."""
    output = folder / "sequential.json"
    command = [sys.executable, str(PROGRAM), "--data", str(data_folder()), "--output", str(output)]
    command += ["--calibration", str(arguments.calibration)]
    command += ["--evaluation", str(arguments.evaluation), "--methods", *METHODS]
    cost = _run(command, folder)
    told = json.loads(output.read_text("utf-8"))
    return Measured("sequential", cost, told["stages"], told["agreement"])


def gate(folder: Path, arguments: argparse.Namespace, *, name: str = GATE_NAME) -> Measured:
    """Run the gate; a second run in the same folder is a warm one."""
    source = f"'{arguments.tflite.resolve()}'" if arguments.tflite else "'keras:EfficientNetV2B0'"
    preset = "preprocessing = 'keras-0-255'\nlabels = 'imagenet'\n" if arguments.tflite else ""
    (folder / "edgeq.toml").write_text(
        f"methods = {list(METHODS)}\nengine = '{arguments.engine}'\n"
        f"[models.{MODEL}]\nsource = {source}\n{preset}"
        "[images]\ncalibration = 'data:imagenet'\nevaluation = 'data:imagenet'\n"
        f"max_calibration = {arguments.calibration}\nmax_evaluation = {arguments.evaluation}\n",
        "utf-8",
    )
    cost = _run(GATE, folder)
    record = json.loads((folder / "reports" / "latest" / "run.json").read_text("utf-8"))
    agreement = {
        case["method"]: case["value"]
        for case in record["cases"]
        if case["gate"] == "top1_agreement"
    }
    found = {} if name != GATE_NAME else by_kind(stages(folder))
    return Measured(name, cost, found, agreement)


def stages(folder: Path) -> tuple[Stage, ...]:
    """Return the tasks of the gate's last run in a folder."""
    return msgspec.json.decode(
        (folder / ".edgeq" / STAGES_FILE).read_bytes(), type=tuple[Stage, ...]
    )


def by_kind(tasks: Iterable[Stage]) -> dict[str, float]:
    """Return the seconds that the tasks of each kind took."""
    found: dict[str, float] = {}
    for task in tasks:
        found[kind_of(task)] = found.get(kind_of(task), 0.0) + task.seconds
    return found


def kind_of(task: Stage) -> str:
    """Return what kind of task it is."""
    name, _, kind = task.name.partition(": ")
    return kind.partition(",")[0] or name


def _run(command: list[str] | tuple[str, ...], folder: Path) -> Cost:
    cost = measure(command, folder)
    if cost.code not in (0, 1):  # 1: a verdict is FAIL, as it may be
        sys.exit(f"{' '.join(command)} ended with {cost.code}:\n{cost.output[-2000:]}")
    return cost


def told(one: Measured) -> str:
    """Return a run in one line."""
    cost = one.cost
    agreement = ", ".join(f"{name} {value:.3f}" for name, value in one.agreement.items())
    return (
        f"{one.name}: {cost.seconds:.1f} s, processor {cost.cpu_s:.1f} s, "
        f"peak {cost.peak_pss / 1e6:,.0f} MB; agreement: {agreement}"
    )


def ratios(name: str, first: list[Measured], second: list[Measured]) -> str:
    """Return how much less the second took, run by run and in the middle."""
    each = [a.cost.seconds / b.cost.seconds for a, b in zip(first, second, strict=True)]
    shown = ", ".join(f"{one:.2f}" for one in each)
    return f"{name}: {statistics.median(each):.2f} times faster ({shown})"


def options(parser: argparse.ArgumentParser) -> None:
    """Add what decides about the gate's run."""
    parser.add_argument("--tflite", type=Path, help="start edgeq from this float file, not Keras")
    parser.add_argument("--engine", choices=("litert", "tensorflow"), default="litert")
    parser.add_argument("--calibration", type=int, default=100)
    parser.add_argument("--evaluation", type=int, default=500)


def main() -> int:
    """Measure and print; 1 where both should agree and don't."""
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--warm", action="store_true", help="run the gate a second time, too")
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    if data_folder() is None:
        sys.exit("EDGEQ_DATA names no folder: weights and photographs are needed")
    machine = this_machine()
    print(f"{machine.processor}, {machine.cores} cores; {load_note()}")
    found: dict[str, list[Measured]] = {}
    for turn in range(arguments.repeat):
        with tempfile.TemporaryDirectory() as place:
            programs = (sequential, gate)
            runs = [program(Path(place), arguments) for program in programs[:: 1 - turn % 2 * 2]]
            if arguments.warm:
                runs.append(gate(Path(place), arguments, name=f"{GATE_NAME}, warm"))
        for one in runs:
            print(told(one), flush=True)
            for stage, seconds in one.stages.items():
                print(f"    {stage}: {seconds:.1f} s")
            found.setdefault(one.name, []).append(one)
    for name, measured_ in found.items():
        if name != "sequential":
            print(ratios(name, found["sequential"], measured_))
    if arguments.engine != "tensorflow":
        return 0
    wanted = found["sequential"][0].agreement
    same = all(one.agreement == wanted for runs in found.values() for one in runs)
    print("The same agreement in every run" if same else "The agreement differs")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
