from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edgeq.change import ChangeKind
from edgeq.feeding import Difference, Feeding, OwnSamples
from edgeq.history.compare import compare
from edgeq.history.rules import CONDITIONS, comparison_of
from edgeq.history.side import of_record
from edgeq.record import RunRecord, VariantRecord
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


BILINEAR = Feeding(differences=(Difference(what="filter", variant="bilinear", baseline="bicubic"),))
MEAN: dict[str, object] = {"filter": "bicubic", "mean": [9.0]}


def camera(sha256: str = "ab" * 32) -> Feeding:
    return Feeding(samples=OwnSamples(source="camera", count=9, sha256=sha256))


def fed(feeding: Feeding | None, **own: Any) -> RunRecord:
    return run(variant={"feeding": feeding, "preprocessing": own})


def older(preprocessing: dict[str, object]) -> RunRecord:
    """Return a run from before feedings were recorded, of a ready-made variant."""
    return run(variant={"engine": "ready-made", "manifest": {"preprocessing": preprocessing}})


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (run(), fed(BILINEAR), "like the baseline, then filter bilinear, baseline bicubic"),
        (fed(BILINEAR), run(), "filter bilinear, baseline bicubic, then like the baseline"),
        (run(), older(MEAN), "like the baseline, then mean [9.0], baseline [0.0, 0.0, 0.0]"),
        (older(MEAN), run(), "mean [9.0], baseline [0.0, 0.0, 0.0], then like the baseline"),
        (
            run(),
            fed(camera()),
            "like the baseline, then samples of its own: 9 photographs of camera, sha256 abababab",
        ),
        (
            fed(camera()),
            fed(camera("cd" * 32)),
            (
                "samples of its own: 9 photographs of camera, "
                "sha256 abababab, then samples of its own: 9 photographs of camera, sha256 cdcdcdcd"
            ),
        ),
        (
            fed(msgspec.structs.replace(BILINEAR, samples=camera().samples)),
            fed(camera()),
            "filter bilinear, baseline bicubic, then like the baseline",
        ),
        (
            run(described={"preprocessing": {}}),
            fed(BILINEAR),
            "not recorded, then filter bilinear, baseline bicubic",
        ),
    ],
)
def test_a_variant_that_is_fed_otherwise_than_it_was_is_inconclusive(
    before: RunRecord, after: RunRecord, said: str
) -> None:
    found = {one.gate: one for one in compare(of_record(before), of_record(after))}
    open_ = {gate for gate, one in found.items() if one.kind is ChangeKind.INCONCLUSIVE}
    assert open_ == OUTPUTS
    assert {found[gate].reason for gate in open_} == {f"the variant is fed otherwise ({said})"}
    assert all(found[gate].is_open and not found[gate].fails for gate in open_)
    assert {found[gate].kind for gate in found.keys() - open_} == {ChangeKind.UNCHANGED}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (fed(BILINEAR), fed(BILINEAR)),
        (older(MEAN), older(MEAN)),
        (fed(camera()), fed(camera())),
        (older({**MEAN, "mean": [0.0, 0.0, 0.0]}), run()),
        (fed(Feeding(normalizes=True), **MEAN), older(MEAN)),  # the same, read in another way
    ],
)
def test_a_variant_that_was_accepted_as_it_is_fed_is_compared(
    before: RunRecord, after: RunRecord
) -> None:
    found = compare(of_record(before), of_record(after))
    assert {one.kind for one in found} == {ChangeKind.UNCHANGED}


def test_what_is_recorded_of_no_feeding_is_said_by_the_preprocessing_s_rule() -> None:
    found = compare(of_record(run(described={"preprocessing": {}})), of_record(run()))
    kinds = {one.gate: one.kind for one in found}
    assert {kinds[gate] for gate in OUTPUTS} == {ChangeKind.INCOMPARABLE}


def test_other_samples_are_inconclusive_although_other_images_are_incomparable() -> None:
    images = {"images": {"evaluation": {"count": 1, "sha256": "77"}}}
    after = run(described=images, variant={"feeding": camera()})
    kinds = {one.gate: one.kind for one in compare(of_record(run()), of_record(after))}
    assert {kinds[gate] for gate in OUTPUTS} == {ChangeKind.INCONCLUSIVE}
