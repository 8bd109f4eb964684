"""A board without Python, emulated whole: the bundle for arm64 by dropbear and busybox.

It takes some minutes, so it runs if it is asked for: ``EDGEQ_BOARD=1``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeq.config.target_kinds import KINDS, Ssh
from edgeq.errors import EdgeqError, WorkerError
from edgeq.run.session import Session
from edgeq.targets import ssh, tiny
from edgeq.targets.check import beside_local, check
from edgeq.targets.parts import Supply
from tests.end_to_end.board import Board, NoBoardError, running

pytestmark = pytest.mark.skipif(
    not os.environ.get("EDGEQ_BOARD"), reason="takes some minutes: EDGEQ_BOARD is not set"
)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        try:
            with running(tmp_path_factory.mktemp("board")) as booted:
                yield booted
        except NoBoardError as error:
            pytest.skip(str(error))


def settings(board: Board, **changes: object) -> Ssh:
    given = {
        "host": "root@127.0.0.1",
        "port": board.port,
        "identity": str(board.identity),
        "config": str(board.config),
        "bundle": True,
    }
    return Ssh(**{**given, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def prepared(board: Board) -> Ssh:
    there = settings(board)
    list(ssh.prepare("board", there, Supply()))
    return there


def test_it_has_no_python_of_its_own(board: Board) -> None:
    with pytest.raises(WorkerError, match="there is no 'python3'") as caught:
        Session(ssh.start("board", settings(board, bundle=False)), timeout_s=120, memory_limit=None)
    assert "bundle = true" in str(caught.value)


def test_a_bundle_for_another_processor_is_refused(board: Board) -> None:
    with pytest.raises(EdgeqError, match="the machine there is aarch64, not x86_64"):
        list(ssh.prepare("board", settings(board, machine="x86_64"), Supply()))


def test_it_is_another_machine_with_xnnpack(prepared: Ssh) -> None:
    checked = check(KINDS.get("ssh"), ssh.start("board", prepared))
    assert checked.problems == ()
    assert checked.facts.versions["machine"] == "aarch64"
    assert [run.loaded.partitions for run in checked.runs] == [1, 1]


def test_int8_answers_are_the_same_bit_by_bit(prepared: Ssh, tmp_path: Path) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes(tiny.model("int8"))
    beside = beside_local(KINDS.get("ssh"), ssh.start("board", prepared), path)
    assert beside.sameness.differing == 0
