from __future__ import annotations

import os
import threading

from edgeq.processes.pool import Idle, resident_bytes


def test_what_waits_is_taken_by_its_kind_once() -> None:
    ended: list[str] = []
    idle: Idle[str] = Idle(ended.append)
    with idle.kept():
        idle.add("a", "first")
        idle.add("b", "second")
        assert idle.take("c") is None
        assert idle.take("b") == "second"
        assert idle.take("b") is None
        assert ended == []
    assert ended == ["first"]
    assert idle.take("a") is None


def test_without_a_keeper_nothing_waits() -> None:
    ended: list[str] = []
    idle: Idle[str] = Idle(ended.append)
    idle.add("a", "one")
    assert ended == ["one"]


def test_the_last_of_several_keepers_ends_what_waits() -> None:
    ended: list[str] = []
    idle: Idle[str] = Idle(ended.append)
    with idle.kept():
        with idle.kept():
            idle.add("a", "one")
        assert ended == []
        idle.end_all()
        assert ended == ["one"]
        idle.add("a", "two")
    assert ended == ["one", "two"]


def test_one_is_taken_by_one_thread_alone() -> None:
    idle: Idle[int] = Idle(lambda _: None)
    taken: list[int] = []

    def take() -> None:
        while (one := idle.take("a")) is not None:
            taken.append(one)

    with idle.kept():
        for number in range(200):
            idle.add("a", number)
        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(taken) == list(range(200))


def test_resident_memory_of_a_process_and_of_none() -> None:
    assert resident_bytes(os.getpid()) > 1_000_000
    assert resident_bytes(2**31 - 1) == 0
