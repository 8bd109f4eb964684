"""The exact proofs that are always on: made, types, outputs, and two on calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from edgeq import words
from edgeq.config.methods import METHODS, Method
from edgeq.config.structs import Classifier
from edgeq.errors import EdgeqError
from edgeq.judge.advice import another_method
from edgeq.judge.missing import broken, missing
from edgeq.judge.running import copy_of_baseline, unsteady
from edgeq.judge.verdict import Judgement, failed, passed, undecided
from edgeq.measure.operators import Compute, Operators
from edgeq.measure.predictions import OutputFacts, collapsed
from edgeq.measure.repeats import Repeats
from edgeq.quantize.recipes import MIN_WEIGHTS
from edgeq.samples.lint import Lint
from edgeq.tflite.wiring import ACTIVATION_TYPES_INTEGER
from edgeq.words import names, plural, share

_INDICES = frozenset({"int32", "int64", "bool"})
"""Types of inputs that hold indices or flags, such as tokens, which no method quantizes."""
_HEAD_WEIGHTS: Mapping[Classifier, str] = {"int4": "int4", "dynamic": "int8"}
MAJORITY = 0.5
"""Share of the weights' bytes above which a type holds most of them."""
MAX_BESIDE_SOFTMAX = 0.05
"""Maximum distance of a score from the probability of its logits: 12 steps of an int8 softmax,
which rounds to one. If the baseline exceeds it, its scores are something else (a softmax with a
temperature, several sigmoids, or without the background class)."""


def made(error: EdgeqError | None, *, size: int = 0) -> Judgement:
    """Prove that the variant could be made, read and loaded.

    The reason does not depend on whether this run made the variant or took it from the store, so
    that repeated runs give the same reason.
    """
    if error is not None:
        return broken(error)
    return passed(f"read and loaded, {words.size(size)}", {"bytes": size})


def types(
    operators: Operators,
    method: Method | None,
    *,
    sha256: str,
    baseline_sha256: str,
    baseline_inputs: Sequence[str] = (),
    classifier: Classifier | None = None,
) -> Judgement:
    """Prove that the file has the types that its method claims, and is not the baseline.

    A ready-made variant that claims nothing has no method. Integer inputs of the baseline stay what
    they are, whatever the method: a float model that takes pixels as they are has nothing to
    quantize there.
    """
    evidence: dict[str, object] = {
        "sha256": sha256,
        "weight_bytes_by_type": dict(operators.weight_bytes_by_type),
        "compute_activation_types": dict(operators.compute_activation_types),
        "float_islands": list(operators.float_islands),
        "input_types": list(operators.input_types),
        "output_types": list(operators.output_types),
    }
    if sha256 == baseline_sha256:
        return failed(
            "the file is the baseline's, byte for byte",
            "Name the variant's own file; nothing is quantized here",
            evidence,
        )
    shown = (
        f"weights {_by_share(operators.weight_bytes_by_type)}, "
        f"activations {_by_share(operators.compute_activation_types)}, "
        f"input {_listed(operators.input_types)}, output {_listed(operators.output_types)}"
    )
    if method is None:
        return passed(f"claims no method and differs from the baseline: {shown}", evidence)
    others = operators if classifier is None else _without_heads(operators)
    breaks = [
        *(_weights(others, method) if others.compute or classifier is None else ()),
        *_scales(others, method),
        *_activations(others, method),
        *_borders(operators, method, baseline_inputs),
        *(() if classifier is None else _heads(operators, method, classifier)),
    ]
    claimed = method.name if classifier is None else f"{method.name}, {classifier} classifier"
    if not breaks:
        return passed(f"is what {claimed} claims: {shown}", evidence)
    return failed(
        f"is not what {claimed} claims: {breaks[0]}{_more(breaks)}",
        _next_step(operators, method, baseline_inputs),
        {**evidence, "breaks": breaks},
    )


def _next_step(operators: Operators, claimed: Method, baseline_inputs: Sequence[str]) -> str:
    """Return what to do about a file that is not what it claims; names a claim that it meets."""
    if not sum(operators.weight_bytes_by_type.values()):
        return "Leave out the method: this graph has no weights to quantize"
    shown = shown_methods(operators, baseline_inputs)
    names_ = [f"`{name}`" for name in shown if name != claimed.name]
    if names_:
        return f"Correct the claim (`method`): the file shows {' or '.join(names_)}"
    return "Correct the claim (`method`), or rebuild the variant with every operator quantized"


def shows(operators: Operators, method: Method) -> bool:
    """Return whether weights and activations match a method; input and output may differ."""
    parts = (
        _weights(operators, method),
        _scales(operators, method),
        _activations(operators, method),
    )
    return not any(True for part in parts for _ in part)


def shown_methods(operators: Operators, baseline_inputs: Sequence[str]) -> tuple[str, ...]:
    """Return the methods that a file's types match, input and output included."""
    return tuple(
        name
        for name, method in METHODS
        if shows(operators, method) and not [*_borders(operators, method, baseline_inputs)]
    )


def outputs(
    own: OutputFacts,
    baseline: OutputFacts,
    repeats: Repeats | None = None,
    *,
    trained: bool = True,
    copied: bool = False,
) -> Judgement:
    """Prove that outputs are finite, repeatable, differ between images, and give a class.

    With random weights, nothing about classes is judged: their probabilities are so similar that a
    quantized SOFTMAX rightly gives zeros.

    ``copied`` says whether a variant with quantized arithmetic gave the baseline's outputs bit for
    bit.
    """
    evidence: dict[str, object] = {
        "images": own.images,
        "nonfinite_images": own.nonfinite_images,
        "tied_images": own.tied_images,
        "distinct_classes": own.distinct_classes,
        "baseline_distinct_classes": baseline.distinct_classes,
        "largest_class": own.largest_class,
        "largest_share": own.largest_share,
    }
    if repeats is not None:
        evidence["asked_again"] = msgspec.to_builtins(repeats)
    problem = _unfit(own, baseline)
    problem = problem or (None if repeats is None else unsteady(repeats))
    problem = problem or _unlike_probabilities(own, baseline)
    problem = problem or (copy_of_baseline(own.images) if copied else None)
    problem = problem or (_empty(own, baseline) if trained else None)
    if problem is not None:
        reason, step = problem
        return failed(reason, step, evidence)
    if trained and (nothing := _nothing(own)) is not None:
        # The baseline gives as little, so this is not the variant's fault.
        return undecided(
            f"{nothing}, also of the baseline",
            "Check that the evaluation images differ, and the baseline's preprocessing and weights",
            evidence,
        )
    if not trained:
        return passed(
            f"finite on {plural(own.images, 'image')}; random weights, so nothing more is judged",
            evidence,
        )
    return passed(
        f"finite on {plural(own.images, 'image')}, {own.distinct_classes:,} different "
        f"classes (baseline {baseline.distinct_classes:,}), {plural(own.tied_images, 'tie')}",
        evidence,
    )


def calibration_disjoint(
    shared: Sequence[tuple[str, str]], *, calibration: int | None, evaluation: int
) -> Judgement:
    """Prove that no calibration image is an evaluation image, by content.

    ``calibration`` is the number of calibration images; None if the method needs none.
    """
    if calibration is None:
        return passed("the method needs no calibration images", {"evaluation": evaluation})
    evidence: dict[str, object] = {
        "calibration": calibration,
        "evaluation": evaluation,
        "shared": [list(pair) for pair in shared],
    }
    if shared:
        verb = "is an evaluation image" if len(shared) == 1 else "are evaluation images"
        return failed(
            f"{plural(len(shared), 'calibration image')} {verb} too: "
            f"{names([pair[0] for pair in shared])}",
            "Take them out of one of the two sets",
            evidence,
        )
    return passed(
        f"none of {plural(calibration, 'calibration image')} is among "
        f"{plural(evaluation, 'evaluation image')}",
        evidence,
    )


def calibration_set(lint: Lint | None) -> Judgement:
    """Prove that the calibration images are photographs, and not all the same one.

    Anything merely unusual (few images, one class, another brightness) appears in the evidence.
    """
    if lint is None:
        return missing(
            "no calibration images are named",
            declared=False,
            next_step="Set `images.calibration` to a folder of photographs",
        )
    evidence: dict[str, object] = {
        **lint.facts,
        "problems": list(lint.problems),
        "notes": list(lint.notes),
    }
    if lint.problems:
        return failed(
            lint.problems[0],
            "Calibrate on some 100 photographs like those of the evaluation",
            evidence,
        )
    noted = f"; to note: {lint.notes[0]}" if lint.notes else ""
    pictures = plural(lint.images, "calibration picture")
    return passed(f"{pictures}, neither noise nor all the same{noted}", evidence)


def _weights(operators: Operators, method: Method) -> Iterator[str]:
    total = sum(operators.weight_bytes_by_type.values())
    matching_bytes = sum(
        operators.weight_bytes_by_type.get(name, 0) for name in method.weight_types
    )
    # Both engines leave small weights in float unless activations are quantized too, and in a
    # network of 100 kB most weights are small.
    integer = ACTIVATION_TYPES_INTEGER & method.activation_types
    small = 0 if integer else sum(map(_left_in_float, operators.compute))
    if total == 0:
        yield "no compute operator has weights"
    elif matching_bytes <= MAJORITY * max(total - small, 0):
        heavy = max(
            operators.compute,
            key=lambda layer: 0 if layer.weight_type in method.weight_types else layer.weight_bytes,
        )
        claimed = _listed(sorted(method.weight_types))
        left = f"; layers below {MIN_WEIGHTS:,} weights stay float"
        yield (
            f"{claimed} holds {share(matching_bytes / total)} of the weights' bytes "
            f"(largest other: {heavy.weight_type} of {heavy.label})"
            + (left if small == total and "int8" in method.weight_types else "")
        )
    if method.weights_dequantized is None or matching_bytes == 0:
        return
    routed = [layer for layer in operators.compute if layer.weight_type in method.weight_types]
    routed_bytes = sum(
        layer.weight_bytes for layer in routed
    )  # shared weights count with every operator
    dequantized = sum(layer.weight_bytes for layer in routed if layer.dequantized)
    if (dequantized > MAJORITY * routed_bytes) != method.weights_dequantized:
        yield (
            "activations are quantized while running, since operators take the weights as stored"
            if method.weights_dequantized
            else "the arithmetic is float, since weights are dequantized first"
        )


def _left_in_float(operator: Compute) -> int:
    """Return the bytes of an operator's float weights if they are too few to be quantized."""
    small = operator.weight_bytes < 4 * MIN_WEIGHTS  # of 4 bytes each
    return operator.weight_bytes if small and operator.weight_type == "float32" else 0


def _scales(operators: Operators, method: Method) -> Iterator[str]:
    """Yield which layers have a scale per channel if the method allows only one per tensor."""
    if method.stored_weights != "per_tensor":
        return
    layers = [layer for layer in operators.compute if layer.weight_scales]
    finer = [layer for layer in layers if layer.weight_scales > 1]
    if finer:
        yield (
            f"{len(finer)} of {plural(len(layers), 'layer')} with a scale for each channel: "
            f"{names([layer.label for layer in finer])}"
        )


def _without_heads(operators: Operators) -> Operators:
    """Return a model's operators without the dense layers that produce its outputs."""
    others = tuple(layer for layer in operators.compute if not layer.head)
    sizes: Counter[str] = Counter()
    for other in others:
        sizes[other.weight_type or ""] += other.weight_bytes
    return msgspec.structs.replace(
        operators,
        compute=others,
        weight_bytes_by_type={kind: size for kind, size in sizes.items() if kind},
    )


def _heads(operators: Operators, method: Method, classifier: Classifier) -> Iterator[str]:
    """Yield how the dense layers that produce the outputs differ from the claim."""
    heads = [layer for layer in operators.compute if layer.head]
    if not heads:
        yield "no dense layer gives an output"
    weights, activations = _HEAD_WEIGHTS[classifier], method.activation_types
    if classifier == "dynamic":
        activations = frozenset({"float32"})
    for head in heads:
        if head.weight_type != weights:
            yield f"{head.label} gives an output with {head.weight_type} weights, not {weights}"
        elif head.activation_type not in activations:
            yield f"{head.label} gives {head.activation_type}, not {_listed(sorted(activations))}"
        elif classifier == "dynamic" and head.dequantized:
            yield f"the weights of {head.label} are made float first"


def _activations(operators: Operators, method: Method) -> Iterator[str]:
    if not method.activation_types:
        return
    wrong = [
        layer for layer in operators.compute if layer.activation_type not in method.activation_types
    ]
    if wrong:
        kinds = _listed(sorted({layer.activation_type for layer in wrong}))
        yield (
            f"{len(wrong)} of {plural(len(operators.compute), 'compute operator')} give {kinds}: "
            f"{names([layer.label for layer in wrong])}"
        )


def _borders(operators: Operators, method: Method, baseline_inputs: Sequence[str]) -> Iterator[str]:
    given = set(operators.input_types) - _INDICES - (set(baseline_inputs) - {"float32"})
    for border, kinds in (("input", given), ("output", operators.output_types)):
        wrong = sorted(set(kinds) - method.io_types)
        if wrong:
            yield f"{border} is {_listed(wrong)}, not {_listed(sorted(method.io_types))}"


def _unfit(own: OutputFacts, baseline: OutputFacts) -> tuple[str, str] | None:
    if baseline.nonfinite_images:
        return (
            f"the baseline itself is not finite on {baseline.nonfinite_images:,} of "
            + plural(baseline.images, "image"),
            "Fix the float model and check its preprocessing first",
        )
    if own.nonfinite_images:
        return (
            f"NaN or infinity on {own.nonfinite_images:,} of {plural(own.images, 'image')}",
            "Check the ranges that calibration found; float16 overflows above 65504",
        )
    return None


def _unlike_probabilities(own: OutputFacts, baseline: OutputFacts) -> tuple[str, str] | None:
    """Return what is wrong with scores that no longer are the probabilities of their logits.

    Agreement and drift are about logits, which know nothing of what follows the softmax.
    """
    variant, usual = own.beside_softmax, baseline.beside_softmax
    if variant is None or usual is None or usual > MAX_BESIDE_SOFTMAX:
        return None
    if variant <= MAX_BESIDE_SOFTMAX + 2 * usual:
        return None
    return (
        f"its class scores are not the probabilities of its logits: off by up to {variant:.3g}",
        "Check what follows the softmax: operators, and the scale and zero point of the output",
    )


def _empty(own: OutputFacts, baseline: OutputFacts) -> tuple[str, str] | None:
    nothing = _nothing(own)
    if nothing is not None and nothing != _nothing(baseline):
        return nothing, "Check the input's preprocessing and the calibration images"
    if nothing is None and collapsed(baseline, own):
        images = plural(own.images, "image")
        given = plural(own.distinct_classes, "class", "different classes")
        largest = f"class {own.largest_class} on {share(own.largest_share)} of {images}"
        return (
            f"collapsed: gives {given} (baseline {baseline.distinct_classes:,}), {largest}",
            another_method(None),
        )
    return None


def _nothing(own: OutputFacts) -> str | None:
    """Return how outputs say nothing about any image, None if they say something."""
    images = plural(own.images, "image")
    if own.all_zero:
        return f"every output is 0 on all {images}"
    if own.constant:
        return f"the output is the same on all {images}"
    return f"the greatest score is tied on all {images}" if own.all_tied else None


def _more(breaks: Sequence[str]) -> str:
    """Return how many more differences from the claim the evidence lists."""
    return f"; and {plural(len(breaks) - 1, 'more difference')}" if len(breaks) > 1 else ""


def _by_share(sizes: Mapping[str, int]) -> str:
    """Return the names, largest size first."""
    return _listed(sorted(sizes, key=lambda name: -sizes[name]))


def _listed(kinds: Iterable[str]) -> str:
    return " + ".join(dict.fromkeys(kinds)) or "none"
