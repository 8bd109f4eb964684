from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from edgeq.config.structs import StoredWeights
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.judge.weights import are_trained_on, counted, headline, is_general, weights
from edgeq.measure.stored.files import FileComparison
from edgeq.measure.stored.finding import Finding


def finding(at: int = 0, change: str = "negated", **more: Any) -> Finding:
    usual: dict[str, Any] = {
        "layer": f"CONV_2D {at} (block{at}/conv)",
        "part": "weights",
        "detail": "have the other sign",
        "distance": 81.25,
        "relative": 0.05,
        "operator": at,
        "baseline_operator": at,
    }
    return Finding(change=change, **{**usual, **more})


def comparison(*findings: Finding, **more: Any) -> FileComparison:
    usual: dict[str, Any] = {
        "layers": 65,
        "matched_layers": 65,
        "common_shapes": 1.0,
        "operators": 130,
        "matched_operators": 130,
        "weights_distance": 1.17,
        "weights_limit": 2.2,
        "weights_layer": "CONV_2D 3 (block3/conv)",
        "bias_distance": 0.5,
        "tensors": 131,
    }
    return FileComparison(findings=findings, **{**usual, **more})


def judged(found: FileComparison, declared: StoredWeights = "quantized") -> Judgement:
    made = weights(found, declared)
    msgspec.json.encode(made)
    assert (made.next_step is None) is (made.status is Verdict.PASS)
    assert made.evidence["declared"] == declared
    return made


def check(
    found: FileComparison, status: Verdict, reason: str, declared: StoredWeights = "quantized"
) -> Judgement:
    made = judged(found, declared)
    assert made.reason == reason
    assert made.status is status
    return made


def test_a_proof_says_how_near_the_farthest_is() -> None:
    made = check(
        comparison(),
        Verdict.PASS,
        "all 65 layers hold the baseline's weights, rounded: farthest channel 1.17 (plain "
        "rounding is 1, limit 2.2), farthest bias 0.50 steps, 130 operators alike",
    )
    assert made.evidence["weights_layer"] == "CONV_2D 3 (block3/conv)"
    assert made.evidence["number_of_findings"] == 0


def test_one_layer_is_named() -> None:
    made = check(
        comparison(finding(7)),
        Verdict.FAIL,
        "the weights of CONV_2D 7 (block7/conv) have the other sign (distance 81.2, in rounding "
        "errors)",
    )
    assert made.next_step is not None
    assert made.next_step.startswith("Make the variant from the baseline's file")
    assert 'weights = "trained"' in made.next_step
    assert made.evidence["number_of_findings"] == 1


@pytest.mark.parametrize(
    ("part", "detail", "reason"),
    [
        (
            "biases",
            "are all 0",
            "the biases of CONV_2D 7 (block7/conv) are all 0 (distance 81.2 steps)",
        ),
        (
            "constant",
            "is 3, in the baseline 2",
            "the constant of CONV_2D 7 (block7/conv) is 3, in the baseline 2",
        ),
        (
            "parameter",
            "is [2], in the baseline [1]",
            "a parameter of CONV_2D 7 (block7/conv) is [2], in the baseline [1]",
        ),
        (
            "operator",
            "lost its activation RELU",
            "CONV_2D 7 (block7/conv) lost its activation RELU",
        ),
    ],
)
def test_each_part_has_its_sentence(part: str, detail: str, reason: str) -> None:
    check(comparison(finding(7, part=part, detail=detail)), Verdict.FAIL, reason)


def test_others_are_counted_by_operators() -> None:
    two = finding(7), finding(7, part="biases", change="zeroed", detail="are all 0")
    assert "more" not in headline(two, comparison(*two))
    three = (*two, finding(9))
    assert headline(three, comparison(*three)).endswith("; and 1 more operator")
    four = (*three, finding(11, part="operator", detail="is missing"))
    assert headline(four, comparison(*four)).endswith("; and 2 more operators")


def test_two_operators_are_both_named() -> None:
    pad = finding(3, part="operator", detail="is not in the baseline")
    valid = finding(4, part="operator", detail="has padding VALID, in the baseline SAME")
    assert headline([pad, valid], comparison(pad, valid)) == (
        "CONV_2D 3 (block3/conv) is not in the baseline, and CONV_2D 4 (block4/conv) has padding "
        "VALID, in the baseline SAME"
    )


def test_most_layers_that_are_unlike_are_another_checkpoint() -> None:
    changes = ("near", "other", "foreign")
    findings = [
        finding(at, changes[at % 3], relative=0.04 + 0.0005 * at, detail="differ")
        for at in range(60)
    ]
    made = check(
        comparison(*findings),
        Verdict.FAIL,
        "the weights of 60 of 65 layers differ from the baseline's by about 5.5 %: another "
        "checkpoint",
    )
    assert made.evidence["number_of_findings"] == 60
    assert len(made.evidence["findings"]) == 20  # type: ignore[arg-type]


def test_the_same_change_of_most_layers_is_another_checkpoint_only_if_unlike() -> None:
    near = [finding(at, "near", detail="differ by 5 %") for at in range(65)]
    assert judged(comparison(*near)).reason.endswith("another checkpoint")
    cut = [finding(at, "truncated", detail="were cut off towards 0") for at in range(65)]
    made = check(
        comparison(*cut), Verdict.FAIL, "in 65 of 65 layers the weights were cut off towards 0"
    )
    assert made.next_step == "Round to the nearest step instead of cutting off"


@pytest.mark.parametrize(
    ("layers", "channels", "others", "trained"),
    [
        (17, 58, 4, True),
        (17, 57, 0, False),  # too few channels for training
        (16, 64, 0, False),  # too few layers of 65
        (17, 64, 5, False),  # too many others
    ],
)
def test_layers_that_differ_throughout_are_another_checkpoints(
    layers: int, channels: int, others: int, trained: bool
) -> None:
    findings = [finding(at, "near", channels=channels, of_channels=64) for at in range(layers)]
    findings += [finding(40 + at, channels=64, of_channels=64) for at in range(others)]
    stated = comparison(*findings)
    assert are_trained_on(findings, stated) is trained
    assert headline(findings, stated).startswith(
        f"the weights of {layers + others} of 65 layers, the first of them CONV_2D 0 (block0/conv),"
        " differ from the baseline's by about 5 %: another checkpoint"
        if trained
        else "the weights of CONV_2D 0 (block0/conv) "
    )


def test_most_of_a_mixture_is_another_checkpoint() -> None:
    mixed = [finding(at, "truncated" if at % 2 else "clipped") for at in range(65)]
    assert judged(comparison(*mixed)).reason.endswith("another checkpoint")
    most = [finding(at, "clipped" if at % 10 else "negated", detail="are cut") for at in range(65)]
    assert judged(comparison(*most)).reason == "in 65 of 65 layers the weights are cut"


@pytest.mark.parametrize(
    ("layers", "concerned", "general"),
    [(65, 52, True), (65, 51, False), (2, 2, False), (3, 3, True), (3, 2, False), (4, 3, False)],
)
def test_most_layers_are_80_percent_and_at_least_3(
    layers: int, concerned: int, general: bool
) -> None:
    findings = [finding(at) for at in range(concerned)]
    assert is_general(findings, comparison(layers=layers)) is general


def test_a_layer_counts_once() -> None:
    assert not is_general([finding(0), finding(0), finding(1)], comparison(layers=3))


def test_another_network_is_said_before_anything_else() -> None:
    made = check(
        comparison(finding(), layers=10, matched_layers=2, common_shapes=0.2),
        Verdict.FAIL,
        "another network: the variant has layers of the same shape for only 20.0 % of the "
        "baseline's 10 layers",
    )
    assert made.next_step == (
        "Name the variant's own baseline, or the file that was made from this one"
    )
    assert judged(comparison(common_shapes=0.5)).status is Verdict.PASS
    assert "another network" in judged(comparison(common_shapes=0.2), "trained").reason


def test_layers_without_a_partner_are_counted() -> None:
    made = check(
        comparison(matched_layers=61),
        Verdict.INCONCLUSIVE,
        "61 of 65 layers could be compared with the baseline's; not proven: no partner for "
        "4 layers of the baseline",
    )
    assert made.next_step == (
        "Convert the variant from the baseline's own file, so that both have the same operators"
    )


def test_what_stayed_open_is_said() -> None:
    reason = "CONV_2D 3 (c): the variant computes its weights"
    check(
        comparison(matched_layers=64, unmatched=(reason,)),
        Verdict.INCONCLUSIVE,
        f"64 of 65 layers could be compared with the baseline's; not proven: {reason}",
    )
    made = judged(comparison(matched_layers=63, unmatched=(reason, "another", "third")))
    assert made.reason.endswith(f"{reason}, and 2 more")
    assert made.evidence["unmatched"] == [reason, "another", "third"]


def test_a_finding_that_is_not_certain_proves_nothing() -> None:
    doubt = finding(7, certain=False)
    check(
        comparison(doubt),
        Verdict.INCONCLUSIVE,
        "65 of 65 layers could be compared with the baseline's; not proven: the "
        "weights of CONV_2D 7 (block7/conv) have the other sign",
    )
    made = judged(comparison(finding(9), doubt))
    assert made.status is Verdict.FAIL
    assert made.reason.startswith("the weights of CONV_2D 9")
    assert "more" not in made.reason


def test_trained_weights_are_waived_but_not_operators() -> None:
    stored = [
        finding(1, "foreign"),
        finding(2, part="biases"),
        finding(3, part="constant"),
    ]
    made = check(
        comparison(*stored),
        Verdict.PASS,
        'waived: the spec says that its weights were trained (`weights = "trained"`); its 130 '
        "operators are the baseline's",
        "trained",
    )
    assert made.evidence["number_of_findings"] == 0
    for part in ("operator", "parameter"):
        other = comparison(*stored, finding(5, part=part, detail="is missing"))
        assert judged(other, "trained").status is Verdict.FAIL


def test_one_scale_alone_is_waived_by_per_tensor() -> None:
    scale = finding(3, "one scale", detail="have one scale")
    assert judged(comparison(scale)).status is Verdict.FAIL
    assert judged(comparison(scale), "per_tensor").status is Verdict.PASS
    made = judged(comparison(scale, finding(4)), "per_tensor")
    assert made.status is Verdict.FAIL
    assert made.evidence["number_of_findings"] == 1
    assert judged(comparison(matched_layers=61), "per_tensor").status is Verdict.INCONCLUSIVE


@dataclass(frozen=True)
class Step:
    change: str
    begins: str


@pytest.mark.parametrize(
    "step",
    [
        Step("one scale", "Quantize per channel"),
        Step("beyond float16", "Keep these layers in float32"),
        Step("truncated", "Round to the nearest"),
        Step("clipped", "Take each channel's greatest weight"),
        Step("coarse", "Quantize these layers to as many bits"),
        Step("rescaled", "Write each channel's own scale"),
        Step("overflow", "Leave these layers in float"),
        Step("other units", "Store biases in steps"),
        Step("foreign", "Make the variant from the baseline's file"),
    ],
    ids=lambda one: one.change,
)
def test_the_next_step_helps_with_what_happened(step: Step) -> None:
    part = "biases" if step.change in {"overflow", "other units"} else "weights"
    made = judged(comparison(finding(3, step.change, part=part)))
    assert made.next_step is not None
    assert made.next_step.startswith(step.begins)


def test_the_next_step_of_an_operator_is_about_the_converter() -> None:
    lost = finding(3, "lost activation", part="operator")
    made = judged(comparison(lost))
    assert made.next_step is not None
    assert made.next_step.startswith("Compare the converter's options")
    # With wrong weights beside it, it is another checkpoint's graph.
    made = judged(comparison(lost, finding(4)))
    assert made.next_step is not None
    assert made.next_step.startswith("Make the variant from the baseline's file")


def test_the_next_step_of_most_layers_is_theirs() -> None:
    cut = [finding(at, "truncated") for at in range(65)]
    first = finding(0, "zeroed", part="biases")
    made = judged(comparison(first, *cut))
    assert made.next_step == "Round to the nearest step instead of cutting off"


def test_a_baseline_without_weights_has_nothing_to_prove() -> None:
    check(
        comparison(layers=0, matched_layers=0, common_shapes=0.0),
        Verdict.PASS,
        "the baseline stores no weights",
    )
    made = judged(comparison(finding(part="operator"), layers=0, matched_layers=0))
    assert made.status is Verdict.FAIL


@pytest.mark.parametrize(
    ("relative", "words"),
    [
        (0.08, "off by about 8 %: another normalization (its epsilon or statistics)"),
        (0.499, "another normalization"),
        (0.5, "have the other sign"),
        (1.5, "the weights have the other sign"),
    ],
)
def test_another_normalization_in_most_layers_is_told_from_wrong_scales(
    relative: float, words: str
) -> None:
    findings = [finding(at, "rescaled", relative=relative) for at in range(60)]
    assert words in headline(findings, comparison(*findings))


def test_all_that_is_recorded_of_what_is_stored() -> None:
    found = comparison(
        finding(7),
        layers=64,
        matched_layers=63,
        matched_operators=129,
        weights_distance=1.23456,
        bias_distance=0.98765,
        unmatched=tuple(f"layer {number}" for number in range(25)),
    )
    evidence: dict[str, object] = {
        "layers": 64,
        "matched_layers": 63,
        "operators": 130,
        "matched_operators": 129,
        "weights_distance": 1.235,
        "weights_layer": "CONV_2D 3 (block3/conv)",
        "bias_distance": 0.988,
        "findings": [msgspec.to_builtins(finding(7))],
        "number_of_findings": 1,
        "unmatched": [f"layer {number}" for number in range(20)],
        "declared": "quantized",
    }
    failed = judged(found)
    assert failed.evidence == evidence
    assert failed.status is Verdict.FAIL
    # The same is recorded whatever the verdict.
    none = {**evidence, "findings": [], "number_of_findings": 0}
    cases: tuple[tuple[dict[str, Any], StoredWeights, Verdict], ...] = (
        ({}, "trained", Verdict.PASS),
        ({}, "quantized", Verdict.INCONCLUSIVE),
        ({"unmatched": (), "matched_layers": 64}, "quantized", Verdict.PASS),
        ({"common_shapes": 0.2}, "quantized", Verdict.FAIL),
        ({"layers": 0}, "quantized", Verdict.PASS),
    )
    for more, declared, status in cases:
        clean = msgspec.structs.replace(found, findings=(), **more)
        made = judged(clean, declared)
        assert made.status is status
        assert made.evidence == {
            **none,
            "declared": declared,
            "layers": clean.layers,
            "matched_layers": clean.matched_layers,
            "unmatched": list(clean.unmatched[:20]),
        }


def test_one_is_a_layer_and_one_more_is_said() -> None:
    check(
        comparison(layers=1, matched_layers=1, operators=1, bias_distance=0.0),
        Verdict.PASS,
        "all 1 layer hold the baseline's weights, rounded: farthest channel 1.17 (plain rounding "
        "is 1, limit 2.2), farthest bias 0.00 steps, 1 operator alike",
    )
    check(
        comparison(layers=2, matched_layers=1),
        Verdict.INCONCLUSIVE,
        "1 of 2 layers could be compared with the baseline's; not proven: no partner for 1 "
        "layer of the baseline",
    )
    made = judged(comparison(unmatched=("first", "second")))
    assert made.reason.endswith("not proven: first, and 1 more")


def test_open_findings_come_before_what_has_no_partner() -> None:
    made = judged(comparison(finding(7, certain=False), matched_layers=60, unmatched=("x",)))
    assert made.reason.endswith(
        "not proven: the weights of CONV_2D 7 (block7/conv) have the other sign, and 1 more"
    )


def test_the_difference_in_the_middle_is_shown() -> None:
    # 7 layers: the fourth of them by size, whatever their order.
    sizes = (0.5, 0.01, 0.03, 0.02, 0.4, 0.04, 0.3)
    findings = [finding(at, "foreign", relative=size) for at, size in enumerate(sizes)]
    assert headline(findings, comparison(*findings, layers=8)) == (
        "the weights of 7 of 8 layers differ from the baseline's by about 4 %: another checkpoint"
    )
    folded = [finding(at, "rescaled", relative=size / 2) for at, size in enumerate(sizes)]
    assert headline(folded, comparison(*folded, layers=8)) == (
        "in 7 of 8 layers the weights are the baseline's with a factor for each channel, off by "
        "about 2 %: another normalization (its epsilon or statistics) was folded in"
    )


@pytest.mark.parametrize(("same", "other"), [(48, 12), (47, 13)])
def test_a_change_of_four_in_five_layers_is_what_happened(same: int, other: int) -> None:
    findings = [finding(at, "negated") for at in range(same)]
    findings += [finding(same + at, "clipped", detail="are cut") for at in range(other)]
    words = headline(findings, comparison(*findings, layers=60))
    assert words.endswith("another checkpoint" if same == 47 else "have the other sign")


def test_the_layer_of_the_commonest_change_says_what_happened() -> None:
    first = finding(0, "clipped", detail="are cut")
    findings = [first, *(finding(at, "negated") for at in range(1, 60))]
    assert headline(findings, comparison(*findings)) == (
        "in 60 of 65 layers the weights have the other sign"
    )


def test_biases_do_not_make_a_change_general() -> None:
    biases = [finding(at, "zeroed", part="biases", detail="are all 0") for at in range(60)]
    assert headline(biases, comparison(*biases)) == (
        "the biases of CONV_2D 0 (block0/conv) are all 0 (distance 81.2 steps); and 59 more "
        "operators"
    )
    step = judged(comparison(*biases)).next_step
    assert step is not None
    assert step.startswith("Make the variant from the baseline's file, or declare")


def test_what_counts_is_certain_and_not_waived() -> None:
    sure, unsure = finding(1), finding(2, certain=False)
    lost, scale = finding(3, part="operator"), finding(4, "one scale")
    found = comparison(sure, unsure, lost, scale)
    assert counted(found, "quantized") == (sure, lost, scale)
    assert counted(found, "per_tensor") == (sure, lost)
    assert counted(found, "trained") == (lost,)


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (9.41, "9.41"),
        (96.8, "96.8"),
        (1234.5, "1,234"),
        (94123.0, "94,123"),
        (1e9, "over a million"),
    ],
)
def test_distances_are_plain_numbers_with_their_unit(distance: float, text: str) -> None:
    far = finding(7, distance=distance)
    assert headline([far], comparison(far)).endswith(f"(distance {text}, in rounding errors)")


def test_the_next_step_of_most_layers_is_that_of_the_first() -> None:
    cut = [finding(at, "truncated" if at == 0 else "clipped") for at in range(65)]
    assert judged(comparison(*cut)).next_step == "Round to the nearest step instead of cutting off"


def test_a_graph_that_is_not_read_stays_open() -> None:
    """A WHILE's weights may be anyone's, whatever the layers around it hold."""
    step = judged(comparison(inner=("WHILE 3 (loop)",)))
    assert step.status is Verdict.INCONCLUSIVE
    assert step.reason == (
        "65 of 65 layers could be compared with the baseline's; not proven: WHILE 3 (loop) runs a "
        "graph of its own, which is not read"
    )
    assert step.next_step is not None
    assert "unroll loops" in step.next_step
    alone = judged(comparison(layers=0, matched_layers=0, inner=("IF 1 (cond)",)))
    assert alone.status is Verdict.INCONCLUSIVE


def test_an_ending_of_one_file_alone_says_what_to_do() -> None:
    lost = finding(
        part="operator", change="lost ending", detail="is missing: output 0 holds scores"
    )
    made = judged(comparison(lost))
    assert made.status is Verdict.FAIL
    assert made.next_step is not None
    assert made.next_step.startswith("Export both with this operator or both without it")
