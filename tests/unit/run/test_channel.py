"""How a process ended, in words, and what it takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeq.run.channel import KEPT_OUTPUT_BYTES, Channel, Ended, describe_end
from edgeq.run.targets import Target
from tests.patience import PATIENCE_S


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-11, "by SIGSEGV"),
        (-6, "by SIGABRT"),
        (-4, "by SIGILL"),
        (0, "with exit code 0"),
        (1, "with exit code 1"),
        (127, "with exit code 127"),
        (128, "with exit code 128"),
        (134, "with exit code 134 (SIGABRT)"),
        (255, "with exit code 255"),
    ],
)
def test_an_end_is_named(code: int, words: str) -> None:
    assert describe_end(code) == words


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_only_the_last_of_the_output_is_kept(scripted: Callable[[str], Target]) -> None:
    channel = Channel(scripted("print('a' * 60_000 + ' the end', file=sys.stderr)"), lambda _: None)
    with pytest.raises(Ended):
        channel.receive(30)
    assert channel.end() == 0
    channel.close()
    assert channel.output.endswith("a the end")
    assert len(channel.output) <= KEPT_OUTPUT_BYTES


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_what_a_worker_says_last_is_heard(scripted: Callable[[str], Target]) -> None:
    """It writes its answer and ends between a look at its pipes and the look at the process."""

    def wait_for_its_end(pid: int) -> None:
        end = time.monotonic() + PATIENCE_S
        state = Path(f"/proc/{pid}/stat")
        while state.exists() and " Z " not in state.read_text("ascii"):
            assert time.monotonic() < end
            time.sleep(0.01)

    script = "print('starting', file=sys.stderr, flush=True); time.sleep(0.3); write(kind='last')"
    channel = Channel(scripted(script), wait_for_its_end)
    try:
        assert channel.receive(PATIENCE_S).header["kind"] == "last"
    finally:
        channel.close()
