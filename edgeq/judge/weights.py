"""Proof that stored weights, biases, constants and operators are the baseline's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from edgeq.config.structs import StoredWeights
from edgeq.judge.verdict import Judgement, failed, passed, undecided
from edgeq.measure.stored.files import FileComparison
from edgeq.measure.stored.finding import ENDINGS, Finding
from edgeq.words import plural, share

ANOTHER_NETWORK = 0.5
MAX_LAYERS = 0.8
"""Share of the layers from which a change counts as general."""
MIN_LAYERS = 3
TRAINED_LAYERS = 0.25
"""Share of the layers from which those that differ in nearly all of their channels were trained
on; damage spares other channels or other layers."""
THROUGHOUT = 0.9
"""Share of a layer's channels that training it changes."""
FOLDED = 0.5
"""Greatest relative change that another folded normalization explains; beyond it, channels have the
scales of other channels."""
MAX_FINDINGS = 20
UNLIKE_CHANGES = frozenset({"near", "other", "foreign"})
"""Changes to weights that are not a single operation on the baseline's."""

_DECLARE = 'declare `weights = "trained"` for a variant that was trained on after the baseline'
_FROM_BASELINE = f"Make the variant from the baseline's file, or {_DECLARE}"
_END_ALIKE = (
    "Export both with this operator or both without it: an application that reads probabilities "
    "can't take scores for them"
)
_NEXT_STEPS = {
    "one scale": 'Quantize per channel, or declare `weights = "per_tensor"` if the target can\'t',
    "beyond float16": "Keep these layers in float32, or fold their scale into a neighbour",
    "truncated": "Round to the nearest step instead of cutting off",
    "clipped": "Take each channel's greatest weight as the end of its range",
    "coarse": "Quantize these layers to as many bits as the method claims",
    "rescaled": "Write each channel's own scale, in the order of the channels",
    "overflow": "Leave these layers in float, or prune the channels whose weights are 0",
    **dict.fromkeys(ENDINGS, _END_ALIKE),
    "other units": "Store biases in steps of the input's scale times the weights' scale",
}
_SAME_OPERATORS = (
    "Convert the variant from the baseline's own file, so that both have the same operators"
)
_WITHOUT_INNER = (
    "Export both files without it: unroll loops, fix what a condition chooses, store variables as "
    "constants"
)
_OPERATOR_STEP = (
    "Compare the converter's options with those of the baseline's export; if the baseline is "
    "another network on purpose, it is not this variant's baseline"
)


def weights(comparison: FileComparison, declared: StoredWeights) -> Judgement:
    """Prove that what a variant stores was quantized from what its baseline stores."""
    findings = [finding for finding in comparison.findings if not _is_waived(finding, declared)]
    evidence: dict[str, object] = {
        "layers": comparison.layers,
        "matched_layers": comparison.matched_layers,
        "operators": comparison.operators,
        "matched_operators": comparison.matched_operators,
        "weights_distance": round(comparison.weights_distance, 3),
        "weights_layer": comparison.weights_layer,
        "bias_distance": round(comparison.bias_distance, 3),
        "findings": [msgspec.to_builtins(finding) for finding in findings[:MAX_FINDINGS]],
        "number_of_findings": len(findings),
        "unmatched": list(comparison.unmatched[:MAX_FINDINGS]),
        "declared": declared,
    }
    if comparison.layers and comparison.common_shapes < ANOTHER_NETWORK:
        return failed(
            "another network: the variant has layers of the same shape for only "
            f"{share(comparison.common_shapes)} "
            f"of the baseline's {plural(comparison.layers, 'layer')}",
            "Name the variant's own baseline, or the file that was made from this one",
            evidence,
        )
    certain = [finding for finding in findings if finding.certain]
    if certain:
        return failed(headline(certain, comparison), next_step_of(certain, comparison), evidence)
    if declared == "trained":
        return passed(
            'waived: the spec says that its weights were trained (`weights = "trained"`); '
            f"its {plural(comparison.matched_operators, 'operator')} are the baseline's",
            evidence,
        )
    if comparison.layers == 0 and not comparison.inner:
        return passed("the baseline stores no weights", evidence)
    doubts = _doubts(findings, comparison)
    if doubts:
        return undecided(
            f"{comparison.matched_layers} of {plural(comparison.layers, 'layer')} could "
            f"be compared with the baseline's; not proven: {doubts[0]}"
            + (f", and {len(doubts) - 1} more" if len(doubts) > 1 else ""),
            _WITHOUT_INNER if comparison.inner else _SAME_OPERATORS,
            evidence,
        )
    return passed(
        f"all {plural(comparison.layers, 'layer')} hold the baseline's weights, rounded: "
        f"farthest channel {comparison.weights_distance:.2f} (plain rounding is 1, limit "
        f"{comparison.weights_limit:g}), farthest bias {comparison.bias_distance:.2f} steps, "
        f"{plural(comparison.operators, 'operator')} alike",
        evidence,
    )


def headline(findings: Sequence[Finding], comparison: FileComparison) -> str:
    """Return in one sentence what differs from the baseline."""
    stored = [finding for finding in findings if finding.part == "weights"]
    layers = {finding.baseline_operator for finding in stored}
    of_all = f"{len(layers)} of {plural(comparison.layers, 'layer')}"
    middle = sorted(finding.relative for finding in stored)[len(stored) // 2] if stored else 0.0
    about = f"about {_percent(middle)}"
    if is_general(stored, comparison):
        change, count = Counter(finding.change for finding in stored).most_common(1)[0]
        if count < len(stored) * MAX_LAYERS or change in UNLIKE_CHANGES:
            return (
                f"the weights of {of_all} differ from the baseline's by {about}: another checkpoint"
            )
        first = next(finding for finding in stored if finding.change == change)
        if folds_otherwise(stored, comparison):
            return (
                f"in {of_all} the weights are the baseline's with a factor for each channel, off "
                f"by {about}: another normalization (its epsilon or statistics) was folded in"
            )
        return f"in {of_all} the weights {first.detail}"
    if are_trained_on(stored, comparison):
        return (
            f"the weights of {of_all}, the first of them {stored[0].layer}, differ from the "
            f"baseline's by {about}: another checkpoint, of which the other layers are the same"
        )
    first = findings[0]
    # Such as padding by an operator of its own.
    if len(findings) == 2 and all(finding.part == "operator" for finding in findings):
        return f"{_sentence(first)}, and {_sentence(findings[1])}"
    more = _more(findings)
    unit = {"weights": ", in rounding errors", "biases": " steps"}.get(first.part, "")
    limit = f" (distance {_distance(first.distance)}{unit})" if unit else ""
    return f"{_sentence(first)}{limit}{more}"


def _percent(share: float) -> str:
    """Return a share with two digits, or as a whole number of percent."""
    return f"{100 * share:.2g} %" if share < 1 else f"{100 * share:,.0f} %"


def _distance(distance: float) -> str:
    if distance >= 1e6:
        return "over a million"
    return f"{distance:.3g}" if distance < 1000 else f"{distance:,.0f}"


def is_general(stored: Sequence[Finding], comparison: FileComparison) -> bool:
    """Return whether the weights of most layers are affected."""
    layers = {finding.baseline_operator for finding in stored}
    return len(layers) >= max(MIN_LAYERS, MAX_LAYERS * comparison.layers)


def are_trained_on(stored: Sequence[Finding], comparison: FileComparison) -> bool:
    """Return whether a part of the layers differs as if it alone had been trained on."""
    throughout = {
        finding.baseline_operator
        for finding in stored
        if finding.change in UNLIKE_CHANGES
        and finding.channels >= max(1, THROUGHOUT * finding.of_channels)
    }
    layers = {finding.baseline_operator for finding in stored}
    return len(throughout) >= max(
        MIN_LAYERS, TRAINED_LAYERS * comparison.layers, MAX_LAYERS * len(layers)
    )


def folds_otherwise(stored: Sequence[Finding], comparison: FileComparison) -> bool:
    """Return whether most layers differ as if another normalization had been folded into them."""
    folded = [
        finding for finding in stored if finding.change == "rescaled" and finding.relative < FOLDED
    ]
    return is_general(folded, comparison)


def _sentence(finding: Finding) -> str:
    if finding.part == "operator":
        return f"{finding.layer} {finding.detail}"
    what = "a parameter" if finding.part == "parameter" else f"the {finding.part}"
    return f"{what} of {finding.layer} {finding.detail}"


def _more(findings: Sequence[Finding]) -> str:
    others = {finding.layer for finding in findings} - {findings[0].layer}
    return f"; and {plural(len(others), 'more operator')}" if others else ""


def counted(comparison: FileComparison, declared: StoredWeights) -> tuple[Finding, ...]:
    """Return the findings that are certain and not waived by what the spec declares."""
    return tuple(
        finding
        for finding in comparison.findings
        if finding.certain and not _is_waived(finding, declared)
    )


def _is_waived(finding: Finding, declared: StoredWeights) -> bool:
    if declared == "trained":
        return finding.part in {"weights", "biases", "constant"}
    return declared == "per_tensor" and finding.change == "one scale"


def next_step_of(findings: Sequence[Finding], comparison: FileComparison) -> str:
    """Return what to do about a difference from the baseline; arguments as for ``headline``."""
    first = findings[0]
    if first.part == "operator" and not any(finding.part == "weights" for finding in findings):
        return _NEXT_STEPS.get(first.change, _OPERATOR_STEP)
    stored = [finding for finding in findings if finding.part == "weights"]
    chosen = stored[0] if is_general(stored, comparison) else first
    return _NEXT_STEPS.get(chosen.change, _FROM_BASELINE)


def _doubts(findings: Sequence[Finding], comparison: FileComparison) -> list[str]:
    doubts = [f"{label} runs a graph of its own, which is not read" for label in comparison.inner]
    doubts += [_sentence(finding) for finding in findings]
    doubts += comparison.unmatched
    missing = comparison.layers - comparison.matched_layers
    if missing > 0 and not doubts:
        doubts.append(f"no partner for {plural(missing, 'layer')} of the baseline")
    return doubts
