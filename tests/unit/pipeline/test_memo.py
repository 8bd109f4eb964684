from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgeq.errors import EdgeqError, ModelError, StoreError
from edgeq.pipeline.memo import Memo
from tests.patience import PATIENCE_S


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
