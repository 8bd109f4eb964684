from __future__ import annotations

from typing import Any

import pytest

from edgeq.change import ChangeKind
from edgeq.history.compare import compare
from edgeq.history.rules import CONDITIONS, comparison_of
from edgeq.history.side import of_record
from edgeq.record import VariantRecord
from edgeq.spec.gates import GATES, limits
from tests.unit.history.figures import VALUES, run

OUTPUTS = {"top1_agreement", "top5_overlap", "worst_cosine", "accuracy_drop"}
TIMES = {"latency_ratio", "max_latency_ms"}


def test_every_limit_has_a_rule_and_every_condition_is_known() -> None:
    rules = {name: rule for name in GATES.names() if (rule := comparison_of(name)) is not None}
    assert tuple(rules) == limits()
    assert {name for rule in rules.values() for name in rule.alike} == set(CONDITIONS)
    assert comparison_of("of_a_package_that_is_gone") is None


@pytest.mark.parametrize(
    ("other", "gates", "said"),
    [
        (
            {"described": {"baseline": VariantRecord(name="baseline", method="float", sha256="9")}},
            OUTPUTS | {"size_reduction", "latency_ratio"},
            "other baseline (sha256 efefefef, then 9)",
        ),
        (
            {"described": {"images": {"evaluation": {"count": 1, "sha256": "77"}}}},
            OUTPUTS,
            "other images (100 images, sha256 cdcdcdcd, then 1 image, sha256 77)",
        ),
        (
            {"described": {"images": {}}},
            OUTPUTS,
            "other images (100 images, sha256 cdcdcdcd, then 0 images, sha256 none)",
        ),
        (
            {"described": {"preprocessing": {"filter": "bilinear", "mean": [0.0, 0.0, 0.0]}}},
            OUTPUTS,
            "other preprocessing (filter bicubic, then bilinear)",
        ),
        (
            {
                "variant": {
                    "engine": "ready-made",
                    "manifest": {"preprocessing": {"filter": "bicubic", "mean": [9.0]}},
                }
            },
            OUTPUTS,
            "other preprocessing (mean [0.0, 0.0, 0.0], then [9.0])",
        ),
        (
            {"toolchain": {"kernels": "reference"}},
            OUTPUTS | TIMES | {"max_peak_memory", "max_partitions"},
            "other kernels (xnnpack, then reference)",
        ),
        (
            {"toolchain": {"threads": 4}},
            OUTPUTS | TIMES | {"max_peak_memory"},
            "1 thread, then 4",
        ),
        (
            {"machine": {"processor": "B", "cores": 8}},
            TIMES | {"max_peak_memory"},
            "other machine class (x86_64 A 2 cores, then x86_64 B 8 cores)",
        ),
        ({"machine": {"system": "Linux 7"}}, set(), ""),
        ({"toolchain": {"ai-edge-litert": "2.4.0"}}, set(), ""),
    ],
)
def test_like_is_compared_with_like(other: dict[str, Any], gates: set[str], said: str) -> None:
    found = compare(of_record(run()), of_record(run(**other)))
    apart = {one.gate: one.reason for one in found if one.kind is ChangeKind.INCOMPARABLE}
    assert apart == dict.fromkeys(gates, said)
    assert {one.kind for one in found if one.gate not in gates} == {ChangeKind.UNCHANGED}
    assert len(found) == len(VALUES)
    assert not any(one.fails for one in found)


def test_several_differences_are_all_said() -> None:
    found = compare(
        of_record(run()), of_record(run(toolchain={"threads": 2}, machine={"cores": 4}))
    )
    (ratio,) = (one for one in found if one.gate == "latency_ratio")
    assert ratio.reason == (
        "1 thread, then 2; other machine class (x86_64 A 2 cores, then x86_64 A 4 cores)"
    )
