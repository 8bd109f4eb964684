"""Models that take minutes an image say so while they run.

The worker here does not answer before the user was told that it takes long, and then is quick: no
test waits for a time of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeq.pipeline.repeating import ask_again
from edgeq.pipeline.run import Run
from edgeq.run import conversation
from edgeq.run.targets import WORKER, Target
from edgeq.store.content import Store
from tests.unit.pipeline.project import EVALUATION, spec, variant

SLOW_WORKER = """
import importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("edgeq_worker", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
class Slow(module.Model):
    def __init__(self, source, request):
        super().__init__(source, request)
        self.kernels = request["kernels"]
    def invoke(self):
        while self.kernels in sys.argv[3:] and not os.path.exists(sys.argv[2]):
            time.sleep(0.01)
        return super().invoke()
module.Model = Slow
sys.exit(module.main())
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look at a silent worker be told."""
    monkeypatch.setattr(conversation, "PATIENCE_S", 0.0)
    monkeypatch.setattr(conversation, "AGAIN_S", 0.0)


Slow = Callable[..., tuple[Run, list[str]]]


@pytest.fixture
def slow(project: Path, tmp_path: Path) -> Slow:
    """Return a maker of runs whose models wait until somebody was told, and of what was told."""

    def make(*kernels: str) -> tuple[Run, list[str]]:
        script, told = tmp_path / "slow_worker.py", tmp_path / "told"
        script.write_text(SLOW_WORKER, "utf-8")
        lines: list[str] = []

        def say(line: str) -> None:
            lines.append(line)
            if "one inference has been running" in line:
                told.touch()

        command = (sys.executable, "-P", str(script), str(WORKER), str(told), *kernels)
        target = Target("slow", command, local_files=True)
        return Run(spec(project), store=Store(tmp_path / "store"), target=target, say=say), lines

    return make


def running(lines: list[str]) -> list[str]:
    """Return the lines that say for how long an inference has been running, without the time."""
    assert all("loading the model" not in line or line.endswith("so far") for line in lines)
    return [
        line.rsplit(" for ", 1)[0]
        for line in lines
        if "; one inference has been running for " in line
    ]


def test_an_evaluation_tells_how_far_it_is(slow: Slow) -> None:
    run, lines = slow("xnnpack")
    run.baseline("net").predictions  # noqa: B018
    assert (
        running(lines)[0]
        == f"net/baseline: evaluating images, 0 of {EVALUATION}; one inference has been running"
    )


def test_timing_tells_what_it_waits_for(slow: Slow) -> None:
    run, lines = slow("xnnpack")
    run.baseline("net").memory  # noqa: B018 - it is asked first, and has a line of its own
    assert running(lines)[0] == ("net/baseline: measuring memory; one inference has been running")
    lines.clear()
    (run.store.root.parent / "told").unlink()
    variant(run, "same").timed  # noqa: B018
    assert running(lines)[0] == (
        "net/same: timing beside its baseline; one inference has been running"
    )


def test_other_kernels_tell_that_they_are_slow(slow: Slow) -> None:
    run, lines = slow("reference")
    variant(run, "same").other_kernels  # noqa: B018
    assert running(lines)[0] == (
        "net/same: comparing with reference kernels, 0 of 4; one inference has been running"
    )


def test_a_fresh_worker_tells_that_it_is_slow(slow: Slow) -> None:
    run, lines = slow("xnnpack")
    ask_again(run.baseline("net"))
    assert running(lines)[0] == (
        "net/baseline: asking a fresh worker again; one inference has been running"
    )


def test_a_worker_that_serves_another_model_tells_that_ones_name(slow: Slow) -> None:
    run, lines = slow("xnnpack")
    told = run.store.root.parent / "told"
    with run.executor.workers.kept():
        run.baseline("net").predictions  # noqa: B018
        told.unlink()
        lines.clear()
        same = variant(run, "same")
        run.executor.workers.ask(
            same.name,
            lambda session: session.infer(
                run.executor.load_into(same, session).handle,
                same.photographs.first(1),
                same.preprocessing,
            ),
        )
    assert running(lines)[0] == ("net/same: waiting for the worker; one inference has been running")
