"""The definition of a gate: one row that carries everything other rooms need to know about it.

Adding a gate takes a row and a function. Defaults err on the safe side: a gate is measured while
nothing else runs, and it applies to every model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from edgeq.config.markers import Marker
from edgeq.config.structs import Limits, Task

if TYPE_CHECKING:
    from edgeq.config.target_kinds import Measured
    from edgeq.judge.verdict import Judgement
    from edgeq.pipeline.variant import VariantUnderTest
    from edgeq.words import Kind

Lack = Literal["training", "images", "labels"]
Holds = Literal[
    "every", "quantized", "fixed scales", "calibrated", "calibrated or fed", "calibrated here"
]
Column = Literal["size", "reduction", "agreement", "accuracy", "latency", "memory"]
Condition = Literal[
    "baseline", "images", "preprocessing", "feeding", "kernels", "threads", "machine"
]

Predictions = Literal["agrees", "right", "baseline_right"]

FED: tuple[Condition, ...] = ("images", "preprocessing", "feeding")
"""What must be the same for predictions to be compared image by image."""

OUTPUTS: tuple[Condition, ...] = ("baseline", *FED)
"""What must be the same for distances from the baseline to be compared."""

COSTS: tuple[Condition, ...] = ("kernels", "threads", "machine")
"""What must be the same for times and memory to be compared."""


@dataclass(frozen=True)
class Comparison:
    """How figures of a gate from two runs are compared.

    Attributes:
        alike: Conditions that must be the same in both runs.
        tolerance: Differences up to this are within noise, in addition to the statistics of sampled
            figures. In the gate's unit, or as a share of the smaller value.
        relative: Whether the tolerance is a share.
        of_file: Whether the value is the file's size, which versions of a converter change by a
            little: see ``history.compare``.
        exact: Whether the value is a fact; otherwise it is an estimate with an interval.
        by_image: What is compared image by image: whether the variant agrees with its baseline,
            whether it is right, whether its baseline is right. The images in both runs are compared
            even if the baseline's file has changed.
    """

    alike: tuple[Condition, ...] = ()
    tolerance: float = 0.0
    relative: bool = False
    of_file: bool = False
    exact: bool = True
    by_image: tuple[Predictions, ...] = ()

    @property
    def measured(self) -> tuple[Condition, ...]:
        """Conditions of the measurement that must be the same; feeding is handled separately."""
        return tuple(name for name in self.alike if name != "feeding")


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One gate: its row in the table.

    Attributes:
        name: The key in ``[tool.edgeq.gates]``; its test is called ``test_NAME``.
        marker: The pytest marker of its cases. Gates marked ``"agreement"`` or ``"accuracy"``
            look at predictions; without any of them, nothing is cleared.
        summary: What it checks, for people.
        judge: Function of a variant and the limit that returns a ``Judgement``, or its location as
            ``"module:function"``, which is imported when the first case is judged; ``"module"`` if
            the function has the gate's name.
        sense: ``"min"`` if the value must reach the limit, ``"max"`` if it must not exceed it,
            ``"proof"`` if it has no limit and is always on.
        unit: ``"ratio"``, ``"bytes"``, ``"ms"``, ``"count"``, or ``""`` for a proof.
        minimum: Lowest limit that makes sense.
        maximum: Highest limit that makes sense, or None.
        unreachable: The end of that range that no file can reach, which is refused, or None.
        limits: Default limits by name of the method, ``""`` for ready-made variants that claim
            none, ``"*"`` for all others. They override those of the presets.
        holds: The variants for which a proof has something to prove: ``"every"`` variant, those
            whose method quantizes activations, those whose file may have activations with fixed
            scales (their method is calibrated, or they claim none), those whose method is
            calibrated, the same and those for which the spec declares a preprocessing, or those
            that this run calibrated.
        needs: What a target must be able to measure for it, or ``"file"`` if it concerns the file
            alone, and is judged once, on this machine.
        elsewhere: Whether it is judged on other targets than this machine only.
        of_baseline: Whether it judges a model's baseline, once, and not its variants.
        needs_images: Whether it needs an evaluation set.
        follows_evaluation: Whether it counts what an evaluation shows if there is one; redundant
            for a gate that needs images.
        needs_labels: Whether the evaluation set must be labelled.
        needs_training: Whether it is meaningless for random weights.
        task: The task that it belongs to, or None if it applies to every task.
        on_request: Whether it applies to other tasks too if the spec sets its limit.
        least_classes: Number of classes below which it says nothing about class scores.
        of_heads: Whether it is about further outputs with class scores, and says nothing without.
        controlled: Whether its default limit is tightened by what edgeq's own variant of the same
            method reaches on the same images. A limit that the spec sets is not tightened.
        alone: Whether it must be measured while nothing else runs.
        timed: Whether it depends on the variant's latency: more rounds are timed while it is
            undecided, and pytest-benchmark keeps them.
        comparison: How it is compared with figures of other runs, or None if by verdict only.
        column: Column of the report's table of variants that shows its limit.
        written: How its value is written, if the unit does not determine it.
        cause: What its failure means if no experiment says more, or None if nothing is certain.
        sureness: Rank among several causes; the one with the highest is named.
        explained: Whether experiments with the variant explain a failure.
        declared: Whether the spec declares it, with a function of the project's own.
    """

    name: str
    marker: Marker
    summary: str
    judge: Callable[[VariantUnderTest, float], Judgement] | str
    sense: Literal["min", "max", "proof"]
    unit: str = ""
    minimum: float = 0.0
    maximum: float | None = None
    unreachable: float | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    holds: Holds = "every"
    needs: Measured | Literal["file"] = "predictions"
    elsewhere: bool = False
    of_baseline: bool = False
    needs_images: bool = False
    follows_evaluation: bool = False
    needs_labels: bool = False
    needs_training: bool = False
    task: Task | None = None
    on_request: bool = False
    least_classes: int = 0
    of_heads: bool = False
    controlled: bool = False
    alone: bool = True
    timed: bool = False
    comparison: Comparison | None = None
    column: Column | None = None
    written: Kind | None = None
    cause: str | None = None
    sureness: int = 0
    explained: bool = False
    declared: bool = False

    @property
    def kind(self) -> Kind:
        """How its value and limit are written."""
        return self.written or kind_of(self.unit)

    @property
    def is_proof(self) -> bool:
        """Whether it has no limit and is always on."""
        return self.sense == "proof"

    @property
    def sees_predictions(self) -> bool:
        """Whether it looks at the variant's predictions; proofs do not count."""
        return self.marker in PREDICTIONS

    def inapplicable(self, task: Task, classes: int, heads: int) -> str | None:
        """Return why the gate does not apply to a model, or None if it does.

        ``classes`` is 0 if there are none; ``heads`` counts the further outputs with class scores.
        """
        if self.task not in (None, task):
            return f"the model is judged as {task}"
        if task == self.task and classes < self.least_classes:
            return f"it says nothing about {classes} classes"
        if self.of_heads and not heads:
            return "no further output holds class scores"
        return None

    def lack(self, *, trained: bool, images: bool, labels: bool) -> Lack | None:
        """Return the first thing that the gate needs and that is not there, None if all is.

        ``labels`` are those that the gate looks at.
        """
        if self.needs_training and not trained:
            return "training"
        if self.needs_images and not images:
            return "images"
        return "labels" if self.needs_labels and not labels else None

    def judgement(self, variant: VariantUnderTest, limit: float) -> Judgement:
        """Judge a variant, which makes each measurement on first use; the limit is 0 for a proof.

        Raises:
            EdgeqError: The variant can't be made or run, or something that it needs can't be used.
        """
        if not isinstance(self.judge, str):
            return self.judge(variant, limit)
        module, _, function = self.judge.partition(":")
        judge = getattr(import_module(module), function or self.name)
        verdict: Judgement = judge(variant, limit)
        return verdict


_KINDS: dict[str, Kind] = {"bytes": "size", "ms": "ms", "s": "s", "count": "count"}


def kind_of(unit: str) -> Kind:
    """Return how numbers of a unit are written."""
    return _KINDS.get(unit, "number")


PREDICTIONS: tuple[Marker, ...] = ("agreement", "accuracy")
"""Markers of the gates that look at what a variant predicts."""

DEFAULTS_OF_NO_METHOD = ""
"""The key of ``Gate.limits`` for ready-made variants that claim no method."""

DEFAULTS_OF_ALL = "*"
"""The key of ``Gate.limits`` for all variants that no other key is for."""


def default_limits(gates: Mapping[str, Gate], method: str | None) -> Limits:
    """Return the default limits that gate rows set for a method, by gate."""
    keys = method or DEFAULTS_OF_NO_METHOD, DEFAULTS_OF_ALL
    return {
        name: gate.limits[key]
        for name, gate in gates.items()
        if (key := next((key for key in keys if key in gate.limits), None)) is not None
    }
