"""The loop that times while a verdict is open, with scripted batches and a scripted clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edgeq.config.structs import Latency, Preprocessing
from edgeq.judge.costs import latency_ratio, max_latency_ms
from edgeq.judge.verdict import Verdict
from edgeq.measure import latency as measured
from edgeq.measure.planning import LOOKS, look_confidence
from edgeq.pipeline import timing
from edgeq.pipeline.timing import Question, TimedPair, joined, time_pair
from edgeq.run.results import Feed, Timed
from edgeq.run.session import Session
from tests.unit.targets.kinds import far
from tests.unit.tiny_model import classifier

ROUND_S = 0.020
BLOCK = 4


@dataclass
class Machine:
    """Times two models whose ratio is known, and a clock that only they move."""

    ratio: float = 1.0
    noise: float = 0.02
    seed: int = 0
    block: int = BLOCK
    now: float = 0.0
    asked: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def clock(self) -> float:
        return self.now

    def batch(self, rounds: int, budget_s: float) -> Timed:
        self.asked.append((rounds, budget_s))
        done = min(rounds, max(self.block, int(budget_s / ROUND_S) // self.block * self.block))
        self.now += done * ROUND_S
        blocks = np.arange(done) // self.block
        shared = self.random.lognormal(0, self.noise, (2, blocks[-1] + 1))[:, blocks]
        own = self.random.lognormal(0, self.noise, (2, done))
        times = np.array([[0.010], [0.010 * self.ratio]]) * shared * own
        number = float(len(self.asked))
        return Timed((0.02, 0.03), (times[0], times[1]), blocks, rounds, (number, number + 0.5))


def open_while(limits: Mapping[str, float]) -> list[Callable[[measured.Latency], bool]]:
    """Return what is open while a limit on latency is INCONCLUSIVE."""
    judges = {"latency_ratio": latency_ratio, "max_latency_ms": max_latency_ms}

    def is_open(name: str, found: measured.Latency) -> bool:
        return judges[name](found, limits[name]).status is Verdict.INCONCLUSIVE

    return [partial(is_open, name) for name in judges if name in limits]


def timed(
    machine: Machine, limits: Mapping[str, float], *, rounds: int = 64, budget_s: float = 60.0
) -> TimedPair:
    how = Latency(rounds=rounds, block=machine.block, budget_s=budget_s)
    question = Question(open_while(limits), 0.95, (0.1, 0.1), cores=2)
    return time_pair(machine.batch, how, question, clock=machine.clock)


@pytest.mark.parametrize(
    ("ratio", "status"), [(1.0, Verdict.PASS), (1.5, Verdict.FAIL)], ids=["pass", "fail"]
)
def test_what_the_first_look_decides_takes_one_batch(ratio: float, status: Verdict) -> None:
    machine = Machine(ratio)
    pair = timed(machine, {"latency_ratio": 1.2})
    judged = latency_ratio(pair.latency, 1.2)
    assert judged.status is status
    assert machine.asked == [(64, 60.0)]
    assert judged.evidence["looks"] == 1
    assert judged.evidence["used_s"] == pytest.approx(64 * ROUND_S)


def test_more_rounds_while_undecided() -> None:
    machine = Machine(1.19)
    pair = timed(machine, {"latency_ratio": 1.2})
    judged = latency_ratio(pair.latency, 1.2)
    assert judged.status is Verdict.PASS
    looks = judged.evidence["looks"]
    assert isinstance(looks, int)
    assert 1 < looks <= LOOKS
    assert [rounds for rounds, _ in machine.asked] == [64, *(64 << n for n in range(looks - 1))]
    assert judged.evidence["rounds"] == len(pair.timed.blocks) == 64 << (looks - 1)
    assert machine.asked[1][1] == pytest.approx(60 - 64 * ROUND_S)


def test_every_limit_on_latency_keeps_the_rounds_coming() -> None:
    limits = {"latency_ratio": 5.0, "max_latency_ms": 10.02, "max_bytes": 1.0}
    machine = Machine()
    pair = timed(machine, limits)
    assert len(machine.asked) > 1
    assert max_latency_ms(pair.latency, 10.02).status is not Verdict.FAIL
    assert latency_ratio(pair.latency, 5.0).status is Verdict.PASS


def test_what_the_budget_leaves_open_is_inconclusive() -> None:
    machine = Machine()
    pair = timed(machine, {"latency_ratio": 1.0}, budget_s=10.0)
    judged = latency_ratio(pair.latency, 1.0)
    assert judged.status is Verdict.INCONCLUSIVE
    assert judged.evidence["used_s"] == pytest.approx(10.0)
    assert judged.evidence["budget_s"] == 10.0
    assert sum(rounds for rounds, _ in machine.asked) == pair.timed.rounds_asked
    assert len(pair.timed.blocks) == 10.0 / ROUND_S
    assert "`latency.budget_s`" in str(judged.next_step)


def test_looks_end_too() -> None:
    machine = Machine(noise=0.05)
    pair = timed(machine, {"latency_ratio": 1.0}, rounds=16, budget_s=1e6)
    judged = latency_ratio(pair.latency, 1.0)
    assert judged.status is Verdict.INCONCLUSIVE
    assert judged.evidence["looks"] == LOOKS == len(machine.asked)
    assert "`latency.rounds`" in str(judged.next_step)


def test_without_a_limit_one_batch_at_the_full_error() -> None:
    machine = Machine()
    pair = timed(machine, {"max_bytes": 1.0})
    assert len(machine.asked) == 1
    assert pair.latency.confidence == pytest.approx(0.95)


def test_the_interval_is_that_of_one_look_of_several() -> None:
    pair = timed(Machine(), {"latency_ratio": 2.0})
    evidence = latency_ratio(pair.latency, 2.0).evidence
    assert evidence["confidence"] == 0.95
    assert evidence["interval_confidence"] == pytest.approx(look_confidence(0.95))


def test_batches_are_joined_in_order() -> None:
    machine = Machine()
    first, second = machine.batch(8, 60), machine.batch(8, 60)
    both = joined(first, second)
    assert both.blocks.tolist() == np.repeat(range(4), BLOCK).tolist()
    assert both.samples[1].tolist() == [*first.samples[1], *second.samples[1]]
    assert both.load_average == (1.0, 2.5)
    assert both.rounds_asked == 16


def verdicts_of_copies(trials: int) -> Counter[Verdict]:
    """Judge copies of the baseline by a limit of 1, where a false verdict is likeliest."""
    found: Counter[Verdict] = Counter()
    for seed in range(trials):
        pair = timed(Machine(seed=seed, block=1), {"latency_ratio": 1.0}, rounds=12, budget_s=1.92)
        assert len(pair.timed.blocks) <= 96
        found[latency_ratio(pair.latency, 1.0).status] += 1
    return found


def test_looking_again_does_not_raise_the_share_of_false_verdicts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trials = 120
    found = verdicts_of_copies(trials)
    assert found[Verdict.FAIL] / trials <= 0.025
    assert found[Verdict.FAIL] + found[Verdict.PASS] <= 0.05 * trials
    monkeypatch.setattr(timing, "look_confidence", lambda confidence, _: confidence)
    careless = verdicts_of_copies(trials)
    false_verdicts = careless[Verdict.FAIL] + careless[Verdict.PASS]
    assert false_verdicts > max(0.05 * trials, found[Verdict.FAIL] + found[Verdict.PASS])


def test_another_machine_is_warmed_up_and_its_state_noted(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier())
    with Session(far("board"), timeout_s=60, memory_limit=None) as session:
        loaded = session.load(path, threads=1, kernels="xnnpack")
        feed = Feed(loaded.handle, np.zeros((1, 4, 4, 3), np.uint8), Preprocessing())
        board = timing._warmed_up(session, [feed, feed], Latency(budget_s=4.0))()
        assert board.governor == session.facts.governor
    assert 0 < board.warmup_s < 10
    assert len(board.celsius) == len(board.clock_mhz) == 2
