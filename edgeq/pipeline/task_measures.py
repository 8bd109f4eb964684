"""The figures of a model's task: what its measures look at, and what the result depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edgeq.config.tables import key_text
from edgeq.errors import SpecError
from edgeq.measure.figures import TaskData, TaskFigures
from edgeq.measure.tasks import classes
from edgeq.measure.tasks.segmentation import IGNORED
from edgeq.pipeline.dependencies import pair_facts
from edgeq.pipeline.presence import presence_of
from edgeq.pipeline.task_options import options_of
from edgeq.samples.task_labels import (
    Array,
    TaskLabels,
    read_masks,
    read_pictures,
    read_sets,
    read_values,
)
from edgeq.tasks.kinds import TaskKind

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest


def figures_of(variant: VariantUnderTest) -> TaskFigures:
    """Return the figures of a variant's task.

    Raises:
        SpecError: The measures of the task can't be computed from these outputs and labels.
        EdgeqError: One of the models does not run, or the labels can't be read.
    """
    ours = variant.baseline.tensors  # first, so that its failures are not blamed on the variant
    images = variant.inputs.images.require_evaluation()
    kind = variant.reading.kind
    labels = None if kind is None else _labels(variant, kind)
    data = TaskData(
        baseline=ours,
        variant=variant.tensors,
        output=variant.reading.output,
        groups=images.groups(),
        labels=labels,
        options=options_of(variant),
        confidence=variant.spec.confidence,
    )
    presence = presence_of(variant)
    variant.run.say(f"{variant.name}: measuring as {variant.reading.task}")
    if kind is None:
        return classes.measure(
            data,
            variant.baseline.predictions,
            variant.predictions,
            images.labels() if images.labelled else None,
            variant.reading.heads,
        )
    try:
        if presence is not None:
            return presence.listed(kind.figures(presence.seen(data)))
        return kind.figures(data)
    except ValueError as error:
        raise SpecError(
            f"is judged as {kind.name}, but {error}",
            where=f"{variant.spec.origin}: {key_text('models', variant.model)}",
            remedy="Correct the labels, `output` or `task_options`, or set another `task`",
        ) from error


def figures_facts(variant: VariantUnderTest) -> Mapping[str, object] | None:
    """Return what the figures depend on; None if another package measures or reads labels.

    Raises:
        EdgeqError: One of the models can't be built, or the labels can't be read.
    """
    kind, reading = variant.reading.kind, variant.reading
    if kind is not None and (not isinstance(kind.measure, str) or kind.read_labels is not None):
        return None
    labels = None if kind is None else _labels(variant, kind)
    return {
        "task": [reading.task, reading.output, list(reading.heads)],
        "options": msgspec.to_builtins(options_of(variant)),
        "labels": labels.sha256 if isinstance(labels, TaskLabels) else labels is not None,
        **pair_facts(variant),
    }


def has_labels(variant: VariantUnderTest, kind: TaskKind) -> bool:
    """Return whether the samples have the labels that a task measures."""
    images = variant.inputs.images
    if kind.labels == "classes":
        return images.evaluation is not None and images.evaluation.labelled
    return kind.has_labels and _path(variant, kind) is not None


def _labels(variant: VariantUnderTest, kind: TaskKind) -> Sequence[Array] | None:
    if not has_labels(variant, kind):
        return None
    images, path = variant.inputs.images.require_evaluation(), _path(variant, kind)
    if path is None:
        return [np.array(label) for label in images.labels()]
    names = [photo.name for photo in images.photos]
    if kind.read_labels is not None:
        return kind.read_labels(path, names)
    shape = variant.baseline.tensors[variant.reading.output].shape
    count, preprocessing = int(np.prod(shape)), variant.baseline.preprocessing
    size, ignored = (*shape, 1, 1), options_of(variant).ignored_class
    padding = IGNORED if ignored is None else ignored
    readers: dict[str | None, Callable[[], TaskLabels]] = {
        "sets": lambda: read_sets(path, names, count),
        "values": lambda: read_values(path, names, count),
        "pictures": lambda: read_pictures(path, names, preprocessing, shape),
        "masks": lambda: read_masks(path, names, preprocessing, (size[0], size[1]), padding),
    }
    return readers[kind.labels]()


def _path(variant: VariantUnderTest, kind: TaskKind) -> Path | None:
    """Return the path of a task's labels, None if the spec names none of this kind."""
    path = None if kind.labels == "classes" else variant.inputs.images.task_labels
    folder = kind.labels in {"masks", "pictures"}
    if path is None or kind.read_labels is not None or path.is_dir() is folder:
        return path
    return None
