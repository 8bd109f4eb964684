"""Comparison of operators in the variant and in the baseline: options, activations, the graph."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from edgeq.measure.stored.equivalents import (
    CLIPPING,
    COMPARISONS,
    ENDS,
    averages_all,
    pads_alike,
    range_of,
    same_clamp,
    same_output,
)
from edgeq.measure.stored.finding import (
    ADDED_ENDING,
    LOST_ENDING,
    Finding,
    StoredModel,
    Tally,
)
from edgeq.measure.stored.folding import Affine, changes_nothing
from edgeq.measure.stored.layers import (
    FLOAT16_END,
    MAX_OF_A_SMALL_CHANNEL,
    MAX_OF_FLOAT16,
    both,
)
from edgeq.measure.stored.steps import Reals, distance
from edgeq.tflite.image_input import image_input
from edgeq.tflite.matching import Matching, Pair
from edgeq.tflite.model_file import Tensor
from edgeq.tflite.skeleton import COMMUTATIVE, DENSE, Node, Skeleton, Source
from edgeq.tflite.wiring import COMPUTE

SAME_REAL = 1e-6
MAX_SHOWN = 8
_NONE = "NONE"
_WHOLE_NUMBERS = frozenset({"int32", "int64", "bool"})
_SHAPES = frozenset({("FILL", 0), ("BROADCAST_TO", 1), ("STRIDED_SLICE", 2)})
"""Operators and the position of a shape among their inputs, which one file may leave open."""
_MEANS = {"MEAN", "AVERAGE_POOL_2D"}
_ALIKE = (
    _MEANS,
    {DENSE, "BATCH_MATMUL"},
    {"CONV_2D", "DEPTHWISE_CONV_2D"},
    {"PAD", "PADV2"},
    {DENSE, "CONV_2D"},
    {"LEAKY_RELU", "PRELU"},
    {"MAXIMUM", "RELU"},
)
"""Kinds of operators that can compute the same; whether they do is not checked."""
_PROBABILITIES = frozenset({"SOFTMAX", "LOGISTIC"})
"""Operators that make probabilities of scores."""
_RESCALING = frozenset({"ADD", "DIV", "MUL", "SUB"})
_CHANNELS_LAST = (1, 2, 0)


def compare_constants(files: tuple[StoredModel, StoredModel], pair: Pair, tally: Tally) -> None:
    """Compare what is stored for an operator that is not a layer with weights."""
    for at, stored in pair.baseline.constants:
        given = _constant_at(pair.variant, at)
        if given is None:
            tally.unmatched.append(f"{pair.variant.label}: the variant computes its input {at}")
        elif stored.dtype in _WHOLE_NUMBERS and not given.scales.size:
            _compare_parameter(files, pair, at, (stored, given), tally)
        else:
            _compare_constant(files, pair, (stored, given), tally)


def compare_operator(
    files: tuple[StoredModel, StoredModel],
    pair: Pair,
    folds: tuple[Affine, Affine],
    tally: Tally,
) -> None:
    """Compare an operator's options, its activation, and the order of its input's axes."""
    baseline, variant = pair.baseline, pair.variant
    given = dict(variant.options)
    for name, value in baseline.options:
        other = given.get(name, value)
        if not _same(value, other) and not (name == "padding" and pads_alike(files, pair)):
            what = f"another {name.split('_')[0]}", f"has {name} {other}, in the baseline {value}"
            tally.add(pair, "operator", what)
    ours, theirs = (fold.activation for fold in folds)
    if not same_clamp(files[1].model, variant.outputs[0], ours, theirs):
        lost = theirs == _NONE
        detail = f"lost its activation {ours}"
        if not lost:
            detail = f"has the activation {theirs}, in the baseline {ours}"
        tally.add(pair, "operator", ("lost activation" if lost else "another activation", detail))
    elif ours == theirs and not _same_ends(files[1].model.tensors[variant.outputs[0]], folds):
        shown = [f"{fold.ends[0]:.4g} to {fold.ends[1]:.4g}" for fold in folds]
        detail = f"clips to {shown[1]}, the baseline to {shown[0]}"
        tally.add(pair, "operator", ("another clip", detail))
    if _exchanges(files[0].skeleton, baseline) != _exchanges(files[1].skeleton, variant):
        what = "axes", "takes its input with axes in another order"
        # Channels first or last may be a mere difference of layout, which is not traced further.
        tally.add(pair, "operator", what, certain=False)


def compare_graphs(
    files: tuple[StoredModel, StoredModel],
    matching: Matching,
    folded: tuple[Collection[int], ...],
    tally: Tally,
) -> None:
    """Add the operators that only one of the graphs has, and outputs in another order.

    ``folded`` has the places of operators that were folded away in the baseline and in the variant.
    """
    for pair in matching.replaced:
        kinds = {pair.baseline.kind, pair.variant.kind}
        if kinds == _MEANS and all(
            averages_all(file, node)
            for file, node in zip(files, (pair.baseline, pair.variant), strict=True)
        ):
            continue
        alike = len(kinds) == 1 or any(kinds <= family for family in _ALIKE)
        detail = f"stands where the baseline has {pair.baseline.label}"
        ours, theirs = (_weights_shape(node) for node in (pair.baseline, pair.variant))
        if len(kinds) == 1 and None not in {ours, theirs} and ours != theirs:
            detail += f", and its weights have the shape {theirs} instead of {ours}"
        tally.add(pair, "operator", ("another operator", detail), certain=not alike)
    missing = [
        node
        for node in matching.missing
        if node.place not in folded[0] and not changes_nothing(files[0], node)
    ]
    reaching = _reaching(matching)
    added = [
        node
        for node in matching.added
        if node.place in reaching - set(folded[1]) and not changes_nothing(files[1], node)
    ]
    # A part that was rewritten with other operators may compute the same.
    certain = not (missing and added) and all(match.evidence == "graph" for match in matching.pairs)
    endings = _endings(matching)
    tally.findings += [
        _of_one_file(node, side, endings[side].get(node.place), certain=certain)
        for side, nodes in enumerate((missing, added))
        for node in nodes
    ]
    _compare_outputs(matching, {*endings[1], *folded[1]}, tally)


def _weights_shape(node: Node) -> str | None:
    """Return the shape of an operator's weights, such as ``"10 x 64"``; None if it has none."""
    stored = COMPUTE.get(node.operator.name)
    weights = None if stored is None else node.constant(stored.weights)
    return None if weights is None else " x ".join(map(str, weights.shape))


def _of_one_file(node: Node, side: int, output: int | None, *, certain: bool) -> Finding:
    """Return the finding on an operator that only one file has.

    Args:
        node: The operator.
        side: 0 for the baseline's, 1 for the variant's.
        output: Index of the output that it makes probabilities of, whose scores the other file
            gives; None if it does anything else.
        certain: As for ``Finding``.
    """
    added = side == 1
    change, detail = "missing operator", "is missing"
    if added:
        change, detail = "added operator", "is not in the baseline"
    if output is not None:
        change = ADDED_ENDING if added else LOST_ENDING
        detail += (
            f": output {output} holds probabilities, the baseline's the scores before them"
            if added
            else f": output {output} holds the scores of which the baseline makes probabilities"
        )
    return Finding(
        layer=node.label,
        part="operator",
        change=change,
        detail=detail,
        operator=node.operator.index if added else -1,
        baseline_operator=-1 if added else node.operator.index,
        certain=certain,
    )


def _endings(matching: Matching) -> tuple[dict[int, int], dict[int, int]]:
    """Return the softmaxes and sigmoids that end only one file, where the other has their input.

    Returns:
        The baseline's and the variant's: the index of the output by the place of the operator.
    """
    known = {pair.baseline.place: pair.variant.place for pair in matching.pairs}
    partners = {theirs: ours for ours, theirs in known.items()}
    endings: tuple[dict[int, int], dict[int, int]] = ({}, {})
    outputs = zip(matching.baseline.outputs, matching.variant.outputs, strict=False)
    for at, both_ends in enumerate(outputs):
        for side, (graph, paired) in enumerate(
            ((matching.baseline, known), (matching.variant, partners))
        ):
            own, other = both_ends[side].node, both_ends[1 - side].node
            if own is None or other is None or own in paired:
                continue
            node = graph.nodes[own]
            source = node.sources[0]
            before = None if source is None or source.node is None else paired.get(source.node)
            if node.kind in _PROBABILITIES and before == other:
                endings[side][own] = at
    return endings


def _compare_constant(
    files: tuple[StoredModel, StoredModel],
    pair: Pair,
    tensors: tuple[Tensor, Tensor],
    tally: Tally,
) -> None:
    given = tensors[1]
    if given.scales.size > 1:
        tally.unmatched.append(f"{pair.variant.label}: a constant has several scales")
        return
    values = both(files, tensors, pair, tally)
    if values is None or _is_end(values, given):
        return
    names = pair.baseline.operator.name, pair.variant.operator.name
    inverse = _inverted(values[0], names[0]), _inverted(values[1], names[1])
    if names[0] != names[1]:
        if "DIV" in names and given.scales.size:
            tally.unmatched.append(
                f"{pair.variant.label}: its constant is the inverse in few steps"
            )
            return
        values = inverse
    ours, theirs = (value.reshape(1, -1) for value in values)
    ends = _float16_ends(files[1], pair.variant, given, (ours, theirs))
    apart = distance(
        np.where(ends, np.float32(0), ours),
        np.where(ends, np.float32(0), theirs),
        dtype=given.dtype,
        scales=given.scales,
        zero_points=given.zero_points,
        tensorwise=True,
        baseline_steps=tensors[0].scales if tensors[0].scales.size == 1 else None,
    )
    limit = MAX_OF_FLOAT16 if given.dtype == "float16" else MAX_OF_A_SMALL_CHANNEL
    if apart.greatest <= limit:
        return
    same = same_output(files[1].model, pair.variant, inverse)
    if not same.all():
        what = "other constant", f"is {_shown(theirs)}, in the baseline {_shown(ours)}"
        certain = pair.variant.kind not in COMPARISONS
        tally.add(
            pair, "constant", what, distances=(apart.greatest, apart.relative), certain=certain
        )


def _inverted(values: Reals, name: str) -> Reals:
    """Return what a constant multiplies by or adds, if its operator divides or subtracts."""
    if name == "DIV":
        with np.errstate(divide="ignore"):
            return np.asarray(1 / values, np.float32)
    return -values if name == "SUB" else values


def _compare_parameter(
    files: tuple[StoredModel, StoredModel],
    pair: Pair,
    at: int,
    tensors: tuple[Tensor, Tensor],
    tally: Tally,
) -> None:
    """Compare integers that control what an operator does: axes, paddings, sizes."""
    if (pair.baseline.operator.name, at) in _SHAPES:
        return
    ours, theirs = (
        file.constants.stored(tensor).ravel().tolist()
        for file, tensor in zip(files, tensors, strict=True)
    )
    tally.tensors += 1
    if ours != theirs:
        what = (
            "other parameter",
            f"is {theirs[:MAX_SHOWN]}, in the baseline {ours[:MAX_SHOWN]}",
        )
        tally.add(pair, "parameter", what)


def _compare_outputs(matching: Matching, ends: Collection[int], tally: Tally) -> None:
    """Compare the operators that produce the outputs, in order, but for those added or folded."""
    known = {pair.baseline.place: pair.variant.place for pair in matching.pairs}
    nodes = matching.baseline.nodes, matching.variant.nodes
    for at, (ours, theirs) in enumerate(
        zip(matching.baseline.outputs, matching.variant.outputs, strict=False)
    ):
        if (
            ours.node is None
            or theirs.node is None
            or ours.node not in known
            or theirs.node in ends
        ):
            continue
        if (known[ours.node], ours.output) != (theirs.node, theirs.output):
            tally.findings.append(
                Finding(
                    layer=nodes[1][theirs.node].label,
                    part="operator",
                    change="outputs in another order",
                    detail=f"makes output {at}, in the baseline {nodes[0][ours.node].label} does",
                    operator=nodes[1][theirs.node].operator.index,
                    # Whether outputs are swapped is decided by comparing their values.
                    certain=False,
                )
            )


def _reaching(matching: Matching) -> set[int]:
    """Return the variant's operators that lead to an operator or output the baseline also has."""
    matched = {pair.variant.place for pair in matching.pairs}
    count = len(matching.baseline.outputs)
    ends = {output.node for output in matching.variant.outputs[:count] if output.node is not None}
    reaching: set[int] = set()
    for node in reversed(matching.variant.nodes):
        takers = {taker for taker, _, _ in matching.variant.consumers[node.place]}
        if node.place in ends or takers & (matched | reaching):
            reaching.add(node.place)
    return reaching


def _constant_at(node: Node, at: int) -> Tensor | None:
    constants = dict(node.constants)
    if at in constants or node.kind not in COMMUTATIVE:
        return constants.get(at)
    return next(iter(constants.values()), None)


def _exchanges(graph: Skeleton, node: Node) -> list[object]:
    """Return how the axes of what an operator takes were exchanged before.

    Images with the channels first are fed so. A file that puts them last before its first layer
    computes the same as one that takes them last.
    """
    sources = [source for source in node.sources if source is not None and source.constant is None]
    return [() if _only_turns_image(graph, source) else source.exchanges for source in sources]


def _only_turns_image(graph: Skeleton, source: Source) -> bool:
    """Return whether all that was exchanged on the way from an input are its channels, put last."""
    exchanges = source.exchanges
    while source.node is not None:  # a rescaling by single numbers does not depend on the order
        before = graph.nodes[source.node]
        sources = [each for each in before.sources if each is not None and each.constant is None]
        whole = all(math.prod(tensor.shape) == 1 for _, tensor in before.constants)
        if before.kind not in _RESCALING or not whole or len(sources) != 1 or sources[0].exchanges:
            return False
        source = sources[0]
    if source.output not in range(len(graph.model.inputs)):
        return False
    image = image_input(graph.model.tensors[graph.model.inputs[source.output]].shape)
    return (
        image is not None and image.channels_first and exchanges == ((image.sides, _CHANNELS_LAST),)
    )


def _same_ends(output: Tensor, folds: tuple[Affine, Affine]) -> bool:
    """Return whether an activation leaves the baseline's range exactly, unless it is quantized."""
    if range_of(output) is not None:
        return True
    ends = zip(folds[0].ends, folds[1].ends, strict=True)
    return all(ours == theirs or _same(ours, theirs) for ours, theirs in ends)


def _same(value: object, other: object) -> bool:
    if isinstance(value, float) and isinstance(other, float):
        return abs(other - value) <= SAME_REAL * abs(value)
    return other == value


def _is_end(values: tuple[Reals, Reals], given: Tensor) -> bool:
    """Return whether a constant outside its type's range is stored as the end of that range.

    For example, the input of a maximum is padded with the lowest number.
    """
    if values[0].size != 1:
        return False
    ours, theirs = (float(value.ravel()[0]) for value in values)
    if given.dtype == "float16":
        return abs(ours) > FLOAT16_END and abs(theirs) >= FLOAT16_END and ours * theirs > 0
    if given.scales.size != 1 or given.dtype not in ENDS:
        return False
    step = float(given.scales[0])
    lowest = (ENDS[given.dtype][0] - int(given.zero_points[0])) * step
    return ours < lowest and theirs <= lowest + 1.5 * step  # symmetric types leave out the lowest


def _float16_ends(
    file: StoredModel, node: Node, given: Tensor, values: tuple[Reals, Reals]
) -> npt.NDArray[np.bool_]:
    """Return which numbers beyond float16 are stored as its ends and have the same effect.

    They have in operators that compare, and in front of a softmax, where a mask of -1e9 and one of
    -65504 both give a probability of 0.
    """
    ours, theirs = values
    if given.dtype != "float16":
        return np.zeros(ours.shape, np.bool_)
    takers = [file.skeleton.nodes[at].kind for at, _, _ in file.skeleton.consumers[node.place]]
    masks = node.kind == "ADD" and takers == ["SOFTMAX"]
    if node.kind not in {*CLIPPING, *COMPARISONS} and not masks:
        return np.zeros(ours.shape, np.bool_)
    beyond = (np.abs(ours) > FLOAT16_END) & (np.abs(theirs) >= FLOAT16_END)
    return np.asarray(beyond & (np.sign(ours) == np.sign(theirs)) & ((ours < 0) | (not masks)))


def _shown(values: Reals) -> str:
    flat = np.asarray(values).ravel()
    few = ", ".join(f"{number:.4g}" for number in flat[:3])
    return f"{few}, ..." if flat.size > 3 else few  # three are shown
