"""A variant's file beside its baseline's, as a whole. Nothing is run.

Operators are matched by the graph, what is stored for each is compared in steps, and what rounding
does not explain is named, with the layer.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from edgeq.measure.stored.finding import Finding, StoredModel, Tally, has_weights
from edgeq.measure.stored.folding import fold
from edgeq.measure.stored.layers import compare_layer
from edgeq.measure.stored.operators import compare_constants, compare_graphs, compare_operator
from edgeq.tflite.matching import match
from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.skeleton import Skeleton, squeezed


class FileComparison(msgspec.Struct, frozen=True, kw_only=True):
    """What a variant's file holds beside its baseline's.

    Attributes:
        layers: The baseline's layers with stored weights.
        matched_layers: Those whose weights the variant has, too, and that could be compared.
        common_shapes: Share of the baseline's layers for which the variant has one with weights
            of the same shape, wherever it is.
        operators: The baseline's operators that compute something.
        matched_operators: Those that the variant has, too.
        weights_distance: Of the channel that lies farthest away, in rounding errors.
        weights_limit: The greatest distance of such a channel that rounding explains.
        weights_layer: Its layer.
        bias_distance: Of the bias that lies farthest away, in steps.
        tensors: How many stored tensors were compared.
        findings: What rounding does not explain, what is certain first, in the order of execution.
        unmatched: What could not be compared, and why.
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


def compare_files(baseline: ModelFile, variant: ModelFile) -> FileComparison:
    """Return what a variant's file holds beside its baseline's.

    Args:
        baseline: The float model.
        variant: The variant.

    Raises:
        ModelError: A file is damaged.
    """
    files = StoredModel.of(baseline), StoredModel.of(variant)
    matching, tally = match(files[0].skeleton, files[1].skeleton), Tally()
    single = tuple({node.place for node in ones} for ones in (matching.missing, matching.added))
    folded: tuple[set[int], set[int]] = (set(), set())
    for pair in matching.pairs:
        folds = fold(files[0], pair.baseline, single[0]), fold(files[1], pair.variant, single[1])
        for side, folding in zip(folded, folds, strict=True):
            side.update(folding.nodes)
        if has_weights(pair.baseline):
            compare_layer(files, pair, folds, tally)
        else:
            compare_constants(files, pair, tally)
        compare_operator(files[1], pair, folds, tally)
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
