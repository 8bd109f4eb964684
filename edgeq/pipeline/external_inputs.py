"""Lists what a run reads from the folder ``$EDGEQ_DATA``, so that others can repeat the run."""

from __future__ import annotations

from edgeq.config.structs import Spec
from edgeq.models.applications import find_weights
from edgeq.models.weights import IMAGENET
from edgeq.pipeline.image_sets import named_images
from edgeq.samples.sets import ROLES

_DATA = "data:"
_KERAS = "keras:"


def external_inputs(spec: Spec) -> tuple[str, ...]:
    """Return what a spec uses from ``$EDGEQ_DATA``: photographs as named there, and weights.

    The folder itself is not named, as it differs from machine to machine.
    """
    sources = [named_images(spec, name, role).source for name in spec.models for role in ROLES]
    sources += [variant.evaluation for variant in spec.variants.values()]
    photographs = (
        f"the photographs of {source}" for source in sources if source and source.startswith(_DATA)
    )
    weights = (
        f"the weights of {name}"
        for name, model in spec.models.items()
        if model.source.startswith(_KERAS)
        and model.weights == IMAGENET
        and find_weights(model.source.removeprefix(_KERAS)) is not None
    )
    return tuple(dict.fromkeys((*photographs, *weights)))
