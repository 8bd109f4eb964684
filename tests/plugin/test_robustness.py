"""Short versions of the scripts in benchmarks/robustness that run pytest, with the same rules."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.robustness import (
    disk,
    kills,
    memory,
    never_lost,
    repeat,
    reports_race,
    store_race,
)
from edgeq.record.structs import RunRecord

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[repeat.Ran, Path]:
    """A run, and the folder that its own is in."""
    folder = tmp_path_factory.mktemp("ways")
    return repeat.run(repeat.build(folder / "first")), folder


@pytest.mark.parametrize("way", [repeat.again, repeat.stopped, repeat.fresh_shuffled])
def test_a_repeated_run_says_the_same(first: tuple[repeat.Ran, Path], way: repeat.Way) -> None:
    assert way(*first) == []


def test_two_runs_at_once_on_one_store_say_the_same(first: tuple[repeat.Ran, Path]) -> None:
    assert repeat.at_once(*first) == []


def test_what_differs_is_found(first: tuple[repeat.Ran, Path]) -> None:
    ran, _ = first
    assert any(one["status"] == "FAIL" and one["method"] == "crash" for one in ran.record["cases"])
    other = repeat.Ran(0, {**ran.record, "edgeq": "0"}, {**ran.made, "variants/a": "b"})
    found = repeat.compared(ran, other)
    assert [line.partition(":")[0] for line in found[1:]] == ["/edgeq", "store/variants/a"]
    assert found[0].startswith("exit code 0")


@linux
def test_a_run_that_is_killed_leaves_nothing_that_harms(tmp_path: Path) -> None:
    wrong, checks = kills.torture(tmp_path, count=4, check=4)
    assert wrong == []
    assert checks == 1


def test_processes_on_one_empty_store_make_every_entry_once(tmp_path: Path) -> None:
    assert store_race.race(tmp_path, 4) is None


@pytest.mark.parametrize(
    ("place", "options"), [(".edgeq", "size=40k"), (".edgeq", "ro"), ("reports", "size=16k")]
)
def test_a_disk_that_takes_no_more_is_named_and_blames_no_variant(
    tmp_path: Path, place: str, options: str
) -> None:
    if not disk.can_mount():
        pytest.skip("a process may not mount a file system of its own here")
    assert disk.problems(tmp_path, place, options) == []


@linux
def test_memory_of_a_run_and_of_a_greedy_variant(tmp_path: Path) -> None:
    memory.build(tmp_path, 12, 9_000_000_000)
    code, record, peak = memory.run(tmp_path)
    assert memory.greedy_problems(code, record) == []
    assert peak < memory.MAX_BYTES
    assert memory.greedy_problems(0, without_greedy(record)) != []


def without_greedy(record: RunRecord) -> RunRecord:
    """Return a record as if its greedy variant had not been looked at."""
    left = tuple(case for case in record.cases if case.variant != "greedy")
    return msgspec.structs.replace(record, cases=left)


def test_two_gates_in_one_folder_leave_the_reports_of_one(tmp_path: Path) -> None:
    reports_race.build(tmp_path)
    assert reports_race.race(tmp_path) == []


@linux
def test_what_a_kill_interrupts_is_not_lost(tmp_path: Path) -> None:
    outcome = never_lost.torture(tmp_path, count=6)
    assert outcome.wrong == ()
    assert sum(outcome.killed.values()) == 6
