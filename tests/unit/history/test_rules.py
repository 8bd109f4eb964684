from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edgeq.config.gates import GATES, limits
from edgeq.history.compare import compare
from edgeq.history.rules import CONDITIONS, comparison_of
from edgeq.history.snapshot import of_record
from edgeq.record.change import ChangeKind
from edgeq.record.feeding import Difference, Feeding, OwnSamples
from edgeq.record.structs import RunRecord, VariantRecord
from tests.unit.history.figures import VALUES, run, unnamed_flips, with_value

OUTPUTS = {
    *("top1_agreement", "top5_overlap", "worst_cosine", "relative_error"),
    *("accuracy_drop", "min_accuracy"),
}
TIMES = {"latency_ratio", "max_latency_ms"}


def test_every_limit_has_a_rule_and_every_condition_is_known() -> None:
    rules = {name: rule for name in GATES.names() if (rule := comparison_of(name)) is not None}
    assert tuple(rules) == limits()
    assert {name for rule in rules.values() for name in rule.alike} == set(CONDITIONS)
    assert comparison_of("of_a_package_that_is_gone") is None


@pytest.mark.parametrize(
    ("other", "incomparable", "inconclusive", "said"),
    [
        (
            {"described": {"baseline": VariantRecord(name="baseline", method="float", sha256="9")}},
            {"size_reduction", "latency_ratio"},
            {"worst_cosine", "accuracy_drop"},
            "other baseline (sha256 efefefef, then 9)",
        ),
        (
            {"described": {"images": {"evaluation": {"count": 1, "sha256": "77"}}}},
            set(),
            OUTPUTS,
            "other images (100 images, sha256 cdcdcdcd, then 1 image, sha256 77)",
        ),
        (
            {"described": {"images": {}}},
            set(),
            OUTPUTS,
            "other images (100 images, sha256 cdcdcdcd, then 0 images, sha256 none)",
        ),
        (
            {"described": {"preprocessing": {"filter": "bilinear", "mean": [0.0, 0.0, 0.0]}}},
            set(),
            OUTPUTS,
            "other preprocessing (filter bicubic, then bilinear)",
        ),
        (
            {"toolchain": {"kernels": "reference"}},
            TIMES | {"worst_cosine", "max_peak_memory", "max_partitions"},
            set(),
            "other kernels (xnnpack, then reference)",
        ),
        (
            {"toolchain": {"threads": 4}},
            TIMES | {"worst_cosine", "max_peak_memory"},
            set(),
            "1 thread, then 4",
        ),
        (
            {"machine": {"processor": "B", "cores": 8}},
            TIMES | {"worst_cosine", "max_peak_memory"},
            set(),
            "other machine class (x86_64 A 2 cores, then x86_64 B 8 cores)",
        ),
        ({"machine": {"system": "Linux 7"}}, set(), set(), ""),
        ({"toolchain": {"ai-edge-litert": "2.4.0"}}, set(), set(), ""),
    ],
)
def test_like_is_compared_with_like(
    other: dict[str, Any], incomparable: set[str], inconclusive: set[str], said: str
) -> None:
    found = compare(of_record(run()), of_record(run(**other)))
    kinds = {one.gate: one.kind for one in found if one.kind is not ChangeKind.UNCHANGED}
    assert kinds == {
        **dict.fromkeys(incomparable, ChangeKind.INCOMPARABLE),
        **dict.fromkeys(inconclusive, ChangeKind.INCONCLUSIVE),
    }
    assert all(one.reason.startswith(said) for one in found if one.gate in kinds)
    assert len(found) == len(VALUES)
    assert not any(one.fails for one in found)


def test_another_machine_says_it_all_in_one_line() -> None:
    other = run(
        toolchain={"threads": 2},
        machine={"cores": 4},
        described={"baseline": VariantRecord(name="baseline", method="float", sha256="9")},
    )
    found = compare(of_record(run()), of_record(other))
    said = {
        one.reason
        for one in found
        if one.gate in TIMES | {"max_peak_memory"} and one.kind is ChangeKind.INCOMPARABLE
    }
    assert said == {"other machine class (x86_64 A 2 cores, then x86_64 A 4 cores)"}


@pytest.mark.parametrize("gate", sorted(gate for gate, value in VALUES.items() if value))
def test_another_processor_alone_changes_no_verdict(gate: str) -> None:
    usual = VALUES[gate]
    assert usual is not None
    ends = (usual * 0.49, usual * 0.51), (usual * 1.99, usual * 2.01)
    runs = [
        with_value(gate, sum(one) / 2, one, machine={"processor": name})
        for one, name in zip(ends, "AB", strict=True)
    ]
    for before, after in (runs, reversed(runs)):
        (found,) = compare(of_record(before), of_record(after))
        assert found.kind is ChangeKind.INCOMPARABLE
        assert found.reason.startswith("other machine class (x86_64 ")
    elsewhere = with_value(gate, usual, machine={"processor": "B"}, variant={"sha256": "99"})
    (same,) = compare(of_record(with_value(gate, usual)), of_record(elsewhere))
    assert not same.fails


def test_another_file_on_another_processor_is_compared_all_the_same() -> None:
    other: dict[str, Any] = {"machine": {"processor": "B"}, "variant": {"sha256": "99"}}
    before = with_value("top1_agreement", 0.99, (0.98, 1.0), agreement=unnamed_flips())
    after = with_value("top1_agreement", 0.9, (0.86, 0.94), agreement=unnamed_flips(), **other)
    (found,) = compare(of_record(before), of_record(after))
    assert found.kind is ChangeKind.WORSE


BILINEAR = Feeding(differences=(Difference(what="filter", variant="bilinear", baseline="bicubic"),))
MEAN: dict[str, object] = {"filter": "bicubic", "mean": [9.0, 9.0, 9.0]}


def camera(sha256: str = "ab" * 32) -> Feeding:
    return Feeding(samples=OwnSamples(source="camera", count=9, sha256=sha256))


def fed(feeding: Feeding | None, **own: Any) -> RunRecord:
    return run(variant={"feeding": feeding, "preprocessing": own})


def older(preprocessing: dict[str, object]) -> RunRecord:
    """Return a run from before feedings were recorded, of a ready-made variant."""
    return run(variant={"engine": "ready-made", "preprocessing": preprocessing})


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (run(), fed(BILINEAR), "like the baseline, then filter bilinear, baseline bicubic"),
        (fed(BILINEAR), run(), "filter bilinear, baseline bicubic, then like the baseline"),
        (run(), older(MEAN), "like the baseline, then values -9 to 246, baseline 0 to 255"),
        (older(MEAN), run(), "values -9 to 246, baseline 0 to 255, then like the baseline"),
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
    assert {found[gate].reason for gate in open_} == {f"the variant is fed differently ({said})"}
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
    assert {kinds[gate] for gate in OUTPUTS} == {ChangeKind.INCONCLUSIVE}


def test_other_samples_are_inconclusive_as_other_images_are() -> None:
    images = {"images": {"evaluation": {"count": 1, "sha256": "77"}}}
    after = run(described=images, variant={"feeding": camera()})
    kinds = {one.gate: one.kind for one in compare(of_record(run()), of_record(after))}
    assert {kinds[gate] for gate in OUTPUTS} == {ChangeKind.INCONCLUSIVE}
