"""The table of tasks other than classification and detection: what a model's output means.

Other packages add rows by entry points of the group ``edgeq.tasks``. A row brings the measures;
gates on them are rows of the table of gates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from edgeq.config.structs import Task
from edgeq.registry import Extensible
from edgeq.tasks.detection.decoders import Evidence
from edgeq.tflite.image_input import only_image_size
from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.wiring import Wiring

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from edgeq.measure.figures import TaskData, TaskFigures

Shape = tuple[int, ...]
"""Shape of an output without the batch dimension."""

Labels = Literal["classes", "sets", "values", "masks", "pictures"]
"""What labels are: the class of an image, or what ``edgeq.samples.task_labels`` reads."""

_MEASURES = "edgeq.measure.tasks"

_MIN_SIDE = 8
"""Least height and width of a map; smaller ones may be grids of something else."""

_EMBEDDING_NAMES = ("embedding", "feature_vector")
_LINEAR = frozenset({"FULLY_CONNECTED", "CONV_2D", "ADD"})
_LENGTHS = frozenset({"MAXIMUM", "MINIMUM", "ADD", "RSQRT", "SQRT", "RESHAPE"})
"""Operators between a sum of squares and what a vector is scaled by."""


@dataclass(frozen=True, kw_only=True)
class TaskKind:
    """A task: one row of the table.

    Attributes:
        name: Name in the spec.
        measure: Function of the outputs of both models that returns the figures, or its location
            as ``"module:function"``.
        fits: Function of an output's shape, without the batch dimension, that returns whether the
            task can judge such an output.
        wants: What ``fits`` asks for, as a noun phrase.
        recognize: Function of a model's file that returns why one of its outputs is of this task;
            None if none is. A task without it must be named in the spec.
        labels: What labels of its samples are; None if it has no measure of labels.
        read_labels: Function of the path that the spec names as labels and the names of the
            samples that returns one array for each; None for the readers of edgeq.
        options: Keys of ``task_options`` that it reads.
        draws_map: Whether its output is a map that is drawn over the photograph.
    """

    name: Task
    measure: Callable[[TaskData], TaskFigures] | str
    fits: Callable[[Shape], bool]
    wants: str
    recognize: Callable[[ModelFile], Evidence | None] = lambda _: None
    labels: Labels | None = None
    read_labels: Callable[[Path, Sequence[str]], Sequence[npt.NDArray[np.generic]]] | None = None
    options: frozenset[str] = field(default_factory=frozenset)
    draws_map: bool = False

    @property
    def has_labels(self) -> bool:
        """Whether it measures anything with labels."""
        return self.labels is not None or self.read_labels is not None

    def figures(self, data: TaskData) -> TaskFigures:
        """Return the figures of a variant; see ``measure`` for the errors."""
        if not isinstance(self.measure, str):
            return self.measure(data)
        module, _, function = self.measure.partition(":")
        figures: TaskFigures = getattr(import_module(module), function)(data)
        return figures


def recognized_kind(model: ModelFile) -> tuple[TaskKind, Evidence] | None:
    """Return the task that an output of a model is of, with the evidence; None if none is sure."""
    for _, kind in KINDS:
        evidence = kind.recognize(model)
        if evidence is not None:
            return kind, evidence
    return None


def is_label_sets(model: ModelFile) -> Evidence | None:
    """Recognize a vector of several sigmoids."""
    wiring = Wiring(model)
    for place, shape in _outputs(model):
        values = math.prod(shape)
        if is_vector(shape) and values > 1 and _maker(wiring, place) == "LOGISTIC":
            text = f"{_named(model, place)} is {values} sigmoids, several of which may be true"
            return Evidence(text, values, place)
    return None


def is_embedding(model: ModelFile) -> Evidence | None:
    """Recognize a vector that was scaled to a length, or whose name says what it is."""
    wiring = Wiring(model)
    for place, shape in _outputs(model):
        if not is_vector(shape) or math.prod(shape) < 2:
            continue
        named = _named(model, place)
        if _is_unit(wiring, place):
            return Evidence(
                f"{named} is {math.prod(shape)} values scaled to the length 1", 0, place
            )
        name = _name(model, place).lower()
        meant = next((word for word in _EMBEDDING_NAMES if word in name), None)
        if meant is not None and _maker(wiring, place) not in {"SOFTMAX", "LOGISTIC"}:
            return Evidence(f"{named} calls itself so", output=place)
    return None


def is_segmentation(model: ModelFile) -> Evidence | None:
    """Recognize a map as large as the input, of a softmax, one sigmoid, or the greatest index."""
    wiring, size = Wiring(model), only_image_size(model)
    for place, shape in _outputs(model):
        if shape[:2] != size or not is_map(shape):
            continue
        channels, maker = math.prod(shape[2:]), _maker(wiring, place)
        named = f"{_named(model, place)} is as large as the input, with "
        if maker == "SOFTMAX" and channels > 1:
            return Evidence(f"{named}a softmax of {channels} for each pixel", channels, place)
        if maker == "LOGISTIC" and channels == 1:
            return Evidence(f"{named}one sigmoid for each pixel", 2, place)
        if maker == "ARG_MAX" and channels == 1:
            return Evidence(f"{named}the index of a class for each pixel", 0, place)
        if maker == "RESIZE_BILINEAR" and channels > 3:
            return Evidence(f"{named}{channels} enlarged scores for each pixel", channels, place)
    return None


def is_picture(model: ModelFile) -> Evidence | None:
    """Recognize three channels at the input's size, or at a whole multiple of it."""
    wiring, (height, width) = Wiring(model), only_image_size(model)
    for place, shape in _outputs(model):
        if not height or not is_map(shape) or shape[2:] != (3,):
            continue
        times, rest = divmod(shape[0], height)
        same = not rest and times and shape[1] == times * width
        if same and _maker(wiring, place) != "SOFTMAX":
            size = "as large as" if times == 1 else f"{times} times as large as"
            return Evidence(
                f"{_named(model, place)} has three channels and is {size} the input", 0, place
            )
    return None


def is_regression(model: ModelFile) -> Evidence | None:
    """Recognize a single value that nothing bounds, the only output."""
    if len(model.outputs) != 1 or math.prod(model.tensors[model.outputs[0]].shape) != 1:
        return None
    if _maker(Wiring(model), 0) not in _LINEAR:
        return None
    text = f"{_named(model, 0)} is one value that nothing bounds (if it is the logit "
    return Evidence(f'{text}of two classes, set task = "classification")', 0, 0)


def is_vector(shape: Shape) -> bool:
    """Return whether an output is a vector, whatever its dimensions of size 1."""
    return bool(shape) and math.prod(shape) == shape[-1]


def is_map(shape: Shape) -> bool:
    """Return whether an output is a map: height and width, and channels or none."""
    return len(shape) in {2, 3} and min(shape[:2]) >= _MIN_SIDE


def _outputs(model: ModelFile) -> list[tuple[int, Shape]]:
    """Return index and shape of each output, without the batch dimension."""
    return [(place, model.tensors[index].shape[1:]) for place, index in enumerate(model.outputs)]


def _name(model: ModelFile, place: int) -> str:
    index = model.outputs[place]
    return f"{model.tensors[index].name} {model.output_names.get(index, '')}"


def _named(model: ModelFile, place: int) -> str:
    return f"output {place} ({model.tensors[model.outputs[place]].name!r})"


def _maker(wiring: Wiring, place: int) -> str:
    maker = wiring.unclipped(wiring.model.outputs[place])
    return "" if maker is None else maker.name


def _is_unit(wiring: Wiring, place: int) -> bool:
    """Return whether an output is a vector divided by its length.

    As one operator, or as ``x * rsqrt(max(sum(x * x), tiny))``, which is how Keras has it.
    """
    maker = wiring.maker(wiring.model.outputs[place])
    if maker is None or maker.name == "L2_NORMALIZATION":
        return maker is not None
    if maker.name not in {"MUL", "DIV"}:
        return False
    for index in maker.inputs:
        before = wiring.maker(index)
        while before is not None and before.name in _LENGTHS:
            inner = [wiring.maker(at) for at in before.inputs]
            before = next((operator for operator in inner if operator is not None), None)
            if before is not None and before.name == "SUM":
                return True
    return False


KINDS: Extensible[TaskKind] = Extensible(
    "task",
    TaskKind,
    "edgeq.tasks",
    [
        TaskKind(
            name="multilabel",
            measure=f"{_MEASURES}.label_sets:measure",
            fits=lambda shape: is_vector(shape) and shape[-1] > 1,
            wants="a vector of one probability for each label",
            recognize=is_label_sets,
            labels="sets",
            options=frozenset({"threshold"}),
        ),
        TaskKind(
            name="embedding",
            measure=f"{_MEASURES}.embedding:measure",
            fits=lambda shape: is_vector(shape) and shape[-1] > 1,
            wants="a vector",
            recognize=is_embedding,
            labels="classes",
            options=frozenset({"neighbours", "false_accept_rate"}),
        ),
        TaskKind(
            name="segmentation",
            measure=f"{_MEASURES}.segmentation:measure",
            fits=is_map,
            wants="a map of height, width and classes",
            recognize=is_segmentation,
            labels="masks",
            options=frozenset({"threshold", "ignored_class"}),
            draws_map=True,
        ),
        TaskKind(
            name="image_to_image",
            measure=f"{_MEASURES}.pictures:measure",
            fits=is_map,
            wants="a picture of height, width and channels",
            recognize=is_picture,
            labels="pictures",
            draws_map=True,
        ),
        TaskKind(
            name="keypoints",
            measure=f"{_MEASURES}.points:measure_points",
            fits=lambda shape: math.prod(shape) > 1,
            wants="the values of points",
            labels="values",
            options=frozenset({"values_per_point", "presence", "presence_threshold"}),
        ),
        TaskKind(
            name="regression",
            measure=f"{_MEASURES}.points:measure_values",
            fits=is_vector,
            wants="a vector of values",
            recognize=is_regression,
            labels="values",
            options=frozenset({"presence", "presence_threshold"}),
        ),
    ],
)
