"""The figures of a model's task: what its measures look at, and what the result depends on.

Networks for landmarks give points for every picture. On one without a hand they mean nothing and
hardly vary, so that rounding errors look large beside them. So only the samples count on which the
network sees what it looks for, as one of its outputs says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import TaskOptions
from edgeq.config.tables import key_text
from edgeq.errors import ImageError, SpecError
from edgeq.measure.figures import TaskData, TaskFigures
from edgeq.measure.tasks import classes
from edgeq.measure.tasks.segmentation import IGNORED
from edgeq.measure.tensors import Fit
from edgeq.pipeline.dependencies import pair_facts
from edgeq.samples.task_labels import (
    Array,
    TaskLabels,
    read_masks,
    read_pictures,
    read_sets,
    read_values,
)
from edgeq.tasks.kinds import KINDS, TaskKind
from edgeq.tasks.recognition import output_place
from edgeq.tflite.model_file import read_model
from edgeq.words import plural

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest


THRESHOLD = 0.5
"""Value of the presence output from which the baseline sees something, if the spec sets none."""


@dataclass(frozen=True)
class Presence:
    """The samples on which the baseline sees something: their places in order, int64.

    ``output`` is the index of the output that says so.
    """

    output: int
    places: npt.NDArray[np.intp]

    def seen(self, data: TaskData) -> TaskData:
        """Return what the measures of a task look at, of these samples alone."""
        return replace(
            data,
            baseline=[output.part(self.places) for output in data.baseline],
            variant=[output.part(self.places) for output in data.variant],
            groups=[data.groups[at] for at in self.places],
            labels=None if data.labels is None else [data.labels[at] for at in self.places],
        )

    def listed(self, figures: TaskFigures) -> TaskFigures:
        """Return figures of these samples alone with their images counted among all samples."""
        unlike = tuple(
            msgspec.structs.replace(sample, image=int(self.places[sample.image]))
            for sample in figures.unlike
        )
        return msgspec.structs.replace(figures, unlike=unlike)

    def in_all(self, fit: Fit) -> Fit:
        """Return a fit of these samples alone with its images counted among all samples."""
        worst, least = (
            None if at is None else int(self.places[at])
            for at in (fit.worst_error_image, fit.worst_cosine_image)
        )
        return msgspec.structs.replace(fit, worst_error_image=worst, worst_cosine_image=least)


def presence_of(variant: VariantUnderTest) -> Presence | None:
    """Return the samples on which a variant's baseline sees what it looks for.

    Returns:
        None if the spec names no output that says so: then all samples count.

    Raises:
        SpecError: There is no such output, it has several values, is the one that the task judges,
            or the task does not read `presence`.
        ImageError: The baseline sees nothing on any sample.
        EdgeqError: The baseline does not run.
    """
    declared = variant.spec.models[variant.model].task_options
    if declared is None or declared.presence is None:
        return None
    options, key = options_of(variant), key_text("models", variant.model, "task_options")
    where = f"{variant.spec.origin}: {key}"
    baseline = variant.baseline
    at = output_place(read_model(baseline.path), declared.presence, f"{where}.presence")
    output = baseline.tensors[at]
    if at == variant.reading.output or int(np.prod(output.shape)) != 1:
        raise SpecError(
            f"presence names {output.name!r} of shape {list(output.shape)}, which does not say in "
            "one value whether there is something to see",
            where=where,
            remedy="Name the output that does, or remove `presence`",
        )
    values = np.asarray(output.rows[:, :])[:, 0]
    threshold = THRESHOLD if options.presence_threshold is None else options.presence_threshold
    places = np.flatnonzero(values >= threshold)
    if not places.size:
        raise ImageError(
            f"the baseline sees nothing on any of {plural(len(values), 'sample')}: "
            f"{output.name!r} is at most {values.max():.3g}, below {threshold:g}",
            where=where,
            remedy="Evaluate on samples that show what the network looks for, cropped as in the "
            "application, or set `presence_threshold` in the units of this output",
        )
    return Presence(at, places)


def fits_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    """Return what the fits of a variant's outputs depend on.

    Raises:
        EdgeqError: One of the models can't be built or read, or there is no evaluation set.
    """
    options = variant.spec.models[variant.model].task_options
    named = None if options is None else options.presence
    own = {} if options is None or named is None else {"seen": [named, options.presence_threshold]}
    return {**pair_facts(variant), **own}


def options_of(variant: VariantUnderTest) -> TaskOptions:
    """Return the numbers that the spec sets for the measures of a model's task.

    Raises:
        SpecError: The task does not read one of them.
    """
    options = variant.spec.models[variant.model].task_options
    if options is None:
        return TaskOptions()
    kind = variant.reading.kind
    reads = frozenset[str]() if kind is None else kind.options
    for name in TaskOptions.__struct_fields__:
        if getattr(options, name) is not None and name not in reads:
            readers = [row.name for _, row in KINDS if name in row.options]
            raise SpecError(
                f"{name} is set, but {variant.model!r} is judged as {variant.reading.task}",
                where=f"{variant.spec.origin}: {key_text('models', variant.model, 'task_options')}",
                remedy=f"Remove it, or set `task`: {', '.join(readers)}",
            )
    return options


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
