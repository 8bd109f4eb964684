"""How the worker starts, and which machines may stand in for another."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgeq.run.targets import WORKER, Target, differences, local_target
from tests.patience import PATIENCE_S

HERE = {"processor": "A", "ai-edge-litert": "2.3", "pillow": "12"}


def test_the_local_target_is_this_python() -> None:
    target = local_target()
    assert target.command[0] == sys.executable
    assert target.command[-1] == str(WORKER)
    assert WORKER.is_file()
    assert target.local_files


def test_neighbours_of_the_worker_shadow_nothing() -> None:
    *start, script = local_target().command
    code = f"import sys; print({str(WORKER.parent)!r} in sys.path)"
    ended = subprocess.run(
        [*start, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=WORKER.parent,
    )
    assert script == str(WORKER)
    assert ended.stdout.strip() == "False"


def test_a_target_reads_no_local_files_unless_it_says_so() -> None:
    assert not Target("board", ("ssh", "board", "python3", "worker.py")).local_files


def test_equal_facts_make_no_difference() -> None:
    assert differences(HERE, dict(HERE)) == ()


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({**HERE, "processor": "B"}, "processor: B, not A"),
        ({key: HERE[key] for key in HERE if key != "pillow"}, "pillow: none, not 12"),
        ({**HERE, "processor": ""}, "processor: none, not A"),
    ],
)
def test_each_difference_is_named(other: dict[str, str], text: str) -> None:
    assert differences(HERE, other) == (text,)
