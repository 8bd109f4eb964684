"""The gates: limits by name, and the proofs that are always on.

Fields that a row leaves out have the defaults of ``Gate``. Other packages add rows by entry points
of the group ``edgeq.gates``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeq.config.gate import COSTS, FED, OUTPUTS, Comparison, Gate, kind_of
from edgeq.registry import Extensible

if TYPE_CHECKING:
    from edgeq.words import Kind

_HERE = "edgeq.pipeline.gates"


GATES: Extensible[Gate] = Extensible(
    "gate",
    Gate,
    "edgeq.gates",
    [
        Gate(
            name="made",
            marker="proof",
            summary="the variant could be made, read and loaded",
            judge=f"{_HERE}:made",
            sense="proof",
            alone=False,
        ),
        Gate(
            name="types",
            marker="proof",
            summary="the file contains the types that its method claims",
            judge=f"{_HERE}:types",
            sense="proof",
            alone=False,
            cause="wrong_types",
            sureness=7,
        ),
        Gate(
            name="weights",
            marker="proof",
            summary="stored weights, biases and operators are the baseline's, up to rounding",
            judge=f"{_HERE}:weights",
            sense="proof",
            alone=False,
            cause="stored_weights",
            sureness=6,
            explained=True,
        ),
        Gate(
            name="outputs",
            marker="proof",
            summary="outputs are finite, repeatable, in the baseline's order, and not constant, "
            "partly dead or all tied",
            judge=f"{_HERE}:outputs",
            sense="proof",
            alone=False,
            needs_images=True,
            explained=True,
        ),
        Gate(
            name="kernels",
            marker="proof",
            summary="other kernels give the same outputs, up to less than the quantization error",
            judge=f"{_HERE}:kernels",
            sense="proof",
            alone=False,
            holds="quantized",
            needs_images=True,
            needs_training=True,
            cause="kernels",
            sureness=5,
        ),
        Gate(
            name="input_range",
            marker="proof",
            summary="the quantized input covers the values of the evaluation images",
            judge=f"{_HERE}:input_range",
            sense="proof",
            alone=False,
            holds="calibrated",
            needs_images=True,
            cause="input_range",
            sureness=6,
        ),
        Gate(
            name="ranges",
            marker="proof",
            summary="the activations' ranges cause no error: they cover what the baseline computes",
            judge=f"{_HERE}:ranges",
            sense="proof",
            alone=False,
            holds="fixed scales",
            needs_images=True,
            needs_training=True,
            cause="calibration",
            sureness=6,
            explained=True,
        ),
        Gate(
            name="steady_memory",
            marker="proof",
            summary="memory does not grow from inference to inference",
            judge=f"{_HERE}:steady_memory",
            sense="proof",
            alone=False,
            needs_images=True,
            cause="growth",
            sureness=3,
        ),
        Gate(
            name="calibration_disjoint",
            marker="proof",
            summary="no calibration image is also an evaluation image",
            judge=f"{_HERE}:calibration_disjoint",
            sense="proof",
            alone=False,
            holds="calibrated here",
            needs_images=True,
            cause="overlap",
            sureness=8,
        ),
        Gate(
            name="calibration_set",
            marker="proof",
            summary="the calibration images are photographs, and not all identical",
            judge=f"{_HERE}:calibration_set",
            sense="proof",
            alone=False,
            holds="calibrated here",
            cause="calibration",
            sureness=4,
        ),
        Gate(
            name="size_reduction",
            marker="size",
            summary="share of the baseline's bytes that the variant saves",
            judge=f"{_HERE}:size_reduction",
            sense="min",
            unit="ratio",
            minimum=-10.0,
            maximum=1.0,
            alone=False,
            comparison=Comparison(alike=("baseline",)),
            column="reduction",
            written="percent",
        ),
        Gate(
            name="max_bytes",
            marker="size",
            summary="bytes of the variant's file",
            judge=f"{_HERE}:max_bytes",
            sense="max",
            unit="bytes",
            minimum=1,
            alone=False,
            comparison=Comparison(),
            column="size",
        ),
        Gate(
            name="top1_agreement",
            marker="agreement",
            summary="share of images on which variant and baseline give the same class",
            judge=f"{_HERE}:top1_agreement",
            sense="min",
            unit="ratio",
            maximum=1.0,
            needs_images=True,
            needs_training=True,
            task="classification",
            controlled=True,
            alone=False,
            comparison=Comparison(alike=FED, exact=False, by_image=("agrees",)),
            column="agreement",
            written="percent",
            explained=True,
        ),
        Gate(
            name="top5_overlap",
            marker="agreement",
            summary="mean share of the baseline's five best classes among the variant's",
            judge=f"{_HERE}:top5_overlap",
            sense="min",
            unit="ratio",
            maximum=1.0,
            needs_images=True,
            needs_training=True,
            task="classification",
            alone=False,
            comparison=Comparison(alike=OUTPUTS, exact=False),
            written="percent",
            explained=True,
        ),
        Gate(
            name="worst_cosine",
            marker="agreement",
            summary="lowest cosine between the logits of variant and baseline, excluding images "
            "that may be low by chance; for outputs without classes, between the outputs",
            judge=f"{_HERE}:worst_cosine",
            sense="min",
            unit="ratio",
            minimum=-1.0,
            maximum=1.0,
            needs_images=True,
            needs_training=True,
            task="classification",
            on_request=True,
            least_classes=3,  # for two centred logits the cosine is always 1 or -1
            alone=False,
            # On the same images and processor the value is a fact. Kernels of another processor
            # round sums differently, and a difference of one int8 step shows.
            comparison=Comparison(alike=(*OUTPUTS, *COSTS), tolerance=1e-4),
            explained=True,
        ),
        Gate(
            name="relative_error",
            marker="agreement",
            summary="mean relative error of the logits, or of the output that is farthest from "
            "the baseline's",
            judge=f"{_HERE}:relative_error",
            sense="max",
            unit="ratio",
            needs_images=True,
            needs_training=True,
            controlled=True,
            alone=False,
            comparison=Comparison(alike=OUTPUTS, exact=False),
            column="agreement",
            explained=True,
        ),
        Gate(
            name="probability_drift",
            marker="agreement",
            summary="mean total variation distance between the probabilities of variant and "
            "baseline",
            judge=f"{_HERE}:probability_drift",
            sense="max",
            unit="ratio",
            maximum=1.0,
            needs_images=True,
            needs_training=True,
            task="classification",
            controlled=True,
            alone=False,
            comparison=Comparison(alike=OUTPUTS, exact=False),
            explained=True,
        ),
        Gate(
            name="accuracy_drop",
            marker="accuracy",
            summary="top-1 accuracy of the baseline minus that of the variant",
            judge=f"{_HERE}:accuracy_drop",
            sense="max",
            unit="ratio",
            minimum=-1.0,
            maximum=1.0,
            needs_images=True,
            needs_labels=True,
            needs_training=True,
            task="classification",
            controlled=True,
            alone=False,
            comparison=Comparison(alike=FED, exact=False, by_image=("baseline_right", "right")),
            column="accuracy",
            written="points",
            explained=True,
        ),
        Gate(
            name="min_accuracy",
            marker="accuracy",
            summary="top-1 accuracy of the variant; applies only if you set it",
            judge=f"{_HERE}:min_accuracy",
            sense="min",
            unit="ratio",
            maximum=1.0,
            needs_images=True,
            needs_labels=True,
            needs_training=True,
            task="classification",
            alone=False,
            comparison=Comparison(alike=FED, exact=False, by_image=("right",)),
            column="accuracy",
            written="percent",
            explained=True,
        ),
        Gate(
            name="latency_ratio",
            marker="latency",
            summary="median latency of the variant divided by the baseline's",
            judge=f"{_HERE}:latency_ratio",
            sense="max",
            unit="ratio",
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
        Gate(
            name="max_latency_ms",
            marker="latency",
            summary="median latency of the variant",
            judge=f"{_HERE}:max_latency_ms",
            sense="max",
            unit="ms",
            timed=True,
            comparison=Comparison(alike=COSTS, tolerance=0.30, relative=True, exact=False),
            column="latency",
            cause="latency",
            sureness=1,
        ),
        Gate(
            name="max_peak_memory",
            marker="memory",
            summary="peak resident memory of a worker that runs the variant, including growth over "
            "the evaluation",
            judge=f"{_HERE}:max_peak_memory",
            sense="max",
            unit="bytes",
            minimum=1,
            follows_evaluation=True,
            # Peaks of eight fresh workers with the same model differed by 0.1 to 0.5 %.
            comparison=Comparison(alike=COSTS, tolerance=0.02, relative=True),
            column="memory",
            cause="memory",
            sureness=2,
        ),
        Gate(
            name="max_partitions",
            marker="memory",
            summary="number of partitions into which the delegate split the graph",
            judge=f"{_HERE}:max_partitions",
            sense="max",
            unit="count",
            alone=False,
            comparison=Comparison(alike=("kernels",)),
            cause="partitions",
            sureness=3,
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
    """Return the names of the gates that have a limit."""
    return tuple(name for name, gate in GATES if not gate.is_proof)
