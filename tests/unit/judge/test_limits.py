from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.stats import binomtest

from edgeq.config.presets import Allowance
from edgeq.judge.control import Reference
from edgeq.judge.doubt import Doubt
from edgeq.judge.limits import (
    accuracy_drop,
    max_bytes,
    min_accuracy,
    size_reduction,
    top1_agreement,
    top5_overlap,
    worst_cosine,
)
from edgeq.judge.sampled import of_drop, of_rate
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.accuracy import Accuracy, Rate, accuracy
from edgeq.measure.agreement import Agreement, agreement
from edgeq.measure.beside_control import BesideControl
from edgeq.measure.clusters import find_clusters, rate_interval
from edgeq.measure.contrast import Paired
from edgeq.measure.planning import images_needed, images_needed_for_drop
from edgeq.measure.predictions import Predictions, make_answers
from edgeq.measure.size import LeastSize, Size

LONGEST = 160


def answers(classes: np.ndarray, count: int = 10) -> Predictions:
    return make_answers(np.eye(count)[classes], None, is_probability=False)


def agreeing(agreed: int, images: int) -> Agreement:
    baseline = np.arange(images) % 9
    variant = np.where(np.arange(images) < agreed, baseline, 9)
    return agreement(answers(baseline), answers(variant))


def labelled(lost: int, gained: int, images: int) -> Accuracy:
    labels = np.zeros(images, int)
    baseline, variant = labels.copy(), labels.copy()
    variant[:lost] = 1
    baseline[lost : lost + gained] = 1
    return accuracy(answers(baseline), answers(variant), labels)


def check(found: Judgement, status: Verdict) -> Judgement:
    """Every judgement is JSON, short, and says what to do unless it passes."""
    msgspec.json.encode(found)
    assert found.status is status
    assert len(found.reason) <= LONGEST
    assert (found.next_step is None) is (status is Verdict.PASS)
    return found


def test_crops_of_one_photograph_count_as_one_image() -> None:
    clusters = find_clusters([number // 5 for number in range(500)])
    alone = agreeing(481, 500)
    found = msgspec.structs.replace(
        alone, clusters=clusters, top1_interval=rate_interval(481, 500, 0.95, clusters)
    )
    judged = check(top1_agreement(found, 0.93), Verdict.INCONCLUSIVE)
    assert judged.reason.startswith("agrees on 481 of 500 crops of 100 photographs: 96.2 % (9")
    assert judged.next_step is not None
    assert "different photographs in all would settle it (100 so far)" in judged.next_step
    assert judged.evidence["photographs"] == 100
    assert str(judged.evidence["resolution"]).startswith(
        "500 crops of 100 photographs count as 100 images: these 100 images can prove 96.4 %"
    )
    drop = msgspec.structs.replace(labelled(10, 0, 500), clusters=clusters)
    judged = accuracy_drop(drop, 0.01)
    assert "10 lost and 0 gained of 500 crops of 100 photographs: 2.0 points lost" in judged.reason
    overlap = top5_overlap(found, 0.5)
    assert overlap.reason.startswith("top-5 overlap on 500 crops of 100 photographs")


def test_agreement_that_passes_in_words() -> None:
    found = check(top1_agreement(agreeing(481, 500), 0.93), Verdict.PASS)
    expected = "agrees on 481 of 500 images: 96.2 % (94.1 to 97.7 %; limit: at least 93 %)"
    assert found.reason == expected
    assert found.value == 0.962
    assert found.interval is not None
    assert found.evidence["interval_method"] == "Clopper-Pearson"


def test_few_images_can_prove_a_failure() -> None:
    found = check(top1_agreement(agreeing(10, 20), 0.93, method="int8"), Verdict.FAIL)
    assert "(27.2 to 72.8 %; " in found.reason
    assert "weight_only_int8" in str(found.next_step)


def test_all_of_few_images_settle_nothing_and_say_how_many_would() -> None:
    found = check(top1_agreement(agreeing(20, 20), 0.97), Verdict.INCONCLUSIVE)
    assert found.next_step == (
        "About 130 images in all would settle it (20 so far); if the rate stays, it PASSES"
    )
    assert 120 < int(str(found.evidence["images_needed"])) <= 130


def test_a_rate_on_the_wrong_side_of_its_limit_would_fail() -> None:
    found = check(top1_agreement(agreeing(18, 20), 0.93), Verdict.INCONCLUSIVE)
    assert str(found.next_step).endswith("if the rate stays, it FAILS")
    assert (
        "images_needed" not in check(top1_agreement(agreeing(2, 20), 0.93), Verdict.FAIL).evidence
    )


def test_a_rate_that_happens_to_lie_at_its_limit_is_not_called_settled() -> None:
    found = check(top1_agreement(agreeing(9, 10), 0.9), Verdict.INCONCLUSIVE)
    assert str(found.next_step).startswith("The rate lies at the limit, and 10 images can't tell")
    assert "images_needed" not in found.evidence


def test_a_rate_that_is_known_to_be_its_limit_asks_for_another_limit() -> None:
    many = msgspec.structs.replace(agreeing(9, 10), top1_interval=(0.8995, 0.9005))
    found = check(top1_agreement(many, 0.9), Verdict.INCONCLUSIVE)
    assert str(found.next_step).startswith("No set of images settles this: the rate is known")
    assert "images_needed" not in found.evidence


def test_a_rate_of_1_can_not_be_asked_for_and_the_step_says_so() -> None:
    found = check(top1_agreement(agreeing(20, 20), 1.0), Verdict.INCONCLUSIVE)
    assert "No number of images proves a rate of 1" in str(found.next_step)


def test_ties_are_named() -> None:
    tied = make_answers(np.ones((4, 10)), None, is_probability=False)
    found = check(top1_agreement(agreement(answers(np.arange(4)), tied), 0.93), Verdict.FAIL)
    assert "4 ties counted against it" in found.reason


def test_top_5_overlap() -> None:
    generator = np.random.default_rng(1)
    scores = generator.normal(0, 1, (400, 40))
    other = scores + generator.normal(0, 0.3, scores.shape)
    found = agreement(
        make_answers(scores, None, is_probability=False),
        make_answers(other, None, is_probability=False),
    )
    assert found.top5_overlap is not None
    check(top5_overlap(found, 0.5), Verdict.PASS)
    check(top5_overlap(found, 0.99, method="float16"), Verdict.FAIL)
    close = check(top5_overlap(found, found.top5_overlap - 0.005), Verdict.INCONCLUSIVE)
    assert "images in all would settle it (400 so far); if the overlap stays" in str(
        close.next_step
    )


def test_top_5_of_five_classes_is_missing() -> None:
    found = agreement(answers(np.arange(5), 5), answers(np.arange(5), 5))
    assert not check(top5_overlap(found, 0.9), Verdict.MISSING).declared_missing


def test_worst_cosine_names_the_image_and_is_exact() -> None:
    found = check(worst_cosine(agreeing(29, 30), 0.5, method="int8"), Verdict.FAIL)
    assert "on 30 images (at image 29" in found.reason
    assert "image 29" in str(found.next_step)
    assert found.interval is None
    check(worst_cosine(agreeing(30, 30), 0.999), Verdict.PASS)


def test_worst_cosine_of_a_broken_image() -> None:
    scores = np.eye(10)[:3]
    scores[1, 1] = math.inf
    broken = make_answers(scores, None, is_probability=False)
    found = check(worst_cosine(agreement(answers(np.arange(3)), broken), 0.5), Verdict.FAIL)
    assert "at image 1, which is not finite" in found.reason
    assert found.value == -1


def test_worst_cosine_says_what_it_stands_on() -> None:
    bare = make_answers(np.eye(10)[:3], None, is_probability=True)
    found = worst_cosine(agreement(bare, bare), 0.5)
    assert "lowest cosine (of log-probabilities)" in found.reason


def test_accuracy_drop_in_words() -> None:
    found = check(accuracy_drop(labelled(8, 3, 500), 0.05), Verdict.PASS)
    assert "8 lost and 3 gained of 500: 1.0 points lost (" in found.reason
    assert found.reason.startswith("top-1 99.4 -> 98.4 %, ")
    assert found.reason.endswith("; limit: at most 5 points)")


def test_accuracy_drop_of_no_change_on_few_images_is_inconclusive() -> None:
    found = check(accuracy_drop(labelled(0, 0, 20), 0.02), Verdict.INCONCLUSIVE)
    assert found.interval == pytest.approx((-0.1684, 0.1684), abs=1e-4)
    assert "About 190 images in all" in str(found.next_step)
    assert str(found.next_step).endswith("if the drop stays, it PASSES")


def test_accuracy_drop_that_fails() -> None:
    found = check(accuracy_drop(labelled(60, 2, 500), 0.02, method="int16x8"), Verdict.FAIL)
    assert found.evidence["lost"] == 60


def size(number: int) -> Size:
    return Size(bytes=number, gzip_bytes=number, parts={"weights int8": number - 100, "graph": 100})


def test_size_reduction_is_exact() -> None:
    found = check(size_reduction(size(8_423_296), size(28_529_820), 0.7), Verdict.PASS)
    assert found.reason == ("8.42 MB against 28.5 MB: reduction 70.5 % (limit: at least 70 %)")
    failed = check(size_reduction(size(300), size(1000), 0.71), Verdict.FAIL)
    assert "weights int8" in str(failed.next_step)
    check(size_reduction(size(2000), size(1000), 0.5, method="float16"), Verdict.FAIL)


NEED = LeastSize(bytes=5_600, weights=300, float_weights=1_144)


def small(number: int, weights: int, kind: str = "int8", **parts: int) -> Size:
    held = {f"weights {kind}": weights, "graph": number - weights, **parts}
    return Size(bytes=number, gzip_bytes=number, parts=held)


FLOAT = small(5_104, 1_144, "float32")


def test_a_default_limit_knows_what_scales_and_graph_of_a_small_network_cost() -> None:
    found = check(size_reduction(small(5_300, 286), FLOAT, 0.68, least=NEED), Verdict.PASS)
    assert found.limit == -0.098
    assert found.reason.endswith("; all but the weights may take 5.3 kB, however few there are")
    # The spec's own limit holds as it is written.
    check(size_reduction(small(5_300, 286), FLOAT, 0.68), Verdict.FAIL)


def test_a_small_file_whose_weights_are_not_quantized_fails() -> None:
    found = check(
        size_reduction(small(5_000, 1_144, "float32"), FLOAT, 0.68, least=NEED), Verdict.FAIL
    )
    assert found.reason.endswith(
        "; but its weights take 1.14 kB, as if not quantized, of the baseline's 1.14 kB"
    )
    # One of its larger layers, too: most of what can be saved is not.
    check(size_reduction(small(5_000, 800, "float32"), FLOAT, 0.68, least=NEED), Verdict.FAIL)
    check(size_reduction(small(5_000, 700, "int8"), FLOAT, 0.68, least=NEED), Verdict.PASS)


def test_a_small_file_with_more_in_it_than_it_needs_fails_but_metadata_are_no_fault() -> None:
    check(size_reduction(small(9_000, 286), FLOAT, 0.68, least=NEED), Verdict.FAIL)
    found = small(9_000, 286, metadata=3_700)
    check(size_reduction(found, FLOAT, 0.68, least=NEED), Verdict.PASS)


def test_what_a_file_needs_raises_no_limit() -> None:
    need = LeastSize(bytes=1_000, weights=500, float_weights=8_000)
    found = check(
        size_reduction(small(3_000, 500), small(10_000, 8_000), 0.68, least=need), Verdict.PASS
    )
    assert found.limit == 0.68
    assert found.reason == "3 kB against 10 kB: reduction 70.0 % (limit: at least 68 %)"


def test_max_bytes_tells_one_byte() -> None:
    found = check(max_bytes(size(8_423_297), 8_423_296), Verdict.FAIL)
    assert found.reason == "8.423297 MB (limit: at most 8.423296 MB)"
    check(max_bytes(size(8_423_296), 8_423_296), Verdict.PASS)


def right_on(right: int, images: int, classes: int) -> Accuracy:
    truth = np.arange(images) % classes
    predicted = truth.copy()
    predicted[right:] = (truth[right:] + 1) % classes
    scores = np.eye(classes, dtype=np.float32)[predicted]
    both = make_answers(scores, None, is_probability=False)
    return accuracy(both, both, truth)


WRONG = Doubt("the baseline is right on 1 of 500 images", "Check the labels", wrong=True)
OPEN = Doubt("the baseline is right on 9 of 20 images", "Evaluate more images", wrong=False)


def test_min_accuracy_in_words() -> None:
    found = check(min_accuracy(labelled(8, 3, 500), 0.9), Verdict.PASS)
    assert found.reason == (
        "top-1 right on 492 of 500 images (baseline 99.4 %): 98.4 % (96.9 to 99.3 %; limit: "
        "at least 90 %)"
    )
    assert found.value == 0.984
    assert "PASS with up to 36 that are wrong" in str(found.evidence["resolution"])


def test_min_accuracy_needs_its_whole_interval() -> None:
    found = check(min_accuracy(labelled(1, 0, 20), 0.9), Verdict.INCONCLUSIVE)
    assert found.evidence["images_needed"]
    assert "if the accuracy stays, it PASSES" in str(found.next_step)


def test_min_accuracy_that_fails_asks_whose_fault_it_is() -> None:
    of_the_variant = check(min_accuracy(labelled(200, 0, 500), 0.9), Verdict.FAIL)
    assert "baseline" not in str(of_the_variant.next_step)
    of_both = check(min_accuracy(labelled(0, 200, 500), 1.0), Verdict.INCONCLUSIVE)
    assert of_both.value == 1.0
    baseline = labelled(0, 200, 500)
    swapped = msgspec.structs.replace(baseline, variant_top1=baseline.baseline_top1)
    judged = check(min_accuracy(swapped, 0.9), Verdict.FAIL)
    assert judged.next_step == "Train the baseline further: it is below the limit, too"


def test_a_drop_from_a_baseline_that_is_wrong_fails() -> None:
    found = check(accuracy_drop(right_on(1, 500, 1000), 0.03, doubt=WRONG), Verdict.FAIL)
    assert found.reason == f"{WRONG.reason}; a drop from there says nothing"
    assert found.next_step == "Check the labels"
    assert found.evidence["baseline_right"] == 1
    assert found.evidence["doubt"] == {"reason": WRONG.reason, "wrong": True}


def test_a_drop_from_a_doubted_baseline_does_not_pass() -> None:
    found = check(accuracy_drop(right_on(9, 20, 3), 0.9, doubt=OPEN), Verdict.INCONCLUSIVE)
    assert found.reason.startswith(f"{OPEN.reason}; top-1 45.0 -> 45.0 %, ")
    assert found.next_step == "Evaluate more images"
    check(accuracy_drop(labelled(60, 2, 500), 0.02, doubt=OPEN), Verdict.FAIL)


CROPS = find_clusters([number // 5 for number in range(500)])
CLUSTERED: dict[str, object] = {
    "photographs": 100,
    "effective_images": pytest.approx(100.0),
    "cluster_method": "as many equal clusters as have the third cumulant, alike within each",
}


def near(number: object) -> Any:
    return pytest.approx(number, abs=1e-9)


def exact(count: int, images: int) -> Any:
    """Return Clopper and Pearson's interval as SciPy has it."""
    return near(tuple(binomtest(count, images).proportion_ci(0.95, "exact")))


def test_all_that_is_recorded_of_a_size() -> None:
    parts = {"weights int8": 8_423_196, "graph": 100}
    assert size_reduction(size(8_423_296), size(28_529_820), 0.8, method="float16") == Judgement(
        status=Verdict.FAIL,
        reason="8.42 MB against 28.5 MB: reduction 70.5 % (limit: at least 80 %)",
        value=1 - 8_423_296 / 28_529_820,
        limit=0.8,
        next_step="Most of it is weights int8 (8.42 MB). Try weight_only_int8 or dynamic_range: a "
        "quarter of the baseline's weights",
        evidence={"bytes": 8_423_296, "baseline_bytes": 28_529_820, "parts": parts},
    )
    assert max_bytes(size(8_423_296), 8_000_000, method="float16") == Judgement(
        status=Verdict.FAIL,
        reason="8.42 MB (limit: at most 8 MB)",
        value=8_423_296.0,
        limit=8_000_000,
        next_step="Most of it is weights int8 (8.42 MB). Try weight_only_int8 or dynamic_range: a "
        "quarter of the baseline's weights",
        evidence={"bytes": 8_423_296, "parts": parts},
    )
    assert max_bytes(size(150), 149).next_step == (
        "Most of it is graph (100 bytes). Set a limit that this method can reach"
    )
    assert size_reduction(size(500), size(1000), 0.5).status is Verdict.PASS


def test_what_a_small_network_needs_is_recorded() -> None:
    judged = size_reduction(small(5_300, 286, metadata=3), FLOAT, 0.68, least=NEED)
    assert judged.evidence["needed"] == {"bytes": 5_600, "weights": 300, "float_weights": 1_144}
    # 1 - 5,603 / 5,104 is -0.0977..., rounded down to three digits.
    assert judged.limit == -0.098
    assert judged.reason == (
        "5.3 kB against 5.1 kB: reduction -3.8 % (limit: at least -9.8 %); all but the weights "
        "may take 5.3 kB, however few there are"
    )


def test_a_file_that_needs_exactly_the_limit_has_no_other() -> None:
    # 2,000 of 4,000 bytes are needed: the limit of a half is reachable, and is not excused.
    need = LeastSize(bytes=2_000, weights=500, float_weights=3_000)
    whole = small(4_000, 3_000, "float32")
    float_weights = small(1_900, 1_800, "float32")
    judged = check(size_reduction(float_weights, whole, 0.5, least=need), Verdict.PASS)
    assert judged.reason.endswith("(limit: at least 50 %)")
    failed = check(size_reduction(float_weights, whole, 0.501, least=need), Verdict.FAIL)
    assert failed.limit == 0.5
    assert "as if not quantized" in failed.reason


def test_half_of_what_weights_can_save_is_enough_to_be_quantized() -> None:
    # 1,144 bytes can become 300: 722 are the middle.
    for weights, status in ((722, Verdict.PASS), (723, Verdict.FAIL)):
        check(size_reduction(small(5_000, weights), FLOAT, 0.68, least=NEED), status)
    split = Size(
        bytes=5_000,
        gzip_bytes=5_000,
        parts={"weights int8": 300, "weights float32": 423, "graph": 4_277},
    )
    check(size_reduction(split, FLOAT, 0.68, least=NEED), Verdict.FAIL)


def test_all_that_is_recorded_of_agreement() -> None:
    tied = msgspec.structs.replace(agreeing(481, 500), ties=2, nonfinite_images=1)
    judged = top1_agreement(tied, 0.93)
    assert judged == Judgement(
        status=Verdict.PASS,
        reason="agrees on 481 of 500 images, 2 ties counted against it: 96.2 % (94.1 to 97.7 %; "
        "limit: at least 93 %)",
        value=0.962,
        limit=0.93,
        interval=exact(481, 500),
        evidence={
            "images": 500,
            "agreeing": 481,
            "ties": 2,
            "nonfinite_images": 1,
            "confidence": 0.95,
            "interval_method": "Clopper-Pearson",
            # All of 500: the 500th root of 0.025.
            "best_provable_rate": pytest.approx(0.025 ** (1 / 500)),
            "control": {"reference": "the spec's limit"},
            "resolution": "these 500 images can prove 99.3 % at best: PASS with up to 23 that "
            "differ, FAIL from 48",
        },
    )
    many = msgspec.structs.replace(agreeing(481, 500), agreeing=4810, images=5000)
    assert top1_agreement(many, 0.93).reason.startswith("agrees on 4,810 of 5,000 images: ")


def test_an_open_agreement_says_how_many_images_would_settle_it() -> None:
    judged = top1_agreement(agreeing(20, 20), 0.97)
    # The least n with 0.025 ** (1 / n) of 0.97 or more.
    needed = math.ceil(math.log(0.025) / math.log(0.97))
    assert judged.evidence["images_needed"] == needed
    assert judged.limit == 0.97
    assert judged.interval == exact(20, 20)


def test_agreement_of_crops_rests_on_photographs() -> None:
    found = msgspec.structs.replace(
        agreeing(481, 500), clusters=CROPS, top1_interval=(0.9, 0.99), confidence=0.9
    )
    judged = top1_agreement(found, 0.93)
    assert judged.evidence.items() >= CLUSTERED.items()
    assert judged.evidence["confidence"] == 0.9
    assert judged.evidence["best_provable_rate"] == pytest.approx(0.05 ** (1 / 100))
    needed = judged.evidence["images_needed"]
    assert isinstance(needed, int)
    low, _ = binomtest(round(0.962 * needed), needed).proportion_ci(0.9, "exact")
    assert low == pytest.approx(0.93, abs=2e-3)
    assert 100 < needed < 500


def test_all_that_is_recorded_of_top_5_overlap() -> None:
    found = msgspec.structs.replace(
        agreeing(30, 40), top5_overlap=0.528, top5_interval=(0.478, 0.568)
    )
    judged = top5_overlap(found, 0.5)
    assert judged == Judgement(
        status=Verdict.INCONCLUSIVE,
        reason="top-5 overlap on 40 images: 52.8 % (47.8 to 56.8 %; limit: at least 50 %)",
        value=0.528,
        limit=0.5,
        interval=(0.478, 0.568),
        next_step="About 130 images in all would settle it (40 so far); if the overlap stays, it "
        "PASSES",
        evidence={
            "images": 40,
            "confidence": 0.95,
            "interval_method": "Gaffke's bounds",
            "resolution": "these 40 images tell values apart that differ by 4.5 points or more",
            # The low half of 5 points must shrink to the 2.8 from the limit.
            "images_needed": math.ceil(40 * (0.05 / 0.028) ** 2),
        },
    )
    failed = top5_overlap(found, 0.6, method="int16x8")
    assert failed.next_step == "Check the calibration images, or try weight_only_int8"
    crops = top5_overlap(msgspec.structs.replace(found, clusters=CROPS), 0.4)
    assert crops.evidence.items() >= CLUSTERED.items()
    assert crops.evidence["resolution"] == (
        "500 crops of 100 photographs count as 100 images: these 100 images tell values apart that "
        "differ by 4.5 points or more"
    )
    assert crops.next_step is None
    five = agreement(answers(np.arange(5), 5), answers(np.arange(5), 5))
    assert top5_overlap(five, 0.9) == Judgement(
        status=Verdict.MISSING,
        reason="the model has 5 classes: five of them say nothing",
        next_step="Set `top5_overlap = false` for it",
    )


def test_all_that_is_recorded_of_the_lowest_cosine() -> None:
    judged = worst_cosine(agreeing(29, 30), 0.5, method="int16x8")
    # Centred, two of ten unit vectors have the cosine (0 - 1 / 10) / (1 - 1 / 10).
    assert judged == Judgement(
        status=Verdict.FAIL,
        reason="lowest cosine on 30 images (at image 29, mean 0.963): -0.111 (limit: at least 0.5)",
        value=near(-1 / 9),
        limit=0.5,
        next_step="Look at image 29 and the other worst images. Check the calibration images, or "
        "try weight_only_int8",
        evidence={
            "images": 30,
            "mean": pytest.approx((29 - 1 / 9) / 30),
            "p5": 1.0,
            "worst_images": [29, *range(9)],
            "logits_sources": ["scores", "scores"],
            "lowest": pytest.approx(-1 / 9),
            "judged": "the 1st lowest",
            "below_limit": 1,
            "allowed_by_chance": 0,
            "interval_method": "Clopper-Pearson: FAIL if more than 0.048% of images lie below the "
            "limit; if some do, PASS if no more than 1%",
            "confidence": 0.95,
        },
    )


def test_only_an_image_that_is_not_finite_is_called_so() -> None:
    opposite = msgspec.structs.replace(agreeing(29, 30), nonfinite_images=1)
    assert "not finite" not in worst_cosine(opposite, 0.5).reason
    worst = msgspec.structs.replace(opposite.worst_images[0], cosine=-1.0)
    finite = msgspec.structs.replace(opposite, worst_images=(worst,), nonfinite_images=0)
    assert "not finite" not in worst_cosine(finite, 0.5).reason
    broken = msgspec.structs.replace(finite, nonfinite_images=1)
    assert "at image 29, which is not finite, mean" in worst_cosine(broken, 0.5).reason
    assert "cosine on" in worst_cosine(broken, 0.5).reason


def test_the_confidence_and_the_clusters_of_cosines_count() -> None:
    usual = msgspec.structs.replace(agreeing(30, 30), images=600, lowest_cosines=(0.3, 0.9))
    assert worst_cosine(usual, 0.8).status is Verdict.PASS
    crops = find_clusters([number // 5 for number in range(600)])
    clustered = msgspec.structs.replace(usual, clusters=crops)
    assert worst_cosine(clustered, 0.8).status is Verdict.INCONCLUSIVE
    strict = worst_cosine(msgspec.structs.replace(usual, confidence=0.999), 0.8)
    assert strict.status is Verdict.INCONCLUSIVE
    assert strict.evidence["confidence"] == 0.999


def test_all_that_is_recorded_of_an_accuracy_drop() -> None:
    found = msgspec.structs.replace(labelled(8, 3, 500), drop_interval=(-0.005, 0.026))
    judged = accuracy_drop(found, 0.015)
    needed = images_needed_for_drop(8 / 500, 3 / 500, 0.015, 0.95)
    assert judged == Judgement(
        status=Verdict.INCONCLUSIVE,
        reason="top-1 99.4 -> 98.4 %, 8 lost and 3 gained of 500: 1.0 points lost (0.5 gained to "
        "2.6 lost; limit: at most 1.5 points)",
        value=0.01,
        limit=0.015,
        interval=(-0.005, 0.026),
        next_step="About 4,000 images in all would settle it (500 so far); if the drop stays, it "
        "PASSES",
        evidence={
            "images": 500,
            "lost": 8,
            "gained": 3,
            # McNemar: 3 or fewer heads of 11, both sides.
            "mcnemar_p": pytest.approx(2 * (1 + 11 + 55 + 165) / 2**11),
            "control": {"reference": "the spec's limit"},
            "confidence": 0.95,
            "interval_method": "Gaffke's bounds of a paired difference",
            "resolution": "these 500 images can show a drop of 1.9 points (at least 80 % of such "
            "sets would); with 1.5 points allowed, a FAIL takes a drop of 4 points",
            "images_needed": needed,
        },
    )
    failed = accuracy_drop(labelled(60, 2, 500), 0.02, method="int16x8")
    assert failed.next_step == "Check the calibration images, or try weight_only_int8"
    assert failed.evidence["lost"] == 60
    assert failed.evidence["gained"] == 2
    assert "images_needed" not in failed.evidence
    many = msgspec.structs.replace(found, images=5000, lost=1008, gained=1003)
    assert "1,008 lost and 1,003 gained of 5,000: " in accuracy_drop(many, 0.5).reason


def test_a_drop_on_crops_rests_on_photographs() -> None:
    found = msgspec.structs.replace(
        labelled(10, 3, 500), clusters=CROPS, confidence=0.9, drop_interval=(-0.01, 0.04)
    )
    judged = accuracy_drop(found, 0.03)
    assert judged.evidence.items() >= CLUSTERED.items()
    assert judged.evidence["images_needed"] == max(
        images_needed_for_drop(10 / 500, 3 / 500, 0.03, 0.9) or 0, 101
    )
    assert judged.evidence["confidence"] == 0.9
    assert str(judged.next_step).startswith("About ")
    assert "different photographs in all would settle it (100 so far)" in str(judged.next_step)
    assert str(judged.evidence["resolution"]) == (
        "500 crops of 100 photographs count as 100 images: " + of_drop(100, 13 / 500, 0.03, 0.9)
    )


def test_all_that_is_recorded_of_a_drop_from_a_wrong_baseline() -> None:
    found = right_on(1, 500, 1000)
    assert accuracy_drop(found, 0.03, doubt=WRONG) == Judgement(
        status=Verdict.FAIL,
        reason=f"{WRONG.reason}; a drop from there says nothing",
        value=0.0,
        limit=0.03,
        interval=found.drop_interval,
        next_step="Check the labels",
        evidence={
            "images": 500,
            "classes": 1000,
            "baseline_right": 1,
            "doubt": {"reason": WRONG.reason, "wrong": True},
        },
    )


def test_all_that_is_recorded_of_accuracy() -> None:
    judged = min_accuracy(labelled(8, 3, 500), 0.98)
    assert judged == Judgement(
        status=Verdict.INCONCLUSIVE,
        reason="top-1 right on 492 of 500 images (baseline 99.4 %): 98.4 % (96.9 to 99.3 %; limit: "
        "at least 98 %)",
        value=0.984,
        limit=0.98,
        interval=exact(492, 500),
        next_step=judged.next_step,
        evidence={
            "images": 500,
            "right": 492,
            "baseline_top1": 0.994,
            "confidence": 0.95,
            "interval_method": "Clopper-Pearson",
            "resolution": "these 500 images can prove 99.3 % at best: PASS with up to 3 that are "
            "wrong, FAIL from 18",
            "images_needed": images_needed(0.984, 0.98, 0.95),
        },
    )
    failed = min_accuracy(labelled(200, 0, 500), 0.9, method="int16x8")
    assert failed.next_step == "Check the calibration images, or try weight_only_int8"
    at_the_limit = msgspec.structs.replace(
        labelled(200, 0, 500), baseline_top1=Rate(images=450, value=0.9, interval=(0.87, 0.92))
    )
    assert "Train" not in str(min_accuracy(at_the_limit, 0.9).next_step)
    many = msgspec.structs.replace(
        labelled(0, 0, 500), variant_top1=Rate(images=4500, value=0.9, interval=(0.89, 0.91))
    )
    assert min_accuracy(many, 0.8).reason.startswith("top-1 right on 4,500 of 500 images")


def test_accuracy_on_crops_rests_on_photographs() -> None:
    found = msgspec.structs.replace(
        labelled(8, 3, 500),
        clusters=CROPS,
        confidence=0.9,
        variant_top1=Rate(images=492, value=0.984, interval=(0.94, 0.999)),
    )
    judged = min_accuracy(found, 0.95)
    assert judged.reason.startswith("top-1 right on 492 of 500 crops of 100 photographs (")
    assert judged.evidence.items() >= CLUSTERED.items()
    assert judged.evidence["images_needed"] == max(images_needed(0.984, 0.95, 0.9) or 0, 101)
    assert "different photographs in all would settle it (100 so far)" in str(judged.next_step)
    assert judged.evidence["resolution"] == (
        "500 crops of 100 photographs count as 100 images: "
        + of_rate(100, 0.95, 0.9, others="are wrong")
    )


def test_a_drop_from_a_doubted_baseline_keeps_its_figures() -> None:
    judged = accuracy_drop(right_on(9, 20, 3), 0.9, doubt=OPEN)
    assert judged.evidence["doubt"] == {"reason": OPEN.reason, "wrong": False}
    assert judged.evidence["lost"] == 0


def test_a_limit_is_rounded_down_to_three_digits() -> None:
    # 4,995 of 10,000 bytes are needed, so 50.05 % can be saved: 50 % must be.
    need = LeastSize(bytes=4_995, weights=1_000, float_weights=8_000)
    judged = size_reduction(small(4_000, 1_000), small(10_000, 8_000), 0.68, least=need)
    assert judged.limit == 0.5


def within(control_share: float, lost: int, *, ends: tuple[float, float]) -> Reference:
    """Return a control with a share, beside a variant that loses some of 500 images to it."""
    paired = Paired(
        images=500,
        variant=control_share - lost / 500,
        control=control_share,
        lost=lost,
        gained=0,
        shortfall=lost / 500,
        interval=ends,
    )
    allowed = Allowance(
        error=2.0, least_error=0.01, drift=2.0, least_drift=0.01, agreement=0.03, accuracy=0.02
    )
    return Reference("int8", allowed, BesideControl(agreement=paired, accuracy=paired))


def test_what_the_control_leaves_open_is_settled_by_its_own_number_of_images() -> None:
    open_ = within(0.99, 10, ends=(0.005, 0.04))
    agreed = top1_agreement(agreeing(485, 500), 0.5, reference=open_)
    assert agreed.status is Verdict.INCONCLUSIVE
    assert agreed.evidence["images_needed"] == max(
        images_needed_for_drop(10 / 500, 0.0, 0.03, 0.95) or 0, 501
    )
    dropped = accuracy_drop(labelled(15, 0, 500), 0.5, reference=within(0.99, 9, ends=(0.0, 0.04)))
    assert dropped.status is Verdict.INCONCLUSIVE
    assert dropped.evidence["images_needed"] == max(
        images_needed_for_drop(9 / 500, 0.0, 0.02, 0.95) or 0, 501
    )


def test_who_fails_beside_the_control_alone_gets_its_advice() -> None:
    far = within(0.99, 30, ends=(0.05, 0.08))
    step = "Edgeq's own int8 of this baseline is closer on the same images: rebuild"
    for judged in (
        top1_agreement(agreeing(465, 500), 0.5, method="int8", reference=far),
        accuracy_drop(labelled(35, 0, 500), 0.5, method="int8", reference=far),
    ):
        assert judged.status is Verdict.FAIL
        assert str(judged.next_step).startswith(step)
    for judged in (
        top1_agreement(agreeing(200, 500), 0.5, method="int16x8", reference=far),
        accuracy_drop(labelled(300, 0, 500), 0.5, method="int16x8", reference=far),
    ):
        assert judged.status is Verdict.FAIL
        assert judged.next_step == "Check the calibration images, or try weight_only_int8"


def test_an_overlap_without_an_interval_is_missing() -> None:
    bare = msgspec.structs.replace(agreeing(30, 40), top5_interval=None)
    assert top5_overlap(bare, 0.5).status is Verdict.MISSING


def test_an_open_overlap_of_crops_asks_for_photographs() -> None:
    found = msgspec.structs.replace(
        agreeing(30, 40), top5_overlap=0.528, top5_interval=(0.478, 0.568), clusters=CROPS
    )
    assert "different photographs in all would settle it (100 so far)" in str(
        top5_overlap(found, 0.5).next_step
    )


def test_no_number_of_images_is_recorded_for_what_is_known_or_out_of_reach() -> None:
    known = msgspec.structs.replace(agreeing(9, 10), top1=0.9004, top1_interval=(0.8995, 0.9005))
    assert images_needed(0.9004, 0.9, 0.95) is not None
    assert "images_needed" not in top1_agreement(known, 0.9).evidence
    unreachable = msgspec.structs.replace(agreeing(9, 10), top1=0.999, top1_interval=(0.9, 1.0))
    assert images_needed(0.999, 1.0, 0.95) is not None
    assert "images_needed" not in top1_agreement(unreachable, 1.0).evidence
