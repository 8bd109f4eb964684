"""Kills (``-9``) while a package, an accepted record or history is written: nothing is lost.

``python -m benchmarks.robustness.never_lost --count 200``: a project is run twice, so that there
are two records. Then, again and again, ``edgeq bundle``, ``edgeq accept`` or the keeping of a run
in history is started with one of them and killed after a random part of the time that it takes.
After each kill the package and its zip verify and are those of one record, every accepted record
reads and is what it was or what was being accepted, and of history no run is missing but the oldest
beyond its number. Exit code 1 if something is lost or damaged.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.robustness import kills, reports_race
from edgeq.bundle.check import check
from edgeq.errors import EdgeqError
from edgeq.history import accepted, past
from edgeq.io.files import sha256_file
from edgeq.record import structs as records
from tests.plugin.projects import to_toml

KEPT = 5
"""Runs of history."""
KEEPS = f"""
import sys, time
from pathlib import Path
from edgeq.history.past import keep, past_run
from edgeq.record.structs import read
import msgspec
record = read(Path(sys.argv[1]))
for number in range(40):
    now = f"2030-01-01T00:00:{{number % 60:02}}+00:00"
    keep(past_run(msgspec.structs.replace(record, started=now)), Path(sys.argv[2]), max_runs={KEPT})
"""
CLI = (sys.executable, "-m", "edgeq.cli")


@dataclass(frozen=True)
class Work:
    """Something that writes what must not be lost.

    Attributes:
        command: Starts it, from the record's file.
        problems: What is lost or damaged afterwards, from what was there before.
        state: What is there.
    """

    command: Callable[[str], tuple[str, ...]]
    problems: Callable[[Path, object], list[str]]
    state: Callable[[Path], object]


def build(folder: Path) -> None:
    """Write the project, run it twice, and keep both records; write everything once."""
    kills.build(folder)
    (folder / "edgeq.toml").write_text(to_toml(reports_race.GOOD), "utf-8")
    for name in ("one", "other"):
        kills.run(folder, name)
        shutil.copy(folder / "reports" / "latest" / "run.json", folder / f"{name}.json")
    for name in ("one", "other"):
        end(folder, WORKS["bundle"].command(f"{name}.json"))
        shutil.copytree(folder / "reports" / "bundle", folder / f"bundle-{name}")
        shutil.copy(folder / "reports" / "bundle.zip", folder / f"{name}.zip")
    for work in ("accept", "history"):
        end(folder, WORKS[work].command("one.json"))


def end(folder: Path, command: tuple[str, ...], kill_after_s: float | None = None) -> float:
    """Run a command to its end, or kill it; return its seconds.

    Raises:
        RuntimeError: It fails by itself.
    """
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=kills.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = process.communicate(timeout=kill_after_s)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[0]
    if process.returncode not in {0, -signal.SIGKILL}:
        raise RuntimeError(f"{command} ended with {process.returncode}: {said[-500:]}")
    return time.monotonic() - start


def _package_problems(folder: Path, _: object) -> list[str]:
    wrong = []
    for path, kinds in (
        (folder / "reports" / "bundle", ("bundle-one", "bundle-other")),
        (folder / "reports" / "bundle.zip", ("one.zip", "other.zip")),
    ):
        try:
            check(path)
        except EdgeqError as error:
            wrong.append(f"the package is lost or damaged: {error}")
            continue
        if _content(path) not in [_content(folder / kind) for kind in kinds]:
            wrong.append(f"{path.name} is of neither record")
    return wrong


def _content(path: Path) -> object:
    if path.is_file():
        return sha256_file(path)
    files = sorted(one for one in path.rglob("*") if one.is_file())
    return [(one.relative_to(path).as_posix(), sha256_file(one)) for one in files]


def _accepted(folder: Path) -> object:
    return [path.read_bytes() for path in _accepted_files(folder)]


def _accepted_files(folder: Path) -> list[Path]:
    return sorted((folder / "reports" / accepted.FOLDER).glob("*.json"))


def _acceptance_problems(folder: Path, before: object) -> list[str]:
    starts = {records.read(folder / f"{name}.json").started for name in ("one", "other")}
    try:
        known = accepted.read_all(folder / "reports" / accepted.FOLDER)
    except EdgeqError as error:
        return [f"an accepted record is damaged: {error}"]
    if not known:
        return ["the accepted record is lost"]
    if _accepted(folder) == before:
        return []
    last = known[0].acceptances[max(known[0].acceptances, key=int)]
    return [] if last.run in starts else ["what is accepted is of neither record"]


def _runs(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "reports" / past.FOLDER).glob("*.json"))


def _history_problems(folder: Path, _: object) -> list[str]:
    history = past.read_all(folder / "reports" / past.FOLDER)
    wrong = [f"history is damaged: {why}" for why in history.damaged]
    if len(history.runs) < KEPT:
        wrong.append(f"history has {len(history.runs)} runs, of {KEPT}")
    numbers = [int(name.split("-")[1]) for name in _runs(folder)]
    if len(numbers) > KEPT + 1:
        wrong.append(f"history has {len(numbers)} runs")
    if sorted(numbers) != list(range(min(numbers), min(numbers) + len(numbers))):
        wrong.append(f"a run between others is lost: {sorted(numbers)}")
    return wrong


WORKS = {
    "bundle": Work(
        lambda record: (*CLI, "bundle", "--unproven", "--record", record),
        _package_problems,
        lambda _: None,
    ),
    "accept": Work(
        lambda record: (*CLI, "accept", "--reason", "measured again", "--record", record),
        _acceptance_problems,
        _accepted,
    ),
    "history": Work(
        lambda record: (sys.executable, "-c", KEEPS, record, f"reports/{past.FOLDER}"),
        _history_problems,
        lambda _: None,
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What killing came to.

    Attributes:
        wrong: What was lost or damaged, one line each.
        killed: Kills by what was killed; the others had ended before.
        left: Unfinished files and folders that lie about in the end.
    """

    wrong: tuple[str, ...]
    killed: Counter[str]
    left: int


def torture(folder: Path, *, count: int) -> Outcome:
    """Kill what writes, again and again, and look at what it leaves.

    Args:
        folder: An empty folder for the project.
        count: Kills.
    """
    draw = random.Random(1)  # noqa: S311
    build(folder)
    usual = {name: end(folder, work.command("one.json")) for name, work in WORKS.items()}
    wrong: list[str] = []
    killed: Counter[str] = Counter()
    attempt = 0
    while sum(killed.values()) < count:
        attempt += 1
        name = tuple(WORKS)[attempt % len(WORKS)]
        work, record = WORKS[name], ("one.json", "other.json")[attempt // len(WORKS) % 2]
        before = work.state(folder)
        limit = draw.uniform(0.3, 1.1) * usual[name]
        seconds = end(folder, work.command(record), limit)
        if seconds < limit:  # it had ended
            usual[name] = 0.5 * usual[name] + 0.5 * seconds
        else:
            killed[name] += 1
        wrong += [f"{name} {attempt}: {one}" for one in work.problems(folder, before)]
    for name, work in WORKS.items():
        end(folder, work.command("one.json"))
        wrong += [f"{name} in the end: {one}" for one in work.problems(folder, None)]
    left = [path for path in (folder / "reports").rglob(".*") if path.name != ".gitignore"]
    return Outcome(tuple(wrong), killed, len(left))


def main() -> int:
    """Print the table; 1 if something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=f"edgeq never lost {os.getpid()} ") as name:
        outcome = torture(Path(name), count=arguments.count)
    for line in outcome.wrong[:20]:
        print(f"FAULT {line}")
    print("| killed while it writes | kills | lost or damaged |\n|---|---|---|")
    for name, number in outcome.killed.items():
        faults = sum(line.startswith(name) for line in outcome.wrong)
        print(f"| {name} | {number} | {faults} |")
    print(f"{outcome.left} unfinished files or folders in the end, at most a minute old")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
