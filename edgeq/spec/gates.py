"""The gates: named limits, and the proofs that are always on.

This is data only. Deciding is the business of ``edgeq.judge``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeq.registry import Registry
from edgeq.spec.structs import Task

Marker = Literal["size", "agreement", "accuracy", "latency", "memory", "proof"]


@dataclass(frozen=True)
class Gate:
    """One named limit.

    Attributes:
        name: The key in ``[tool.edgeq.gates]``.
        marker: The pytest marker of its cases.
        summary: What it holds, for people.
        unit: ``"ratio"``, ``"bytes"``, ``"ms"``, ``"count"``, or ``""`` for a proof.
        sense: ``"min"`` when the value must reach the limit, ``"max"`` when it must not exceed
            it, ``"proof"`` when there is no limit.
        minimum: Lowest limit that makes sense.
        maximum: Highest limit that makes sense, None where there is none.
        needs_images: Whether it needs an evaluation set.
        needs_labels: Whether the evaluation set must be labelled.
        needs_training: Whether it means nothing for random weights.
        task: The task that it belongs to, None if it holds for every one.
        on_request: Whether a spec that sets its limit has it for other tasks, too.
        least_classes: Classes below which it says nothing of class scores.
    """

    name: str
    marker: Marker
    summary: str
    unit: str
    sense: Literal["min", "max", "proof"]
    minimum: float = 0.0
    maximum: float | None = None
    needs_images: bool = False
    needs_labels: bool = False
    needs_training: bool = False
    task: Task | None = None
    on_request: bool = False
    least_classes: int = 0

    def inapplicable(self, task: Task, classes: int) -> str | None:
        """Return why it says nothing about a model, None if it does.

        Args:
            task: What the model's outputs are judged as.
            classes: Number of classes, 0 if it has none.
        """
        if self.task not in (None, task):
            return f"the model is judged as {task}"
        if task == self.task and classes < self.least_classes:
            return f"it says nothing about {classes} classes"
        return None

    @property
    def sees_predictions(self) -> bool:
        """Whether it looks at what the variant predicts; proofs do not count."""
        return self.marker in PREDICTIONS


PREDICTIONS: tuple[Marker, ...] = ("agreement", "accuracy")
"""Markers of the gates that look at what a variant predicts."""

GATES: Registry[Gate] = Registry(
    "gate",
    [
        (gate.name, gate)
        for gate in (
            Gate("made", "proof", "the variant could be made, read and loaded", "", "proof"),
            Gate("types", "proof", "the file holds the types that its method claims", "", "proof"),
            Gate(
                "outputs",
                "proof",
                "outputs are finite, the same when asked again, not constant, not all ties",
                "",
                "proof",
                needs_images=True,
            ),
            Gate(
                "kernels",
                "proof",
                "other kernels give the same answers, up to less than quantization costs",
                "",
                "proof",
                needs_images=True,
                needs_training=True,
            ),
            Gate(
                "input_range",
                "proof",
                "the quantized input holds the values that the evaluation images bring",
                "",
                "proof",
                needs_images=True,
            ),
            Gate(
                "calibration_disjoint",
                "proof",
                "no calibration image is an evaluation image",
                "",
                "proof",
                needs_images=True,
            ),
            Gate(
                "calibration_set",
                "proof",
                "the calibration images are photographs, and not all the same one",
                "",
                "proof",
            ),
            Gate(
                "size_reduction",
                "size",
                "share of the baseline's bytes that the variant saves",
                "ratio",
                "min",
                minimum=-10.0,
                maximum=1.0,
            ),
            Gate("max_bytes", "size", "bytes of the variant's file", "bytes", "max", minimum=1),
            Gate(
                "top1_agreement",
                "agreement",
                "share of images on which variant and baseline give the same class",
                "ratio",
                "min",
                maximum=1.0,
                needs_images=True,
                needs_training=True,
                task="classification",
            ),
            Gate(
                "top5_overlap",
                "agreement",
                "mean share of the baseline's five best classes among the variant's",
                "ratio",
                "min",
                maximum=1.0,
                needs_images=True,
                needs_training=True,
                task="classification",
            ),
            Gate(
                "worst_cosine",
                "agreement",
                "lowest cosine between the logits of variant and baseline over all images; of "
                "outputs without classes, between those",
                "ratio",
                "min",
                minimum=-1.0,
                maximum=1.0,
                needs_images=True,
                needs_training=True,
                task="classification",
                on_request=True,
                least_classes=3,  # of two centred logits the cosine is 1 or -1
            ),
            Gate(
                "relative_error",
                "agreement",
                "mean relative error of the logits, or of the output that lies farthest from the "
                "baseline's",
                "ratio",
                "max",
                needs_images=True,
                needs_training=True,
            ),
            Gate(
                "accuracy_drop",
                "accuracy",
                "top-1 accuracy of the baseline minus that of the variant",
                "ratio",
                "max",
                minimum=-1.0,
                maximum=1.0,
                needs_images=True,
                needs_labels=True,
                needs_training=True,
                task="classification",
            ),
            Gate(
                "latency_ratio",
                "latency",
                "median latency of the variant divided by the baseline's",
                "ratio",
                "max",
            ),
            Gate("max_latency_ms", "latency", "median latency of the variant", "ms", "max"),
            Gate(
                "max_peak_memory",
                "memory",
                "peak resident memory of a worker that runs the variant",
                "bytes",
                "max",
                minimum=1,
            ),
            Gate(
                "max_partitions",
                "memory",
                "partitions that the delegate made of the graph",
                "count",
                "max",
            ),
        )
    ],
)

PROOFS = tuple(name for name, gate in GATES if gate.sense == "proof")
LIMITS = tuple(name for name, gate in GATES if gate.sense != "proof")
MARKERS: dict[str, str] = {
    "size": "gates on the size of a variant",
    "agreement": "gates on what a variant says beside its baseline",
    "accuracy": "gates on what a variant says beside the labels",
    "latency": "gates on the time of an inference",
    "memory": "gates on memory and on what the kernels took over",
    "proof": "facts that hold for every variant, without a limit",
}
