"""Comparison of a variant's whole file with its baseline's, without running either.

Operators are matched by the graph, and what is stored for each is compared in steps. Every
difference that rounding does not explain is reported with its layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import msgspec

from edgeq.measure.stored.equivalents import places_of_pads, same_entries
from edgeq.measure.stored.finding import Finding, StoredModel, Tally, has_weights
from edgeq.measure.stored.folding import fold
from edgeq.measure.stored.layers import compare_layer
from edgeq.measure.stored.operators import compare_constants, compare_graphs, compare_operator
from edgeq.tflite.entry import Entry, entry
from edgeq.tflite.matching import match
from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.skeleton import Skeleton, squeezed
from edgeq.tflite.wiring import COMPUTE

_WITH_GRAPHS = frozenset({"CALL", "CALL_ONCE", "IF", "WHILE"})


class FileComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Result of comparing a variant's file with its baseline's.

    Attributes:
        layers: Number of the baseline's layers with stored weights.
        matched_layers: Number of those layers whose weights could be compared with the variant's.
        common_shapes: Share of the baseline's layers for which the variant has a layer with weights
            of the same shape anywhere.
        operators: Number of the baseline's operators that compute something.
        matched_operators: Number of those operators that the variant has too.
        weights_distance: Distance of the farthest channel of weights, in rounding errors.
        weights_limit: Greatest distance of such a channel that rounding explains.
        weights_layer: Layer of that channel.
        bias_distance: Distance of the farthest bias, in steps.
        findings: Differences that rounding does not explain, certain ones first, each group in
            order of execution.
        unmatched: What could not be compared, and why.
        colours_fit: Whether the inputs take colours in different orders, as declared, and the first
            layers get them in the orders of their weights.
        inner: Operators of the variant that run another graph of the file, or initialize variables
            by one. Only main graphs are compared.
    """

    layers: int
    matched_layers: int
    common_shapes: float
    operators: int
    matched_operators: int
    weights_distance: float = 0.0
    weights_limit: float = 0.0
    weights_layer: str = ""
    bias_distance: float = 0.0
    tensors: int = 0
    findings: tuple[Finding, ...] = ()
    unmatched: tuple[str, ...] = ()
    colours_fit: bool = False
    inner: tuple[str, ...] = ()


def compare_files(
    baseline: ModelFile,
    variant: ModelFile,
    *,
    outside: tuple[Collection[int], Collection[int]] = ((), ()),
    bgr: tuple[bool, bool] = (False, False),
) -> FileComparison:
    """Compare a variant's file with its baseline's.

    Args:
        baseline: The float model.
        variant: The variant.
        outside: Indices of operators of both that the other file may lack, because its
            preprocessing does the same.
        bgr: Whether blue comes first in the input of the baseline and of the variant.

    Raises:
        ModelError: A file is damaged.
    """
    files = StoredModel.of(baseline), StoredModel.of(variant)
    entries = entry(baseline), entry(variant)
    strict = _compare(files, outside, entries)
    if bgr[0] == bgr[1] and not any(step.reversing for step in entries):
        return strict
    declared = _compare(files, outside, entries, bgr)
    return declared if _certain(declared) < _certain(strict) else strict


def _certain(comparison: FileComparison) -> int:
    return sum(finding.certain for finding in comparison.findings)


def _compare(
    files: tuple[StoredModel, StoredModel],
    outside: tuple[Collection[int], Collection[int]],
    entries: tuple[Entry, Entry],
    bgr: tuple[bool, bool] | None = None,
) -> FileComparison:
    """Compare two files, by the order of colours that their inputs are declared to take.

    Without one, operators that reverse it count as any other.
    """
    matching, tally = match(files[0].skeleton, files[1].skeleton), Tally()
    single = tuple({node.place for node in ones} for ones in (matching.missing, matching.added))
    same = same_entries(files, entries, bgr)
    without = [
        {*some, *alike} - {*step.reversing} if bgr is None else {*some, *alike, *step.reversing}
        for some, alike, step in zip(outside, same, entries, strict=True)
    ]
    folded = tuple(
        {node.place for node in file.skeleton.nodes if node.operator.index in indices}
        for file, indices in zip(files, without, strict=True)
    )
    other_colours = frozenset[int]() if bgr is None else _other_colours(files, entries, bgr)
    for pair in matching.pairs:
        if pair.baseline.operator.index in same[0] and pair.variant.operator.index in same[1]:
            continue  # what all of them compute together is the same
        folds = fold(files[0], pair.baseline, single[0]), fold(files[1], pair.variant, single[1])
        for side, folding in zip(folded, folds, strict=True):
            side.update(folding.nodes)
        for side, pads in zip(folded, places_of_pads(files, pair), strict=True):
            side.update(pads)
        if has_weights(pair.baseline):
            at_first = pair.variant.place in other_colours
            compare_layer(files, pair, folds, tally, other_colours=at_first)
        else:
            compare_constants(files, pair, tally)
        compare_operator(files, pair, folds, tally)
    compare_graphs(files, matching, folded, tally)
    return FileComparison(
        layers=sum(map(has_weights, files[0].skeleton.nodes)),
        matched_layers=tally.layers,
        common_shapes=_common_shapes(files[0].skeleton, files[1].skeleton),
        operators=len(files[0].skeleton.nodes),
        matched_operators=len(matching.pairs),
        weights_distance=round(min(tally.farthest[0], 1e9), 4),
        weights_limit=tally.farthest[1],
        weights_layer=tally.farthest[2],
        bias_distance=round(tally.bias_distance, 4),
        tensors=tally.tensors,
        findings=tuple(
            sorted(
                tally.findings, key=lambda finding: (not finding.certain, finding.baseline_operator)
            )
        ),
        unmatched=tuple(tally.unmatched),
        colours_fit=bgr is not None and bgr[0] != bgr[1],
        inner=tuple(
            f"{operator.name} {operator.index}"
            for operator in files[1].model.operators
            if operator.name in _WITH_GRAPHS
        ),
    )


def _other_colours(
    files: tuple[StoredModel, StoredModel],
    entries: tuple[Entry, Entry],
    bgr: tuple[bool, bool],
) -> frozenset[int]:
    """Return the places of the variant's first layers that get blue where the baseline's get red.

    Their weights must be in the opposite order.
    """
    orders = [given != step.is_reversed for given, step in zip(bgr, entries, strict=True)]
    if orders[0] == orders[1]:
        return frozenset()
    nodes = files[1].skeleton.nodes
    before = {node.place for node in nodes if node.operator.index in entries[1].operators}
    return frozenset(
        node.place
        for node in nodes
        if node.operator.name in COMPUTE
        and (source := node.sources[COMPUTE[node.operator.name].activation]) is not None
        and source.constant is None
        and (source.node is None or source.node in before)
    )


def _common_shapes(baseline: Skeleton, variant: Skeleton) -> float:
    ours, theirs = (
        Counter(
            tuple(sorted(squeezed(node.constants[0][1].shape)))
            for node in graph.nodes
            if has_weights(node)
        )
        for graph in (baseline, variant)
    )
    return (ours & theirs).total() / ours.total() if ours else 1.0
