"""The gates: limits by name, and the proofs that are always on.

Fields that a row leaves out have the defaults of ``Gate``. Other packages add rows by entry points
of the group ``edgeq.gates``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from edgeq.config.figure_gates import FIGURE_GATES
from edgeq.config.gate import (
    COSTS,
    DEFAULTS_OF_ALL,
    FED,
    OUTPUTS,
    Comparison,
    Gate,
    kind_of,
)
from edgeq.config.markers import OWN_MEASURES
from edgeq.registry import Extensible

if TYPE_CHECKING:
    from edgeq.words import Kind

_HERE = "edgeq.pipeline.gates"
"""The module with the function of each row, which has its name."""

_gate = partial(Gate, judge=_HERE)
_proof = partial(_gate, marker="proof", sense="proof", alone=False)
_agreement = partial(
    _gate,
    marker="agreement",
    unit="ratio",
    needs_images=True,
    needs_training=True,
    alone=False,
    explained=True,
)
_accuracy = partial(_agreement, marker="accuracy", needs_labels=True)
_estimate = partial(_gate, elsewhere=True, alone=False, comparison=Comparison())
"""What a target's compiler says of a file."""


GATES: Extensible[Gate] = Extensible(
    "gate",
    Gate,
    "edgeq.gates",
    [
        _proof(
            name="conversion",
            summary="the float file gives what its source gives in its own runtime",
            needs="file",
            of_baseline=True,
        ),
        _proof(
            name="made",
            summary="the variant could be made, read and loaded",
        ),
        _proof(
            name="types",
            summary="the file contains the types that its method claims",
            needs="file",
            cause="wrong_types",
            sureness=7,
        ),
        _proof(
            name="weights",
            summary="stored weights, biases and operators are the baseline's, up to rounding",
            needs="file",
            cause="stored_weights",
            sureness=6,
            explained=True,
        ),
        _proof(
            name="outputs",
            summary="outputs are finite, repeatable, in the baseline's order, and not constant, "
            "partly dead or all tied",
            needs_images=True,
            explained=True,
        ),
        _proof(
            name="kernels",
            summary="other kernels give the same outputs, up to less than the quantization error",
            needs="kernels",
            holds="quantized",
            needs_images=True,
            needs_training=True,
            cause="kernels",
            sureness=5,
        ),
        _proof(
            name="input_range",
            summary="the quantized input covers the values of the evaluation images, and a "
            "declared preprocessing gives the first layer the values that it was made for",
            needs="file",
            holds="calibrated or fed",
            needs_images=True,
            cause="input_range",
            sureness=6,
        ),
        _proof(
            name="ranges",
            summary="the activations' ranges cause no error: they cover what the baseline computes",
            needs="file",
            holds="fixed scales",
            needs_images=True,
            needs_training=True,
            cause="calibration",
            sureness=6,
            explained=True,
        ),
        _proof(
            name="steady_memory",
            summary="memory does not grow from inference to inference",
            needs="memory",
            needs_images=True,
            cause="growth",
            sureness=3,
        ),
        _proof(
            name="calibration_disjoint",
            summary="no calibration image is also an evaluation image",
            needs="file",
            holds="calibrated here",
            needs_images=True,
            cause="overlap",
            sureness=8,
        ),
        _proof(
            name="calibration_set",
            summary="the calibration images are photographs, and not all identical",
            needs="file",
            holds="calibrated here",
            cause="calibration",
            sureness=4,
        ),
        _gate(
            name="size_reduction",
            marker="size",
            summary="share of the baseline's bytes that the variant saves",
            sense="min",
            needs="file",
            unit="ratio",
            minimum=-10.0,
            maximum=1.0,
            unreachable=1.0,
            alone=False,
            comparison=Comparison(alike=("baseline",), of_file=True),
            column="reduction",
            written="percent",
        ),
        _gate(
            name="max_bytes",
            marker="size",
            summary="bytes of the variant's file",
            sense="max",
            needs="file",
            unit="bytes",
            minimum=1,
            alone=False,
            comparison=Comparison(of_file=True),
            column="size",
        ),
        _agreement(
            name="top1_agreement",
            summary="share of images on which variant and baseline give the same class",
            sense="min",
            maximum=1.0,
            task="classification",
            controlled=True,
            comparison=Comparison(alike=FED, exact=False, by_image=("agrees",)),
            column="agreement",
            written="percent",
        ),
        _agreement(
            name="top5_overlap",
            summary="mean share of the baseline's five best classes among the variant's",
            sense="min",
            maximum=1.0,
            task="classification",
            comparison=Comparison(alike=OUTPUTS, exact=False),
            written="percent",
        ),
        _agreement(
            name="worst_cosine",
            summary="lowest cosine between the logits of variant and baseline, excluding images "
            "that may be low by chance; for outputs without classes, between the outputs",
            sense="min",
            minimum=-1.0,
            maximum=1.0,
            task="classification",
            on_request=True,
            least_classes=3,  # for two centred logits the cosine is always 1 or -1
            # On the same images and processor the value is a fact. Kernels of another processor
            # round sums differently, and a difference of one int8 step shows.
            comparison=Comparison(alike=(*OUTPUTS, *COSTS), tolerance=1e-4),
        ),
        _agreement(
            name="relative_error",
            summary="mean relative error of the logits, or of the output that is farthest from "
            "the baseline's",
            sense="max",
            controlled=True,
            comparison=Comparison(alike=OUTPUTS, exact=False),
            column="agreement",
        ),
        _agreement(
            name="probability_drift",
            summary="mean total variation distance between the probabilities of variant and "
            "baseline",
            sense="max",
            maximum=1.0,
            task="classification",
            controlled=True,
            comparison=Comparison(alike=OUTPUTS, exact=False),
        ),
        _accuracy(
            name="accuracy_drop",
            summary="top-1 accuracy of the baseline minus that of the variant",
            sense="max",
            minimum=-1.0,
            maximum=1.0,
            task="classification",
            controlled=True,
            comparison=Comparison(alike=FED, exact=False, by_image=("baseline_right", "right")),
            column="accuracy",
            written="points",
        ),
        _accuracy(
            name="min_accuracy",
            summary="top-1 accuracy of the variant; applies only if you set it",
            sense="min",
            maximum=1.0,
            task="classification",
            comparison=Comparison(alike=FED, exact=False, by_image=("right",)),
            column="accuracy",
            written="percent",
        ),
        _agreement(
            name="box_recall",
            summary="mean share, over the images, of the baseline's boxes that the variant gives "
            "too, at the operating score",
            sense="min",
            maximum=1.0,
            task="detection",
            comparison=Comparison(alike=OUTPUTS, exact=False),
            column="agreement",
            written="percent",
        ),
        _agreement(
            name="box_precision",
            summary="mean share, over the images, of the variant's boxes that the baseline gives "
            "too, at the operating score",
            sense="min",
            maximum=1.0,
            task="detection",
            comparison=Comparison(alike=OUTPUTS, exact=False),
            written="percent",
        ),
        _agreement(
            name="score_shift",
            summary="mean distance, over the images, between the scores of boxes that variant and "
            "baseline share",
            sense="max",
            maximum=1.0,
            task="detection",
            comparison=Comparison(alike=OUTPUTS, exact=False),
        ),
        _accuracy(
            name="map_drop",
            summary="mAP50-95 of the baseline minus that of the variant",
            sense="max",
            minimum=-1.0,
            maximum=1.0,
            task="detection",
            comparison=Comparison(alike=FED, exact=False),
            column="accuracy",
            written="points",
        ),
        _accuracy(
            name="min_map",
            summary="mAP50-95 of the variant; applies only if you set it",
            sense="min",
            maximum=1.0,
            task="detection",
            comparison=Comparison(alike=FED, exact=False),
            column="accuracy",
            written="percent",
        ),
        *FIGURE_GATES,
        _gate(
            name="latency_ratio",
            marker="latency",
            summary="median latency of the variant divided by the baseline's",
            sense="max",
            needs="time",
            unit="ratio",
            unreachable=0.0,
            timed=True,
            # An interval covers one run. A model timed against itself gave ratios of 0.991 to 1.008
            # (quartiles over runs), and absolute times differed by up to 26 % between jobs.
            comparison=Comparison(
                alike=("baseline", *COSTS), tolerance=0.05, relative=True, exact=False
            ),
            column="latency",
            written="times",
            cause="latency",
            sureness=1,
        ),
        _gate(
            name="max_latency_ms",
            marker="latency",
            summary="median latency of the variant",
            sense="max",
            needs="time",
            unit="ms",
            unreachable=0.0,
            timed=True,
            comparison=Comparison(alike=COSTS, tolerance=0.30, relative=True, exact=False),
            column="latency",
            cause="latency",
            sureness=1,
        ),
        _gate(
            name="max_peak_memory",
            marker="memory",
            summary="peak resident memory of a worker that runs the variant, including growth over "
            "the evaluation",
            sense="max",
            needs="memory",
            unit="bytes",
            minimum=1,
            follows_evaluation=True,
            # Peaks of eight fresh workers with the same model differed by 0.1 to 0.5 %.
            comparison=Comparison(alike=COSTS, tolerance=0.02, relative=True),
            column="memory",
            cause="memory",
            sureness=2,
        ),
        _gate(
            name="max_partitions",
            marker="memory",
            summary="number of partitions into which the delegate split the graph",
            sense="max",
            needs="kernels",
            unit="count",
            alone=False,
            comparison=Comparison(alike=("kernels",)),
            cause="partitions",
            sureness=3,
        ),
        _gate(
            name="same_as_local",
            marker="agreement",
            summary="share of outputs on a target that differ from this machine's by more than "
            "rounding explains",
            sense="max",
            needs="sameness",
            elsewhere=True,
            unit="ratio",
            maximum=1.0,
            limits={DEFAULTS_OF_ALL: 0.0},
            needs_images=True,
            needs_training=True,
            alone=False,
            comparison=Comparison(alike=FED),
            written="percent",
        ),
        _proof(
            name="placement",
            summary="a target's compiler, or its rules, find nothing that keeps the file from it",
            needs="placement",
            elsewhere=True,
        ),
        _estimate(
            name="npu_operators",
            marker="memory",
            summary="share of the operators that the NPU takes, by its compiler or its rules",
            sense="min",
            needs="npu_operators",
            unit="ratio",
            maximum=1.0,
            written="percent",
        ),
        _estimate(
            name="max_npu_ms",
            marker="latency",
            summary="time on the NPU as its compiler estimates it",
            sense="max",
            needs="npu_ms",
            unit="ms",
        ),
        _estimate(
            name="max_sram",
            marker="memory",
            summary="SRAM of the NPU that the file takes as its compiler estimates it",
            sense="max",
            needs="sram",
            unit="bytes",
            minimum=1,
        ),
        _estimate(
            name="max_arena",
            marker="memory",
            summary="bytes of the arena that the file takes in TensorFlow Lite Micro",
            sense="max",
            needs="arena",
            unit="bytes",
            minimum=1,
        ),
    ],
)


def written(gate: str, unit: str) -> Kind:
    """Return how a gate's figures are written; the unit decides for gates that no longer exist."""
    return GATES.get(gate).kind if gate in GATES else kind_of(unit)


def proofs() -> tuple[str, ...]:
    """Return the names of the proofs."""
    return tuple(name for name, gate in GATES if gate.is_proof)


def limits() -> tuple[str, ...]:
    """Return the names of the gates that have a limit, without those that a spec declares."""
    return tuple(name for name, gate in GATES if not (gate.is_proof or gate.declared))


def shipped_test(gate: str, subject: str) -> str:
    """Return the shipped test of a gate for one subject, as pytest writes it."""
    row = GATES.find(gate)
    if row is not None and row.declared:
        return f"test_{OWN_MEASURES}[{subject}-{gate}]"
    return f"test_{gate}[{subject}]"
