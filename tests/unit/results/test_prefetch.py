from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgeq.pipeline.execution import Executor
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Stage
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.results.judging import judge
from edgeq.results.prefetch import STAGES_FILE, prefetch
from edgeq.run.session import Session
from edgeq.run.workers import Workers
from edgeq.store.content import Store
from tests.unit.pipeline.project import case, spec, variant
from tests.unit.samples.decoders import started_decoders

GATES = {
    "size_reduction": -10,
    "top1_agreement": 0.5,
    "accuracy_drop": 1,
    "latency_ratio": 1000,
    "max_peak_memory": "4 GB",
}


@pytest.fixture(scope="module")
def fetched(project: Path) -> Run:
    run = Run(spec(project, gates=GATES, store=".prefetched"))
    prefetch(run, run.cases, workers=2)
    return run


def test_cases_find_everything_there(fetched: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [one for one in fetched.cases if not one.gate.alone]
    monkeypatch.setattr(Workers, "fresh", None)
    monkeypatch.setattr(Store, "_make", None)
    assert all(judge(one)[0].reason for one in chosen)


def test_verdicts_are_those_of_a_run_on_demand(fetched: Run, project: Path) -> None:
    other = Run(spec(project, gates=GATES, store=".on_demand"))
    for one in other.cases:
        if not one.gate.alone:
            assert judge(one) == judge(one) or judge(one)[1] is not None
            assert judge(one)[0] == judge(one)[0]


def test_what_is_measured_alone_waits_for_its_case(fetched: Run) -> None:
    for one in fetched.variants:
        assert one.known(VariantUnderTest.timed) is None
        assert one.known(VariantUnderTest.memory) is None


def test_only_what_was_selected_is_done(project: Path) -> None:
    run = Run(spec(project, gates=GATES, store=".selected"))
    prefetch(run, [case(run, "net/same/size_reduction")], workers=2)
    same, other = run.variant("net/same"), run.variant("net/other")
    assert same.known(VariantUnderTest.size) is not None
    assert other.known(VariantUnderTest.artifact) is None
    assert same.known(VariantUnderTest.agreement) is None
    assert variant(run, "same").path.exists()
    assert not (run.store.root / "answers").exists()


def test_the_stages_are_kept(fetched: Run) -> None:
    stages = msgspec.json.decode(
        (fetched.store.root / STAGES_FILE).read_bytes(), type=tuple[Stage, ...]
    )
    assert "net: baseline" in {stage.name for stage in stages}
    assert "net/same: evaluating, part 2 of 2" in {stage.name for stage in stages}


def test_nothing_selected_does_nothing(project: Path, tmp_path: Path) -> None:
    run = Run(spec(project), store=Store(tmp_path / "store"))
    assert prefetch(run, []) == ()
    assert not (tmp_path / "store").exists()


def test_short_tasks_fill_what_the_long_ones_leave(project: Path) -> None:
    run = Run(spec(project, gates=GATES, store=".one_by_one"))
    names = [stage.name for stage in prefetch(run, run.cases, workers=1)]
    long = [at for at, name in enumerate(names) if "evaluating" in name or "making" in name]
    short = [at for at, name in enumerate(names) if "looking" in name or "judging" in name]
    assert max(long) < min(short)


def test_one_worker_evaluates_all_that_a_core_does(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(spec(project, gates=GATES, store=".one_worker"))
    seen: list[Session] = []
    evaluate = Executor._evaluate

    def note(self: Executor, session: Session, *arguments: Any) -> None:
        seen.append(session)
        evaluate(self, session, *arguments)

    monkeypatch.setattr(Executor, "_evaluate", note)
    prefetch(run, run.cases, workers=1)
    assert len(seen) == 3  # the baseline, and the two variants that can be run
    assert len(set(map(id, seen))) == 1
    assert seen[0].ended


def test_one_decoder_decodes_all_that_a_core_does(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(spec(project, {"methods": ("int8",)}, gates=GATES, store=".one_decoder"))
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    started = started_decoders(monkeypatch)
    prefetch(run, run.cases, workers=1)
    assert (run.store.root / "pixels").is_dir()  # of the calibration set, beside the other's
    assert len(started) == 1
    assert started[0]._process.returncode is not None
