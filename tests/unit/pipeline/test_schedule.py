"""How long a job will still take."""

from __future__ import annotations

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgeq.errors import EdgeqError, ModelError, StoreError
from edgeq.pipeline.schedule import Countdown, Memo, ProgressRelay, StoppedError, Task, carry_out
from tests.patience import PATIENCE_S


def relay(lines: list[str] | None = None) -> ProgressRelay:
    return ProgressRelay(([] if lines is None else lines).append)


def test_a_task_waits_for_those_before_it() -> None:
    done: list[str] = []
    tasks = [
        Task("last", lambda: done.append("last"), ("first", "middle")),
        Task("middle", lambda: done.append("middle"), ("first",)),
        Task("first", lambda: done.append("first")),
    ]
    stages = carry_out(tasks, relay(), workers=3)
    assert done == ["first", "middle", "last"]
    assert [stage.name for stage in stages] == done
    assert all(stage.seconds >= 0 and stage.start_s >= 0 for stage in stages)


def test_tasks_run_side_by_side() -> None:
    both = threading.Barrier(2)
    tasks = [Task(name, lambda: both.wait(PATIENCE_S)) for name in "ab"]
    carry_out(tasks, relay(), workers=2)
    assert not both.broken


def test_no_more_run_than_there_are_workers() -> None:
    guard = threading.Lock()

    def alone() -> None:
        assert guard.acquire(blocking=False)
        time.sleep(0.01)
        guard.release()

    carry_out([Task(name, alone) for name in "abcd"], relay(), workers=1)


def test_the_first_ones_come_first_where_there_is_a_choice() -> None:
    done: list[str] = []
    tasks = [Task(name, lambda name=name: done.append(name)) for name in "cab"]  # type: ignore[misc]
    carry_out(tasks, relay(), workers=1)
    assert done == ["c", "a", "b"]


def test_bad_input_is_left_to_the_case_that_asks() -> None:
    done: list[str] = []

    def fail() -> None:
        raise ModelError("damaged")

    tasks = [Task("bad", fail), Task("after", lambda: done.append("after"), ("bad",))]
    carry_out(tasks, relay(), workers=2)
    assert done == ["after"]


def test_a_bug_ends_the_schedule_and_what_still_runs() -> None:
    lines = relay()
    ended: list[bool] = []

    def work() -> None:
        try:
            for _ in range(int(PATIENCE_S / 0.01)):
                lines.say("working")
                time.sleep(0.01)
        except StoppedError:
            ended.append(True)
            raise

    def fail() -> None:
        raise ZeroDivisionError

    never: list[int] = []
    tasks = [
        Task("work", work),
        Task("bug", fail),
        Task("never", lambda: never.append(1), ("bug",)),
    ]
    with pytest.raises(ZeroDivisionError):
        carry_out(tasks, lines, workers=2)
    assert ended == [True]
    assert never == []
    assert not lines.goes_on()


def test_lines_of_other_threads_are_told_by_the_owner() -> None:
    lines: list[tuple[str, int]] = []
    told = ProgressRelay(lambda line: lines.append((line, threading.get_ident())))
    told.say("mine")
    carry_out([Task("other", lambda: told.say("theirs"))], told, workers=1)
    assert lines == [("mine", threading.get_ident()), ("theirs", threading.get_ident())]


def test_what_only_one_may_use_is_used_by_one_at_a_time() -> None:
    """Others run meanwhile, also those that come after a task that has to wait."""
    busy, most, both = [0], [0], threading.Barrier(2, timeout=PATIENCE_S)

    def on_the_board() -> None:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        both.wait()
        busy[0] -= 1

    tasks = [Task(f"board {number}", on_the_board, uses="board") for number in range(3)]
    tasks += [Task(f"here {number}", both.wait) for number in range(3)]
    stages = carry_out(tasks, ProgressRelay(lambda _: None), workers=2)
    assert len(stages) == len(tasks)
    assert most[0] == 1


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("used", "done", "text"),
    [
        (4.9, 50, "50 of 100"),
        (10, 0, "0 of 100"),
        (10, 50, "50 of 100, about 10 s left"),
        (10, 10, "10 of 100, about 90 s left"),
        (60, 10, "10 of 100, about 9 min left"),
        (3600, 10, "10 of 100, about 9.0 h left"),
        (3600, 100, "100 of 100"),
    ],
)
def test_the_rest_follows_from_the_pace(used: float, done: int, text: str) -> None:
    clock = Clock()
    countdown = Countdown(100, clock)
    clock.now += used
    assert countdown.text(done) == text


def test_a_part_of_minutes_foretells_the_rest_from_the_first_on() -> None:
    clock = Clock()
    countdown = Countdown(20, clock)
    clock.now += 90
    assert countdown.text(0) == "0 of 20"
    clock.now += 30
    assert countdown.text(1) == "1 of 20, about 38 min left"
    clock.now += 60  # in the middle of the second: the pace is that of the first
    assert countdown.text(1) == "1 of 20, about 37 min left"
    clock.now += 600  # the second takes longer than the first
    assert countdown.text(1) == "1 of 20, about 36 min left"


def test_a_last_part_that_takes_too_long_has_no_end_in_sight() -> None:
    clock = Clock()
    countdown = Countdown(2, clock)
    clock.now += 60
    assert countdown.text(1) == "1 of 2, about 60 s left"
    clock.now += 61
    assert countdown.text(1) == "1 of 2"


def test_what_other_machines_do_takes_no_core_here() -> None:
    meeting = threading.Barrier(3, timeout=60)
    tasks = [Task(f"far {at}", meeting.wait, elsewhere=True) for at in range(2)]
    stages = carry_out([*tasks, Task("here", meeting.wait)], relay(), workers=1)
    assert len(stages) == 3


def test_a_thing_is_made_once_per_key() -> None:
    once: Memo[str, list[int]] = Memo()
    first = once.get("a", lambda: [1])
    assert once.get("a", lambda: [2]) is first
    assert once.get("b", lambda: [2]) == [2]
    assert once.done("a") is first
    assert once.done("c") is None
    assert once.error("a") is None


def test_nothing_is_a_result_too() -> None:
    once: Memo[str, None] = Memo()
    calls: list[int] = []
    for _ in range(2):
        once.get("a", lambda: calls.append(1))
    assert calls == [1]


def test_an_error_is_kept_and_raised_again() -> None:
    once: Memo[str, int] = Memo()
    error, calls = ModelError("crashed"), []

    def fail() -> int:
        calls.append(1)
        raise error

    for _ in range(2):
        with pytest.raises(ModelError) as caught:
            once.get("a", fail)
        assert caught.value is error
    assert calls == [1]
    assert once.error("a") is error
    assert once.done("a") is None


def test_a_full_disk_is_not_the_fault_of_what_is_made() -> None:
    once: Memo[str, int] = Memo()

    def fail() -> int:
        raise OSError(
            errno.ENOSPC, os.strerror(errno.ENOSPC), "sound.tflite", None, "/scratch/x.tflite"
        )

    with pytest.raises(StoreError, match=r"^/scratch: can't be written: No space left.*TMPDIR"):
        once.get("a", fail)


def test_a_bug_or_an_interruption_is_not_kept() -> None:
    once: Memo[str, int] = Memo()

    def interrupt() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        once.get("a", interrupt)
    assert once.get("a", lambda: 1) == 1


def test_threads_wait_for_the_one_that_makes_it() -> None:
    once: Memo[str, int] = Memo()
    started, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def make() -> int:
        calls.append(1)
        started.set()
        assert go_on.wait(PATIENCE_S)
        return 7

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(once.get, "a", make)
        assert started.wait(PATIENCE_S)
        second = pool.submit(once.get, "a", lambda: 8)
        assert once.get("b", lambda: 9) == 9  # another key waits for nobody
        go_on.set()
        assert first.result() == second.result() == 7
    assert calls == [1]


def test_an_error_of_a_run_that_is_stopped_is_not_kept() -> None:
    once: Memo[str, int] = Memo(lambda: False)

    def fail() -> int:
        raise ModelError("killed")

    with pytest.raises(ModelError):
        once.get("a", fail)
    assert once.error("a") is None


def test_an_error_that_is_known_beforehand_keeps_from_making() -> None:
    once: Memo[str, int] = Memo()
    made = once.get("made", lambda: 1)
    for key in ("made", "refused"):
        once.fail(key, EdgeqError("refused"))
    assert once.get("made", lambda: 2) == made
    with pytest.raises(EdgeqError, match="refused"):
        once.get("refused", lambda: 3)
