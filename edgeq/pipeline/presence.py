"""Samples on which a network for landmarks sees what it looks for, as one of its outputs says.

Such networks give points for every picture. On one without a hand they mean nothing and hardly
vary, so that rounding errors look large beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.tables import key_text
from edgeq.errors import ImageError, SpecError
from edgeq.measure.figures import TaskData, TaskFigures
from edgeq.measure.tensors import Fit
from edgeq.pipeline.dependencies import pair_facts
from edgeq.pipeline.task_options import options_of
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
