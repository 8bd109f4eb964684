from __future__ import annotations

from typing import Any

import pytest

from edgeq.judge.elsewhere import Arithmetic, figure, max_arena, placement, same_as_local
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.beside_here import BesideHere, KernelNoise
from edgeq.targets.findings import Findings


def noise(apart: float, own: float = 0.1, nonfinite: int = 0) -> KernelNoise:
    return KernelNoise(
        images=20,
        noise=apart,
        worst_noise=apart,
        own_error=own,
        other_error=own,
        differing=0,
        nonfinite=nonfinite,
    )


def beside(**changes: Any) -> BesideHere:
    known = {
        "images": 20,
        "values": 20_000,
        "differing": 0,
        "beyond": 0,
        "largest": 0.0,
        "in_steps": True,
        "live": 300,
        "moved": 0,
        "moved_interval": (0.0, 0.16),
        "noise": noise(0.001),
    }
    return BesideHere(**{**known, **changes})


def judged(
    measured: BesideHere,
    arithmetic: Arithmetic = "integer",
    limit: float = 0.0,
    baseline: BesideHere | None = None,
) -> Judgement:
    there = beside(noise=None) if baseline is None else baseline
    return same_as_local(measured, there, limit, arithmetic=arithmetic, target="pi")


@pytest.mark.parametrize(
    ("measured", "arithmetic", "status"),
    [
        (beside(), "integer", Verdict.PASS),
        # EfficientNet-Lite0 on the emulated Cortex-A76: an honest file.
        (beside(differing=3, largest=1.0), "integer", Verdict.PASS),
        (beside(differing=9, largest=1.0), "integer", Verdict.PASS),
        (beside(differing=10, largest=1.0), "integer", Verdict.INCONCLUSIVE),
        (beside(differing=1, largest=1.0, live=2), "integer", Verdict.PASS),
        (beside(differing=2, largest=1.0, live=2), "integer", Verdict.INCONCLUSIVE),
        (beside(differing=3, beyond=1, largest=2.0), "integer", Verdict.INCONCLUSIVE),
        # EfficientNetV2-B0 there, on 100 photographs: ties in a mean and in the softmax.
        (beside(values=100_000, live=1248, differing=18, beyond=5, largest=4.0, unlike=True),
         "integer", Verdict.PASS),
        (beside(values=100_000, live=1248, differing=18, beyond=5, largest=4.0),
         "integer", Verdict.INCONCLUSIVE),
        (beside(differing=8, beyond=2, largest=2.0, unlike=True), "integer", Verdict.PASS),
        (beside(differing=8, beyond=3, largest=2.0, unlike=True), "integer",
         Verdict.INCONCLUSIVE),
        # A middle convolution that rounds a quarter of a step too low: 40 photographs.
        (beside(values=40_000, live=500, differing=140, beyond=49, largest=13.0, unlike=True),
         "integer", Verdict.INCONCLUSIVE),
        (beside(differing=9_000, beyond=0, largest=3e-6, in_steps=False), "float", Verdict.PASS),
        (beside(differing=9_000, beyond=9, largest=1e-3, in_steps=False), "float",
         Verdict.INCONCLUSIVE),
        (beside(differing=9_000, beyond=9_000, in_steps=False, noise=noise(0.5)), "float",
         Verdict.FAIL),
        (beside(differing=9_000, beyond=9_000, noise=noise(0.3)), "integer", Verdict.FAIL),
        (beside(differing=3, beyond=3, unlike=True, noise=noise(0.3)), "integer", Verdict.FAIL),
        (beside(differing=1, beyond=1, unlike=True, in_steps=False), "float",
         Verdict.INCONCLUSIVE),
        (beside(differing=1, beyond=1, noise=noise(0.0, nonfinite=1)), "integer", Verdict.FAIL),
        (beside(differing=9_000, beyond=9_000, in_steps=False, moved_interval=(0.0, 0.04)),
         "dynamic", Verdict.PASS),
        (beside(differing=9_000, beyond=9_000, in_steps=False), "dynamic", Verdict.INCONCLUSIVE),
        (beside(differing=9_000, beyond=9_000, in_steps=False, moved=None, moved_interval=None),
         "dynamic", Verdict.PASS),
    ],
)  # fmt: skip
def test_what_rounding_and_quantization_explain_is_no_failure(
    measured: BesideHere, arithmetic: Arithmetic, status: Verdict
) -> None:
    limit = 0.05 if arithmetic == "dynamic" else 0.0
    found = judged(measured, arithmetic, limit)
    assert found.status is status, found
    assert (found.next_step is None) is (status is Verdict.PASS)


def test_what_grows_from_ties_is_told() -> None:
    grown = judged(beside(differing=8, beyond=2, largest=2.0, unlike=True))
    assert grown.value == 0
    assert grown.reason.endswith("2 steps at most, as ties do that another architecture rounds "
                                 "otherwise")  # fmt: skip
    assert "ties" not in judged(beside(differing=8, largest=1.0, unlike=True)).reason
    many = judged(beside(differing=80, beyond=2, largest=2.0, unlike=True))
    assert "ties" not in many.reason
    assert many.value == pytest.approx(80 / 20_000)


def test_a_limit_allows_kernels_of_another_kind() -> None:
    measured = beside(differing=60, beyond=40, largest=6.0)
    assert judged(measured, limit=0.01).status is Verdict.PASS
    assert judged(measured).value == pytest.approx(60 / 20_000)


def test_a_baseline_that_says_something_else_there_decides() -> None:
    moved = beside(noise=None, differing=10, moved=9, moved_interval=(0.2, 0.7))
    found = judged(beside(), baseline=moved)
    assert found.status is Verdict.FAIL
    assert "the baseline itself gives 9 samples another class there" in found.reason
    tie = beside(noise=None, differing=10, moved=1, moved_interval=(0.001, 0.25))
    assert judged(beside(), baseline=tie).status is Verdict.INCONCLUSIVE
    other = beside(noise=None, differing=10, beyond=10, largest=0.1, in_steps=False)
    assert judged(beside(), baseline=other).status is Verdict.INCONCLUSIVE


def test_figures_of_an_npu_are_exact() -> None:
    found = Findings(("a",), figures={"npu_ms": 61.25, "npu_operators": 0.9, "sram": 1.2e6})
    assert figure(found, "npu_ms", 61.25).status is Verdict.PASS
    assert figure(found, "npu_ms", 61.0).status is Verdict.FAIL
    assert figure(found, "npu_operators", 1.0).status is Verdict.FAIL
    assert figure(found, "sram", 2e6).status is Verdict.PASS


def test_a_file_that_does_not_run_there_is_not_the_fastest() -> None:
    found = Findings(("a",), ("no operator runs on the NPU",), {"npu_operators": 0.0})
    assert figure(found, "npu_ms", 100.0).status is Verdict.FAIL
    assert figure(Findings(("a",)), "npu_ms", 100.0).status is Verdict.MISSING


def test_placement_is_a_proof() -> None:
    assert placement((), ("operators  3 on the NPU",)).reason == "operators 3 on the NPU"
    assert placement(("too small",), ()).status is Verdict.FAIL


def test_the_arena_has_a_limit() -> None:
    assert max_arena(103_680, 103_680).status is Verdict.PASS
    assert max_arena(103_680, 100_000).status is Verdict.FAIL
    assert max_arena(None, 100_000).status is Verdict.MISSING
