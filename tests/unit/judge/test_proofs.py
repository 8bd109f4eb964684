from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from edgeq.config.methods import METHODS
from edgeq.config.structs import Classifier
from edgeq.errors import WorkerCrashedError
from edgeq.judge.proofs import calibration_disjoint, calibration_set, made, outputs, types
from edgeq.judge.running import copy_of_baseline
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.operators import Compute, Operators
from edgeq.measure.predictions import OutputFacts, make_answers, outputs_facts
from edgeq.measure.repeats import Repeats
from edgeq.samples.lint import Lint


def check(found: Judgement, status: Verdict) -> Judgement:
    msgspec.json.encode(found)
    assert found.status is status
    assert len(found.reason) <= 160
    assert found.value is None
    return found


def compute(
    index: int,
    activation: str,
    weight: str | None,
    size: int,
    *,
    dequantized: bool = False,
    scales: int = 0,
) -> Compute:
    return Compute(
        index=index,
        name="CONV_2D",
        output=f"output {index}",
        activation_type=activation,
        weight_type=weight,
        weight_bytes=size,
        dequantized=dequantized,
        weight_scales=scales,
    )


def operators(*found: Compute, io: tuple[str, str] = ("float32", "float32")) -> Operators:
    sizes: dict[str, int] = {}
    activations: dict[str, int] = {}
    for one in found:
        activations[one.activation_type] = activations.get(one.activation_type, 0) + 1
        if one.weight_type is not None:
            sizes[one.weight_type] = sizes.get(one.weight_type, 0) + one.weight_bytes
    return Operators(
        counts={"CONV_2D": len(found)},
        compute=found,
        weight_bytes_by_type=sizes,
        compute_activation_types=activations,
        float_islands=(),
        input_types=(io[0],),
        output_types=(io[1],),
        custom=(),
        ends_in_softmax=True,
    )


def proved(found: Operators, method: str | None) -> Judgement:
    claim = None if method is None else METHODS.get(method)
    return types(found, claim, sha256="a", baseline_sha256="b")


INT8 = operators(*(compute(i, "int8", "int8", 100) for i in range(5)), io=("int8", "int8"))
DYNAMIC = operators(compute(0, "float32", "int8", 100), compute(1, "float32", "float32", 9))
WEIGHT_ONLY = operators(compute(0, "float32", "int8", 100, dequantized=True))
FLOAT16 = operators(compute(0, "float32", "float16", 100, dequantized=True))
FLOAT = operators(compute(0, "float32", "float32", 100))
UNSIGNED = operators(*(compute(i, "uint8", "uint8", 100) for i in range(2)), io=("uint8", "uint8"))
ONE_SCALE = operators(compute(0, "int8", "int8", 100, scales=1), io=("int8", "int8"))
SCALES = operators(compute(0, "int8", "int8", 100, scales=8), io=("uint8", "uint8"))


@pytest.mark.parametrize(
    ("found", "method"),
    [
        (INT8, "int8"),
        (DYNAMIC, "dynamic_range"),
        (WEIGHT_ONLY, "weight_only_int8"),
        (FLOAT16, "float16"),
        (FLOAT, None),
        (SCALES, "int8_uint8_io"),
        (UNSIGNED, "int8_uint8_io"),
        (ONE_SCALE, "int8_per_tensor"),
        (ONE_SCALE, "int8"),
    ],
)
def test_what_is_what_it_claims_passes(found: Operators, method: str | None) -> None:
    assert check(proved(found, method), Verdict.PASS).next_step is None


@pytest.mark.parametrize(
    ("found", "method", "words"),
    [
        (FLOAT, "dynamic_range", "int8 holds 0 % of the weights' bytes"),
        (FLOAT, "float16", "largest other: float32 of CONV_2D 0"),
        (DYNAMIC, "weight_only_int8", "activations are quantized while running"),
        (WEIGHT_ONLY, "dynamic_range", "the arithmetic is float"),
        (INT8, "int8_float_io", "input is int8, not float32; and 1 more difference"),
        (INT8, "int16x8", "5 of 5 compute operators give int8: CONV_2D 0, CONV_2D 1, CONV_2D 2"),
        (operators(), "int8", "no compute operator has weights"),
        (INT8, "int8_uint8_io", "input is int8, not uint8; and 1 more difference"),
        (SCALES, "int8", "input is uint8, not int8; and 1 more difference"),
        (SCALES, "int8_per_tensor", "1 of 1 layer with a scale for each channel: CONV_2D 0"),
    ],
)
def test_what_is_not_what_it_claims_says_where(found: Operators, method: str, words: str) -> None:
    failed = check(proved(found, method), Verdict.FAIL)
    assert words in failed.reason
    assert failed.next_step is not None


@pytest.mark.parametrize(
    ("found", "method", "step"),
    [
        (SCALES, "int8", "the file shows `int8_uint8_io`"),
        (WEIGHT_ONLY, "dynamic_range", "the file shows `weight_only_int8`"),
        (ONE_SCALE, "float16", "the file shows `int8` or `int8_per_tensor`"),
        (FLOAT, "float16", "or rebuild the variant with every operator quantized"),
        (operators(), "int8", "this graph has no weights to quantize"),
    ],
)
def test_the_claim_that_a_file_shows_is_named(found: Operators, method: str, step: str) -> None:
    assert str(proved(found, method).next_step).endswith(step)


SMALL = tuple(compute(i, "float32", "float32", 4 * 1023) for i in range(1, 9))
LARGE = tuple(compute(i, "float32", "float32", 4 * 1024) for i in range(1, 9))


def test_weights_that_engines_leave_in_float_may_be_most_of_a_small_network() -> None:
    quantized = compute(0, "float32", "int8", 9000)
    check(proved(operators(quantized, *SMALL), "dynamic_range"), Verdict.PASS)
    failed = check(proved(operators(quantized, *LARGE), "dynamic_range"), Verdict.FAIL)
    assert "int8 holds 21.5 % of the weights' bytes" in failed.reason


def test_small_weights_in_float_are_no_excuse_where_none_is_quantized() -> None:
    failed = check(proved(operators(*SMALL), "dynamic_range"), Verdict.FAIL)
    assert failed.reason.endswith("; layers below 1,024 weights stay float")


def test_small_weights_in_float_are_no_excuse_for_integer_arithmetic() -> None:
    given = operators(compute(0, "int8", "int8", 9000), *SMALL, io=("int8", "int8"))
    failed = check(proved(given, "int8"), Verdict.FAIL)
    assert "int8 holds" in failed.reason


def with_head(weight: str, activation: str = "int8", *, dequantized: bool = False) -> Operators:
    """Return int8 layers, and a dense one that gives the output and holds most of the weights."""
    last = compute(9, activation, weight, 900, dequantized=dequantized)
    head = msgspec.structs.replace(last, head=True)
    return operators(*(compute(i, "int8", "int8", 100) for i in range(3)), head, io=("int8",) * 2)


def claimed(found: Operators, classifier: Classifier, method: str = "int8") -> Judgement:
    claim = METHODS.get(method)
    return types(found, claim, sha256="a", baseline_sha256="b", classifier=classifier)


def test_a_classifier_in_its_own_way_passes_as_claimed() -> None:
    found = check(claimed(with_head("int4"), "int4"), Verdict.PASS)
    assert found.reason.startswith("is what int8, int4 classifier claims: weights int4 + int8")
    check(claimed(with_head("int8", "float32"), "dynamic"), Verdict.PASS)


@pytest.mark.parametrize(
    ("found", "classifier", "words"),
    [
        (with_head("int8"), "int4", "CONV_2D 9 gives an output with int8 weights, not int4"),
        (with_head("int8"), "dynamic", "CONV_2D 9 gives int8, not float32"),
        (
            with_head("int8", "float32", dequantized=True),
            "dynamic",
            "the weights of CONV_2D 9 are made float first",
        ),
        (with_head("int4", "float32"), "int4", "CONV_2D 9 gives float32, not int8"),
        (INT8, "int4", "no dense layer gives an output"),
    ],
)
def test_a_classifier_that_is_not_as_claimed_fails(
    found: Operators, classifier: Classifier, words: str
) -> None:
    assert words in check(claimed(found, classifier), Verdict.FAIL).reason


def test_without_a_claim_a_float_classifier_is_a_float_island() -> None:
    failed = check(proved(with_head("int8", "float32"), "int8"), Verdict.FAIL)
    assert "1 of 4 compute operators give float32: CONV_2D 9" in failed.reason


def test_layers_beside_the_classifier_are_still_proved() -> None:
    head = msgspec.structs.replace(compute(9, "int8", "int4", 900), head=True)
    found = operators(compute(0, "int8", "float32", 100), head, io=("int8", "int8"))
    assert "int8 holds 0 %" in check(claimed(found, "int4"), Verdict.FAIL).reason


def test_a_float_island_breaks_int8() -> None:
    found = operators(
        compute(3, "int8", "int8", 100), compute(7, "float32", "int8", 10), io=("int8", "int8")
    )
    failed = check(proved(found, "int8"), Verdict.FAIL)
    assert "1 of 2 compute operators give float32: CONV_2D 7" in failed.reason


@pytest.mark.parametrize("method", ["int8", None])
def test_the_baseline_itself_is_no_variant(method: str | None) -> None:
    claim = None if method is None else METHODS.get(method)
    found = types(INT8, claim, sha256="same", baseline_sha256="same")
    assert "byte for byte" in check(found, Verdict.FAIL).reason


def facts(scores: object) -> OutputFacts:
    return outputs_facts(make_answers(np.array(scores), None, is_probability=False))


HEALTHY = facts(np.eye(12))


def test_healthy_outputs_pass() -> None:
    found = check(outputs(HEALTHY, HEALTHY), Verdict.PASS)
    assert found.reason == "finite on 12 images, 12 different classes (baseline 12), 0 ties"


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.zeros((12, 12)), "every output is 0 on all 12 images"),
        (np.tile(np.arange(12.0), (12, 1)), "the same on all 12 images"),
        (np.arange(12.0)[:, None] * np.ones(12), "tied on all 12 images"),
        (np.where(np.eye(12) > 0, math.nan, 0.0), "NaN or infinity on 12 of 12 images"),
        (np.eye(12)[[0] * 11 + [1]], "collapsed: gives 2 different classes (baseline 12), class 0"),
        (np.eye(12)[:1] + np.arange(12)[:, None] / 50, "collapsed: gives 1 class (baseline 12)"),
    ],
)
def test_sick_outputs_fail_by_name(scores: np.ndarray, words: str) -> None:
    found = check(outputs(facts(scores), HEALTHY), Verdict.FAIL)
    assert words in found.reason
    assert found.next_step is not None


@pytest.mark.parametrize(
    "scores", [np.zeros((12, 12)), np.tile(np.arange(12.0), (12, 1)), np.ones((12, 12))]
)
def test_outputs_that_say_as_little_as_the_baselines_are_not_the_variants_fault(
    scores: np.ndarray,
) -> None:
    found = check(outputs(facts(scores), facts(scores)), Verdict.INCONCLUSIVE)
    assert found.reason.endswith(" on all 12 images, also of the baseline")
    assert "evaluation images differ" in (found.next_step or "")


def test_a_baseline_that_is_not_finite_is_named_first() -> None:
    sick = facts(np.full((12, 12), math.nan))
    assert "the baseline itself" in check(outputs(sick, sick), Verdict.FAIL).reason


def test_random_weights_are_judged_on_finiteness_alone() -> None:
    zeros = facts(np.zeros((12, 12)))
    found = check(outputs(zeros, HEALTHY, trained=False), Verdict.PASS)
    assert "random weights" in found.reason
    sick = facts(np.full((12, 12), math.nan))
    check(outputs(sick, HEALTHY, trained=False), Verdict.FAIL)


def test_calibration_images_in_the_evaluation_set_are_named() -> None:
    found = check(
        calibration_disjoint([("a.png", "b.png")], calibration=100, evaluation=500), Verdict.FAIL
    )
    assert found.reason == "1 calibration image is an evaluation image too: a.png"
    assert found.evidence["shared"] == [["a.png", "b.png"]]


def test_disjoint_sets_pass() -> None:
    found = check(calibration_disjoint([], calibration=100, evaluation=500), Verdict.PASS)
    assert found.reason == "none of 100 calibration images is among 500 evaluation images"
    assert "needs no" in calibration_disjoint([], calibration=None, evaluation=500).reason


def test_made() -> None:
    assert check(made(None, size=8_423_296), Verdict.PASS).reason == "read and loaded, 8.42 MB"
    failed = made(WorkerCrashedError("ended by SIGSEGV at invoke", output="last words"))
    assert "ended by SIGSEGV at invoke" in check(failed, Verdict.FAIL).reason
    assert failed.evidence["output"] == "last words"


def test_a_calibration_set_that_cant_be_right() -> None:
    problems = ("they are noise", "they are the same")
    found = check(calibration_set(Lint(3, problems, ("few",), {"noise": 3})), Verdict.FAIL)
    assert found.reason == "they are noise"
    assert found.evidence == {"noise": 3, "problems": list(problems), "notes": ["few"]}


def test_an_unusual_calibration_set_passes_with_its_first_note() -> None:
    found = check(calibration_set(Lint(3, (), ("few", "dark"), {})), Verdict.PASS)
    assert found.reason == "3 calibration pictures, neither noise nor all the same; to note: few"
    assert "note" not in calibration_set(Lint(300, (), (), {})).reason


def test_no_calibration_set_is_missing() -> None:
    found = check(calibration_set(None), Verdict.MISSING)
    assert not found.declared_missing


def test_all_that_is_recorded_of_a_file_that_was_made() -> None:
    assert made(None, size=8_423_296) == Judgement(
        status=Verdict.PASS, reason="read and loaded, 8.42 MB", evidence={"bytes": 8_423_296}
    )
    assert made(None).evidence == {"bytes": 0}


TYPES: dict[str, object] = {
    "sha256": "a",
    "weight_bytes_by_type": {"float32": 9, "int8": 100},
    "compute_activation_types": {"float32": 2},
    "float_islands": [],
    "input_types": ["float32"],
    "output_types": ["float32"],
}
SHOWN = "weights int8 + float32, activations float32, input float32, output float32"


def test_all_that_is_recorded_of_types() -> None:
    assert proved(DYNAMIC, "dynamic_range") == Judgement(
        status=Verdict.PASS, reason=f"is what dynamic_range claims: {SHOWN}", evidence=TYPES
    )
    assert proved(DYNAMIC, None) == Judgement(
        status=Verdict.PASS,
        reason=f"claims no method and differs from the baseline: {SHOWN}",
        evidence=TYPES,
    )
    assert types(DYNAMIC, None, sha256="a", baseline_sha256="a") == Judgement(
        status=Verdict.FAIL,
        reason="the file is the baseline's, byte for byte",
        next_step="Name the variant's own file; nothing is quantized here",
        evidence=TYPES,
    )
    broken = "activations are quantized while running, since operators take the weights as stored"
    assert proved(DYNAMIC, "weight_only_int8") == Judgement(
        status=Verdict.FAIL,
        reason=f"is not what weight_only_int8 claims: {broken}",
        next_step="Correct the claim (`method`): the file shows `dynamic_range`",
        evidence={**TYPES, "breaks": [broken]},
    )


def test_islands_and_borders_are_recorded_as_they_are() -> None:
    islands = msgspec.structs.replace(
        INT8, float_islands=("CONV_2D 7",), input_types=("int8", "uint8"), output_types=()
    )
    judged = proved(islands, None)
    assert judged.evidence["float_islands"] == ["CONV_2D 7"]
    assert judged.evidence["input_types"] == ["int8", "uint8"]
    assert judged.evidence["output_types"] == []
    assert judged.reason.endswith("input int8 + uint8, output none")


def test_a_type_holds_most_of_the_weights_above_a_half() -> None:
    def share(claimed: int, other: int) -> Verdict:
        layers = (
            compute(0, "int8", "int8", claimed),
            compute(1, "int8", "int16", other),
        )
        return proved(operators(*layers, io=("int8", "int8")), "int8").status

    assert share(51, 49) is Verdict.PASS
    assert share(50, 50) is Verdict.FAIL


def test_weights_are_dequantized_if_most_of_what_is_claimed_is() -> None:
    def status(method: str, dequantized: int, direct: int) -> Verdict:
        layers = (
            compute(0, "float32", "int8", dequantized, dequantized=True),
            compute(1, "float32", "int8", direct),
        )
        return proved(operators(*layers), method).status

    assert status("weight_only_int8", 51, 49) is Verdict.PASS
    assert status("weight_only_int8", 50, 50) is Verdict.FAIL
    assert status("dynamic_range", 50, 50) is Verdict.PASS
    assert status("dynamic_range", 51, 49) is Verdict.FAIL


def test_the_largest_layer_of_another_type_is_named() -> None:
    layers = (
        compute(0, "int8", "int8", 50),
        compute(1, "int8", "int16", 30),
        compute(2, "int8", "float32", 60),
    )
    judged = proved(operators(*layers, io=("int8", "int8")), "int8")
    assert judged.evidence["breaks"] == [
        "int8 holds 35.7 % of the weights' bytes (largest other: float32 of CONV_2D 2)"
    ]


def test_small_layers_excuse_a_method_with_float_activations_alone() -> None:
    # 1,023 weights of 4 bytes are small, 1,024 are not; others' types are never excused.
    quantized = compute(0, "float32", "int8", 3000)
    small = compute(1, "float32", "float32", 4092)
    check(proved(operators(quantized, small), "dynamic_range"), Verdict.PASS)
    large = compute(1, "float32", "float32", 4096)
    check(proved(operators(quantized, large), "dynamic_range"), Verdict.FAIL)
    half = compute(1, "float32", "float16", 4092)
    judged = check(proved(operators(quantized, half), "dynamic_range"), Verdict.FAIL)
    assert judged.reason.endswith("(largest other: float16 of CONV_2D 1)")


def test_every_break_is_recorded_and_the_others_are_counted() -> None:
    head = msgspec.structs.replace(compute(9, "float32", "int8", 900), head=True)
    found = operators(
        compute(0, "float32", "int16", 100),
        compute(1, "int16", "int16", 100),
        head,
        io=("float32", "int8"),
    )
    judged = claimed(found, "int4")
    assert judged.evidence["breaks"] == [
        "int8 holds 0 % of the weights' bytes (largest other: int16 of CONV_2D 0)",
        "2 of 2 compute operators give float32 + int16: CONV_2D 0, CONV_2D 1",
        "input is float32, not int8",
        "CONV_2D 9 gives an output with int8 weights, not int4",
    ]
    assert judged.reason.endswith("(largest other: int16 of CONV_2D 0); and 3 more differences")


def test_a_model_of_one_dense_layer_is_its_classifier() -> None:
    head = msgspec.structs.replace(compute(0, "int8", "int4", 900), head=True)
    check(claimed(operators(head, io=("int8", "int8")), "int4"), Verdict.PASS)
    bare = compute(1, "int8", None, 0)
    judged = claimed(operators(head, bare, io=("int8", "int8")), "int4")
    assert judged.evidence["breaks"] == ["no compute operator has weights"]


def test_every_head_is_held_to_the_claim() -> None:
    heads = [
        msgspec.structs.replace(compute(place, kind, weight, 90), head=True)
        for place, kind, weight in ((7, "int8", "int4"), (8, "int16", "int4"), (9, "int8", "int2"))
    ]
    layers = compute(0, "int8", "int8", 100)
    judged = claimed(operators(layers, *heads, io=("int8", "int8")), "int4")
    assert judged.evidence["breaks"] == [
        "CONV_2D 8 gives int16, not int8",
        "CONV_2D 9 gives an output with int2 weights, not int4",
    ]


@pytest.mark.parametrize(
    ("variant", "usual", "fails"),
    [
        (0.01, 0.0, False),
        (0.5, 0.0, True),
        (128.0, 1e-6, True),
        (0.5, None, False),
        (None, 0.0, False),
        (0.5, 0.4, False),
        (0.14, 0.049, False),
    ],
)
def test_scores_must_be_the_probabilities_of_their_logits(
    variant: float | None, usual: float | None, fails: bool
) -> None:
    """What follows a softmax changes no class and no logit, but every threshold."""
    own, baseline = (
        msgspec.structs.replace(facts(np.eye(4)), beside_softmax=each) for each in (variant, usual)
    )
    judged = outputs(own, baseline)
    assert (judged.status is Verdict.FAIL) is fails
    if fails:
        assert judged.reason.startswith("its class scores are not the probabilities of its logits")


def test_all_that_is_recorded_of_outputs() -> None:
    facts_ = OutputFacts(
        images=1200,
        classes=10,
        nonfinite_images=0,
        nonfinite_values=0,
        constant=False,
        all_zero=False,
        tied_images=1,
        all_tied=False,
        distinct_classes=7,
        largest_class=3,
        largest_share=0.25,
    )
    baseline = msgspec.structs.replace(facts_, distinct_classes=9)
    evidence: dict[str, object] = {
        "images": 1200,
        "nonfinite_images": 0,
        "tied_images": 1,
        "distinct_classes": 7,
        "baseline_distinct_classes": 9,
        "largest_class": 3,
        "largest_share": 0.25,
    }
    assert outputs(facts_, baseline) == Judgement(
        status=Verdict.PASS,
        reason="finite on 1,200 images, 7 different classes (baseline 9), 1 tie",
        evidence=evidence,
    )
    assert outputs(facts_, baseline, trained=False) == Judgement(
        status=Verdict.PASS,
        reason="finite on 1,200 images; random weights, so nothing more is judged",
        evidence=evidence,
    )
    again = Repeats(images=8, after_others=True, at_once=True, largest=0.0)
    assert outputs(facts_, baseline, again).evidence == {
        **evidence,
        "asked_again": {
            "images": 8,
            "after_others": True,
            "at_once": True,
            "largest": 0.0,
            "fresh": True,
        },
    }
    sick = msgspec.structs.replace(facts_, nonfinite_images=1100)
    assert outputs(sick, baseline) == Judgement(
        status=Verdict.FAIL,
        reason="NaN or infinity on 1,100 of 1,200 images",
        next_step="Check the ranges that calibration found; float16 overflows above 65504",
        evidence={**evidence, "nonfinite_images": 1100},
    )
    blamed = outputs(facts_, msgspec.structs.replace(baseline, nonfinite_images=1100))
    assert blamed.reason == "the baseline itself is not finite on 1,100 of 1,200 images"
    assert blamed.next_step == "Fix the float model and check its preprocessing first"


def test_the_first_thing_that_is_wrong_with_outputs_is_named() -> None:
    zeros = facts(np.zeros((12, 12)))
    changing = Repeats(images=8, after_others=False, at_once=True, largest=0.5)
    assert "depends on" in outputs(zeros, HEALTHY, changing, copied=True).reason
    steady = Repeats(images=8, after_others=True, at_once=True, largest=0.0)
    copied = outputs(zeros, HEALTHY, steady, copied=True)
    assert (copied.reason, copied.next_step) == copy_of_baseline(12)
    assert outputs(zeros, HEALTHY, copied=True, trained=False).reason == copied.reason
    calibrate = "Check the input's preprocessing and the calibration images"
    assert outputs(zeros, HEALTHY, steady).next_step == calibrate
    same = facts(np.tile(np.arange(12.0), (12, 1)))
    assert outputs(same, HEALTHY).next_step == calibrate
    tied = facts(np.arange(12.0)[:, None] * np.ones(12))
    assert outputs(tied, HEALTHY).next_step == calibrate


def test_a_collapse_names_the_class_that_is_left() -> None:
    judged = outputs(facts(np.eye(12)[[0] * 11 + [1]]), HEALTHY)
    assert judged.reason == (
        "collapsed: gives 2 different classes (baseline 12), class 0 on 91.7 % of 12 images"
    )
    assert judged.next_step == ("Look at the flipped images, and check the variant's preprocessing")


def test_all_that_is_recorded_of_two_sets() -> None:
    assert calibration_disjoint([], calibration=None, evaluation=500) == Judgement(
        status=Verdict.PASS,
        reason="the method needs no calibration images",
        evidence={"evaluation": 500},
    )
    assert calibration_disjoint([], calibration=1, evaluation=1) == Judgement(
        status=Verdict.PASS,
        reason="none of 1 calibration image is among 1 evaluation image",
        evidence={"calibration": 1, "evaluation": 1, "shared": []},
    )
    assert calibration_disjoint(
        [("a.png", "b.png"), ("c.png", "d.png")], calibration=100, evaluation=500
    ) == Judgement(
        status=Verdict.FAIL,
        reason="2 calibration images are evaluation images too: a.png, c.png",
        next_step="Take them out of one of the two sets",
        evidence={
            "calibration": 100,
            "evaluation": 500,
            "shared": [["a.png", "b.png"], ["c.png", "d.png"]],
        },
    )


def test_all_that_is_recorded_of_a_calibration_set() -> None:
    assert calibration_set(None) == Judgement(
        status=Verdict.MISSING,
        reason="no calibration images are named",
        next_step="Set `images.calibration` to a folder of photographs",
    )
    assert calibration_set(Lint(1, (), (), {"noise": 0})) == Judgement(
        status=Verdict.PASS,
        reason="1 calibration picture, neither noise nor all the same",
        evidence={"noise": 0, "problems": [], "notes": []},
    )
    assert calibration_set(Lint(3, ("they are noise",), (), {})).next_step == (
        "Calibrate on some 100 photographs like those of the evaluation"
    )


def test_the_largest_layer_of_another_type_is_named_beside_a_larger_one_as_claimed() -> None:
    layers = (
        compute(0, "int8", "int8", 50),
        compute(1, "int8", "int16", 30),
        compute(2, "int8", "float32", 40),
    )
    judged = proved(operators(*layers, io=("int8", "int8")), "int8")
    assert judged.reason.endswith("(largest other: float32 of CONV_2D 2)")


def test_a_single_byte_of_weights_shows_how_it_is_used() -> None:
    one = operators(compute(0, "float32", "int8", 1))
    assert proved(one, "weight_only_int8").status is Verdict.FAIL
    none = proved(FLOAT, "weight_only_int8")
    assert none.evidence["breaks"] == [
        (
            "int8 holds 0 % of the weights' bytes (largest other: float32 of CONV_2D 0); layers "
            "below 1,024 weights stay float"
        )
    ]


def test_large_float_layers_count_in_full() -> None:
    layers = (compute(0, "float32", "int8", 8192), compute(1, "float32", "float32", 8192))
    check(proved(operators(*layers), "dynamic_range"), Verdict.FAIL)


def test_two_scales_are_not_one() -> None:
    finer = operators(compute(0, "int8", "int8", 100, scales=2), io=("int8", "int8"))
    check(proved(finer, "int8_per_tensor"), Verdict.FAIL)


def test_layers_beside_the_classifier_add_up() -> None:
    head = msgspec.structs.replace(compute(9, "int8", "int4", 900), head=True)
    layers = (compute(0, "int8", "int8", 100), compute(1, "int8", "int8", 100))
    other = compute(2, "int8", "int16", 150)
    check(claimed(operators(*layers, other, head, io=("int8", "int8")), "int4"), Verdict.PASS)


def test_an_output_of_another_type_is_named() -> None:
    given = operators(compute(0, "int8", "int8", 100), io=("int8", "float32"))
    assert proved(given, "int8").evidence["breaks"] == ["output is float32, not int8"]


def test_tokens_stay_the_indices_that_they_are() -> None:
    found = operators(*INT8.compute, io=("int32", "int8"))
    assert proved(found, "int8").status is Verdict.PASS
    found = operators(*INT8.compute, io=("int8", "int32"))
    assert "output is int32" in proved(found, "int8").reason


def test_integers_that_the_baseline_takes_stay_whatever_the_method() -> None:
    def judged(taken: tuple[str, ...], method: str) -> Judgement:
        claim = METHODS.get(method)
        own = msgspec.structs.replace(DYNAMIC if method == "dynamic_range" else INT8)
        own = msgspec.structs.replace(own, input_types=("uint8",))
        return types(own, claim, sha256="a", baseline_sha256="b", baseline_inputs=taken)

    for method in ("int8", "dynamic_range"):
        check(judged(("uint8",), method), Verdict.PASS)
        for others in (("float32",), ("int8",)):
            assert "input is uint8" in check(judged(others, method), Verdict.FAIL).reason
    claimed = types(
        DYNAMIC, METHODS.get("int8"), sha256="a", baseline_sha256="b", baseline_inputs=("float32",)
    )
    assert "input is float32" in str(claimed.evidence["breaks"])
