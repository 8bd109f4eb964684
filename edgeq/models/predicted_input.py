"""What a model will most likely take, said before it is exported.

Photographs can so be decoded while the export runs. Nothing rests on it: the exported file tells
what it takes, and where that is something else they are decoded again.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.config.presets_preprocessing import find_preprocessing
from edgeq.config.structs import Model, Preprocessing, Spec
from edgeq.models import lite0
from edgeq.models.applications import SIZES, USUAL_SIZE
from edgeq.models.sources import Export, parse_source


@dataclass(frozen=True)
class Expected:
    """What photographs of a model will become.

    Attributes:
        input_size: Height and width in pixels.
        preprocessing: How a photograph becomes its input.
        labels: A label set's name or file.
    """

    input_size: tuple[int, int]
    preprocessing: Preprocessing
    labels: str


def expected(name: str, model: Model, spec: Spec) -> Expected | None:
    """Return what a model will most likely take, None if only its export can tell.

    Raises:
        ModelError: The source can't be used.
        MissingExtraError: A package that the source needs is not installed.
        SpecError: There is no such preprocessing.
    """
    source = parse_source(name, model, spec)
    if not isinstance(source, Export):
        return None
    if model.source == lite0.SOURCE:
        side, preset = USUAL_SIZE, lite0.PREPROCESSING
    elif source.application is not None and source.application.family is not None:
        side = SIZES.get(source.application.name, USUAL_SIZE)
        preset = source.application.family.preprocessing
    else:
        return None
    return Expected(
        model.input_size or (side, side),
        find_preprocessing(model.preprocessing or preset, where=f"models.{name}.preprocessing"),
        model.labels or "imagenet",
    )
