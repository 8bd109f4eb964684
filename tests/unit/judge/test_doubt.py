from __future__ import annotations

from itertools import product
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from edgeq.judge.doubt import Doubt, doubt, doubted, knows
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.accuracy import Accuracy, Rate, Renaming, accuracy, renaming
from edgeq.measure.clusters import Clusters, find_clusters
from edgeq.measure.predictions import OutputFacts, Predictions, make_answers, outputs_facts

LONGEST = 120
CLASSES = (2, 3, 10, 100, 1000)
IMAGES = (50, 100, 200, 500, 1000)
SEEDS = range(3)

Classes = npt.NDArray[np.int64]


def answers(predicted: Classes, classes: int) -> Predictions:
    scores = np.eye(classes, dtype=np.float32)[predicted]
    return make_answers(scores, None, is_probability=False)


def measured(
    predicted: Classes, labels: Classes, classes: int, clusters: Clusters | None = None
) -> tuple[Accuracy, float]:
    baseline = answers(predicted, classes)
    share = float(np.bincount(labels).max() / labels.size)
    return accuracy(baseline, baseline, labels, clusters=clusters), share


def labelled(
    predicted: Classes, labels: Classes, classes: int, clusters: Clusters | None = None
) -> Doubt | None:
    found, share = measured(predicted, labels, classes, clusters)
    facts = outputs_facts(answers(predicted, classes))
    renamed = renaming(predicted, labels, classes, range(labels.size))
    return checked(doubt(facts, found, largest_label_share=share, renaming=renamed))


def unlabelled(predicted: Classes, classes: int, names: tuple[str, ...] = ()) -> Doubt | None:
    facts = outputs_facts(answers(predicted, classes))
    return checked(doubt(facts, None, largest_label_share=None, names=names))


def checked(found: Doubt | None) -> Doubt | None:
    """Every doubt is short, and says what to do."""
    if found is not None:
        assert len(found.reason) <= LONGEST
        assert found.next_step
    return found


def good(
    rate: float, images: int, classes: int, generator: np.random.Generator
) -> tuple[Classes, Classes]:
    """Return labels, and what a baseline that is right at this rate predicts."""
    labels = generator.integers(0, classes, images)
    others = (labels + generator.integers(1, classes, images)) % classes
    return labels, np.where(generator.random(images) < rate, labels, others)


def derangement(classes: int, generator: np.random.Generator) -> Classes:
    """Return an order in which no class is where it belongs."""
    while True:
        order = generator.permutation(classes)
        if not (order == np.arange(classes)).any():
            return order


@pytest.mark.parametrize("classes", CLASSES)
def test_a_baseline_that_guesses_never_knows(classes: int) -> None:
    for images, seed in product(IMAGES, SEEDS):
        generator = np.random.default_rng([classes, images, seed])
        labels, predicted = good(0.9, images, classes, generator)
        guesses = {
            "shuffled": generator.permutation(predicted),
            "shifted": (predicted + 1) % classes,
            "constant": np.full(images, predicted[0]),
            "the most frequent label": np.full(images, np.bincount(labels).argmax()),
        }
        for name, guess in guesses.items():
            assert labelled(guess, labels, classes) is not None, (name, images, seed)


@pytest.mark.parametrize("classes", [classes for classes in CLASSES if classes > 2])
def test_shifted_and_permuted_classes_are_certainly_wrong(classes: int) -> None:
    for images, seed, rate in product(IMAGES, SEEDS, (0.75, 0.97)):
        generator = np.random.default_rng([classes, images, seed])
        labels, predicted = good(rate, images, classes, generator)
        order = derangement(classes, generator)
        for name, other in (
            ("up", (predicted + 1) % classes),
            ("down", (predicted - 1) % classes),
            ("permuted", order[predicted]),
        ):
            found = labelled(other, labels, classes)
            assert found is not None, (name, images, seed)
            assert found.wrong, (name, images, seed)


@pytest.mark.parametrize("rate", [0.75, 0.85, 0.97])
def test_a_good_baseline_on_few_images_is_never_certainly_wrong(rate: float) -> None:
    for classes, seed in product(CLASSES, range(40)):
        generator = np.random.default_rng([classes, seed])
        labels, predicted = good(rate, 20, classes, generator)
        found = labelled(predicted, labels, classes)
        assert found is None or not found.wrong, (classes, seed)


@pytest.mark.parametrize("classes", [10, 100, 1000])
@pytest.mark.parametrize("rate", [0.8, 0.97])
def test_a_good_baseline_is_not_doubted(rate: float, classes: int) -> None:
    for seed in range(20):
        labels, predicted = good(rate, 100, classes, np.random.default_rng([classes, seed]))
        assert labelled(predicted, labels, classes) is None, seed


@pytest.mark.parametrize("kept", [2, 5, 8])
def test_an_order_that_leaves_some_classes_in_their_places_is_wrong(kept: int) -> None:
    generator = np.random.default_rng(kept)
    labels, predicted = good(0.9, 500, 10, generator)
    order = np.concatenate([np.arange(kept), np.roll(np.arange(kept, 10), 1)])
    found = labelled(order[predicted], labels, 10)
    assert found is not None
    assert "their order is wrong" in found.reason
    assert found.wrong == (kept == 2)


def test_a_weak_baseline_of_few_images_a_class_has_no_better_names() -> None:
    for seed in range(20):
        labels, predicted = good(0.2, 500, 1000, np.random.default_rng(seed))
        assert labelled(predicted, labels, 1000) is None


def test_crops_of_one_photograph_teach_no_names() -> None:
    generator = np.random.default_rng(0)
    photographs, predicted = good(0.5, 60, 30, generator)
    groups = np.repeat(np.arange(60), 20)
    found = renaming(np.repeat(predicted, 20), np.repeat(photographs, 20), 30, groups.tolist())
    assert not found.sure


def rare_defects(recall: float, specificity: float, images: int = 1000) -> Doubt | None:
    """Doubt a detector on a set of which 5 in 100 images are defect."""
    labels = (np.arange(images) % 20 == 0).astype(np.int64)
    generator = np.random.default_rng(1)
    right = generator.random(images) < np.where(labels == 1, recall, specificity)
    return labelled(np.where(right, labels, 1 - labels), labels, 2)


def test_a_detector_tuned_for_recall_is_doubted_but_not_wrong() -> None:
    for specificity in (0.85, 0.7, 0.6, 0.55):
        found = rare_defects(0.98, specificity)
        assert found is not None
        assert not found.wrong, specificity
    swapped = rare_defects(0.02, 0.1)
    assert swapped is not None
    assert swapped.wrong
    assert "worse than chance: the class order or the labels are wrong" in swapped.reason


def test_a_detector_of_rare_defects_that_finds_them_gives_one_class_nearly_always() -> None:
    assert rare_defects(0.95, 0.999) is None
    idle = rare_defects(0.0, 1.0)
    assert idle is not None
    assert idle.reason.startswith("the baseline gives class 0 for 100 % of 1,000 images")
    assert not idle.wrong


def test_a_frequent_label_among_many_classes_hides_no_wrong_order() -> None:
    labels = np.where(np.arange(500) % 3 == 0, 0, np.arange(500))
    found = labelled((labels + 1) % 1000, labels, 1000)
    assert found is not None
    assert found.wrong


def test_crops_of_few_photographs_say_less() -> None:
    labels = np.arange(60) % 2
    predicted = np.where(np.arange(60) % 5 == 0, 1 - labels, labels)
    clusters = find_clusters([number // 6 for number in range(60)])
    assert labelled(predicted, labels, 2) is None
    found = labelled(predicted, labels, 2, clusters)
    assert found is not None
    assert "is right on 48 of 60 images, which guessing may reach as well" in found.reason
    assert not found.wrong


def test_one_right_in_a_thousand_is_the_level() -> None:
    labels = np.zeros(10, np.int64)
    labels[:5] = 1
    assert knows(*measured(labels, labels, 2))  # 1 in 1,024
    labels = labels[1:]
    assert not knows(*measured(labels, labels, 2))  # 1 in 315: five of nine are alike


def test_without_labels_one_class_for_nearly_all_is_a_doubt() -> None:
    predicted = np.where(np.arange(100) < 95, 1, 0)
    found = unlabelled(predicted, 2, ("good", "scratched"))
    assert found is not None
    assert found.reason == (
        "the baseline gives class 1 (scratched) for 95.0 % of 100 images: untrained, or its "
        "preprocessing is wrong"
    )
    assert not found.wrong
    predicted[0] = 0
    assert unlabelled(predicted, 2) is None


def test_one_image_is_no_ground() -> None:
    found = unlabelled(np.array([3]), 10)
    assert found is not None
    assert found.reason.startswith("one image can't show")


def test_images_of_one_label_are_not_the_baselines_fault() -> None:
    labels = np.full(40, 3)
    doubtful = labelled(labels, labels, 8)
    assert doubtful is not None
    assert doubtful.reason.startswith("all 40 images have the same label: they can't show")
    assert doubtful.next_step == "Evaluate images of all classes"
    wrong = labelled(labels + 1, labels, 8)
    assert wrong is not None
    assert wrong.reason.startswith("the baseline gives class 4 for 100 % of 40 images")
    assert wrong.wrong


def test_copies_of_one_photograph_are_not_the_baselines_fault() -> None:
    facts = outputs_facts(answers(np.full(60, 3), 8))
    doubtful = doubt(facts, None, largest_label_share=None, photographs=1)
    assert doubtful is not None
    assert doubtful.reason.startswith("all 60 images are of one photograph: they can't show")
    assert doubtful.next_step == "Evaluate different photographs"


def test_an_output_that_is_not_finite_is_a_doubt() -> None:
    labels = np.arange(100) % 10
    scores = np.eye(10, dtype=np.float32)[labels]
    scores[7, 2] = np.nan
    broken = make_answers(scores, None, is_probability=False)
    facts = outputs_facts(broken)
    found = doubt(
        facts, accuracy(broken, broken, labels), largest_label_share=0.1, names=("a",) * 10
    )
    assert found is not None
    assert found.reason == "the baseline's output is not finite on 1 of 100 images"
    assert not found.wrong
    assert doubt(facts, None, largest_label_share=None) == found


def beside(
    baseline: Classes, variant: Classes, labels: Classes, classes: int, *, crops: int = 1
) -> Doubt | None:
    """Return the doubt about a baseline beside a variant, each photograph in so many crops."""
    labels, baseline, variant = (np.repeat(one, crops) for one in (labels, baseline, variant))
    groups = np.arange(labels.size) // crops
    found = accuracy(
        answers(baseline, classes),
        answers(variant, classes),
        labels,
        clusters=find_clusters(groups.tolist()),
    )
    share = float(np.bincount(labels).max() / labels.size)
    facts = outputs_facts(answers(baseline, classes))
    return checked(doubt(facts, found, largest_label_share=share))


@pytest.mark.parametrize("images", [20, 100, 500])
def test_a_variant_far_better_than_its_baseline_shows_a_broken_baseline(images: int) -> None:
    labels = np.arange(images) % 10
    broken = np.where(np.arange(images) % 10 < 4, (labels + 1) % 10, labels)
    found = beside(broken, np.where(np.arange(images) % 10 < 1, broken, labels), labels, 10)
    assert found is not None
    assert found.reason == (
        f"the variant is right on {images * 9 // 10} of {images} images, the baseline on "
        f"{images * 6 // 10}: more than quantizing gains"
    )
    assert "preprocessing" in found.next_step
    assert not found.wrong


def test_a_gain_on_crops_of_few_photographs_is_no_doubt() -> None:
    labels = np.arange(20) % 10
    broken = np.where(np.arange(20) < 2, (labels + 1) % 10, labels)
    assert beside(broken, labels, labels, 10, crops=20) is None


@pytest.mark.parametrize("images", [50, 100, 500, 2000])
def test_a_good_variants_gain_is_never_a_doubt(images: int) -> None:
    """One image of 14 changes, by chance; in half of the trials rather for the better."""
    for seed in range(100):
        generator = np.random.default_rng([images, seed])
        labels, predicted = good(0.6, images, 10, generator)
        flips = generator.random(images) < 0.07 + 0.005 * (seed > 50)
        right = generator.random(images) < 0.5 + 0.04 * (seed > 50)
        variant = np.where(flips, np.where(right, labels, (labels + 1) % 10), predicted)
        assert beside(predicted, variant, labels, 10) is None, seed


def test_accuracy_without_the_labels_share_is_refused() -> None:
    labels = np.arange(100) % 10
    found, share = measured(labels, labels, 10)
    facts = outputs_facts(answers(labels, 10))
    with pytest.raises(ValueError, match="belong together"):
        doubt(facts, found, largest_label_share=None)
    with pytest.raises(ValueError, match="belong together"):
        doubt(facts, None, largest_label_share=share)


DOUBT = Doubt("the baseline guesses", "Check the labels", wrong=True)


def test_nothing_passes_by_a_doubted_baseline() -> None:
    found = doubted(
        Judgement(status=Verdict.PASS, reason="agrees", value=1.0, evidence={"images": 5}), DOUBT
    )
    assert found.status is Verdict.INCONCLUSIVE
    assert found.reason == "the baseline guesses; agrees"
    assert found.next_step == "Check the labels"
    assert found.value == 1.0
    assert found.evidence == {
        "images": 5,
        "doubt": {"reason": "the baseline guesses", "wrong": True},
    }
    msgspec.json.encode(found)


@pytest.mark.parametrize("status", [Verdict.FAIL, Verdict.MISSING])
def test_other_verdicts_stay(status: Verdict) -> None:
    judged = Judgement(status=status, reason="so", next_step="that", declared_missing=True)
    found = doubted(judged, DOUBT)
    assert found.evidence.keys() == {"doubt"}
    assert msgspec.structs.replace(found, evidence={}) == judged


def test_what_is_open_anyway_is_open_for_the_doubt_first_and_once() -> None:
    judged = Judgement(
        status=Verdict.INCONCLUSIVE,
        reason="so",
        next_step="About 190 images in all would settle it",
        evidence={"images": 20, "images_needed": 190},
    )
    found = doubted(judged, DOUBT)
    assert (found.status, found.next_step) == (Verdict.INCONCLUSIVE, DOUBT.next_step)
    assert found.reason == f"{DOUBT.reason}; so"
    assert "images_needed" not in found.evidence
    assert doubted(found, DOUBT) == found


FACTS = OutputFacts(
    images=1200,
    classes=4,
    nonfinite_images=0,
    nonfinite_values=0,
    constant=False,
    all_zero=False,
    tied_images=0,
    all_tied=False,
    distinct_classes=4,
    largest_class=1,
    largest_share=0.4,
)


def rated(
    right: float, interval: tuple[float, float], *, variant: float | None = None, **keys: Any
) -> Accuracy:
    """Return the accuracy of a baseline on 1,200 images of four classes."""
    baseline = Rate(images=round(1200 * right), value=right, interval=interval)
    after = right if variant is None else variant
    usual: dict[str, Any] = {
        "images": 1200,
        "classes": 4,
        "confidence": 0.95,
        "baseline_top1": baseline,
        "variant_top1": Rate(images=round(1200 * after), value=after, interval=interval),
        "baseline_top5": None,
        "variant_top5": None,
        "lost": 0,
        "gained": 0,
        "drop": right - after,
        "drop_interval": (right - after - 0.01, right - after + 0.01),
        "mcnemar_p": 1.0,
    }
    return Accuracy(**{**usual, **keys})


CHECK_ORDER = "Check the order of the classes and the labels (an offset by one, the right file)"
CHECK_WEIGHTS = "Check the baseline's weights and preprocessing"


def test_every_doubt_about_accuracy_in_words() -> None:
    def said(accuracy: Accuracy, share: float = 0.25, **keys: Any) -> Doubt | None:
        return doubt(FACTS, accuracy, largest_label_share=share, **keys)

    assert said(rated(0.2, (0.18, 0.22))) == Doubt(
        "the baseline is right on 240 of 1,200 images, worse than chance: the class order or the "
        "labels are wrong",
        CHECK_ORDER,
        wrong=True,
    )
    assert said(rated(0.25, (0.23, 0.27))) == Doubt(
        "the baseline is right on 300 of 1,200 images, no better than chance: wrong labels, class "
        "order, preprocessing or weights",
        "Check the labels (order, an offset by one, the right file), and the baseline's "
        "preprocessing and weights",
        wrong=True,
    )
    assert said(rated(0.9, (0.88, 0.92)), 0.95) == Doubt(
        "the baseline is right on 1,080 of 1,200 images, which guessing may reach as well",
        "Evaluate more images, of all classes; check the labels, and the baseline's preprocessing "
        "and weights",
    )
    assert said(rated(0.9, (0.88, 0.92))) is None
    renamed = Renaming(images=1200, right=1080, renamed=1190, sure=True)
    assert said(rated(0.9, (0.88, 0.92)), renaming=renamed) == Doubt(
        "the baseline is right on 1,080 of 1,200 images, with classes renamed on 1,190: their "
        "order is wrong",
        CHECK_ORDER,
    )
    unsure = msgspec.structs.replace(renamed, sure=False)
    assert said(rated(0.9, (0.88, 0.92)), renaming=unsure) is None
    assert said(rated(0.9, (0.88, 0.92), variant=0.94)) == Doubt(
        "the variant is right on 1,128 of 1,200 images, the baseline on 1,080: more than "
        "quantizing gains",
        f"{CHECK_WEIGHTS}. If the variant was trained further, name the float model that it was "
        "made from as the baseline",
    )


def test_what_is_certainly_wrong_is_said_with_every_reason() -> None:
    # 0.3 is far above chance on 1,200 images, and no usable baseline of four classes.
    weak = rated(0.3, (0.28, 0.32))
    renamed = Renaming(images=1200, right=360, renamed=1190, sure=True)
    first = doubt(FACTS, weak, largest_label_share=0.25, renaming=renamed)
    assert first is not None
    assert first.wrong
    outdone = doubt(FACTS, rated(0.3, (0.28, 0.32), variant=0.5), largest_label_share=0.25)
    assert outdone is not None
    assert outdone.wrong
    assert "more than quantizing gains" in outdone.reason
    broken = msgspec.structs.replace(FACTS, nonfinite_images=1100)
    assert doubt(broken, weak, largest_label_share=0.25) == Doubt(
        "the baseline's output is not finite on 1,100 of 1,200 images",
        "Check the baseline's weights and preprocessing: its own outputs must be finite",
        wrong=True,
    )
    single = msgspec.structs.replace(FACTS, largest_share=0.95)
    named = doubt(
        single, rated(0.25, (0.23, 0.27)), largest_label_share=0.25, names=("a", "b", "c", "d")
    )
    assert named == Doubt(
        "the baseline gives class 1 (b) for 95.0 % of 1,200 images: untrained, or its "
        "preprocessing is wrong",
        f"{CHECK_WEIGHTS}, and that the evaluation images show more than one class",
        wrong=True,
    )


@pytest.mark.parametrize(
    ("high", "share", "wrong"),
    [
        # A quarter of the way from 1 in 4 to 1 is 0.4375.
        (0.4374, 0.25, True),
        (0.4375, 0.25, False),
        (0.4374, 0.4375, True),
        # A label above that bar: a quarter of it, or chance.
        (0.2499, 0.9, True),
        (0.25, 0.9, False),
    ],
)
def test_the_bar_below_which_no_baseline_is_usable(high: float, share: float, wrong: bool) -> None:
    found = doubt(FACTS, rated(0.2, (0.1, high)), largest_label_share=share)
    assert found is not None
    assert found.wrong is wrong


def test_a_quarter_of_a_frequent_label_is_the_bar_if_chance_is_lower() -> None:
    for high, wrong in ((0.2249, True), (0.225, False)):
        accuracy_ = rated(0.2, (0.1, high), classes=100)
        found = doubt(FACTS, accuracy_, largest_label_share=0.9)
        assert found is not None
        assert found.wrong is wrong


def test_worse_than_chance_is_below_one_in_so_many_classes() -> None:
    for high, words in ((0.2499, "worse than chance"), (0.25, "no better than chance")):
        found = doubt(FACTS, rated(0.2, (0.1, high)), largest_label_share=0.3)
        assert found is not None
        assert words in found.reason


def test_the_whole_interval_of_a_gain_must_be_beyond_what_quantizing_gains() -> None:
    for high, doubtful in ((-0.0201, True), (-0.02, False)):
        gain = rated(0.9, (0.88, 0.92), variant=0.94, drop_interval=(-0.06, high))
        assert (doubt(FACTS, gain, largest_label_share=0.25) is not None) is doubtful


def test_guessing_is_giving_the_most_frequent_label_if_that_is_right_more_often() -> None:
    accuracy_ = rated(0.3, (0.28, 0.32))
    # SciPy: 360 or more of 1,200 at 1 in 4 is 5e-5, at 0.26 it is 0.001 and more.
    assert binom.sf(359, 1200, 0.25) < 0.001 < binom.sf(359, 1200, 0.262)
    assert knows(accuracy_, 0.1)
    assert not knows(accuracy_, 0.262)


def test_a_single_image_asks_for_more() -> None:
    single = msgspec.structs.replace(FACTS, images=1, largest_share=1.0)
    assert doubt(single, None, largest_label_share=None) == Doubt(
        "one image can't show that the baseline tells classes apart", "Evaluate more images"
    )
    labels = np.array([1])
    with_label = labelled(np.array([0]), labels, 2)
    assert with_label is not None
    assert with_label.reason.startswith("one image")
    sure = doubt(single, rated(0.0, (0.0, 0.2), images=1), largest_label_share=0.3)
    assert sure is not None
    assert sure.wrong


def test_a_class_beyond_the_names_has_none() -> None:
    for names, shown in ((("a",), "class 1 for"), (("a", "b"), "class 1 (b) for")):
        single = msgspec.structs.replace(FACTS, largest_share=0.96)
        found = doubt(single, None, largest_label_share=None, names=names)
        assert found is not None
        assert shown in found.reason
    none = msgspec.structs.replace(FACTS, largest_class=None, largest_share=0.0)
    assert doubt(none, None, largest_label_share=None) is None
