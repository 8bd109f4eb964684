"""Predicts a model's input before the model is exported.

This lets photographs be decoded while the export runs. Nothing depends on the prediction: if the
exported file takes something else, they are decoded again.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.config.presets import find_preprocessing
from edgeq.config.structs import Model, Preprocessing, Spec
from edgeq.models import lite0
from edgeq.models.applications import SIZES, USUAL_SIZE
from edgeq.models.sources import Export, parse_source


@dataclass(frozen=True)
class Expected:
    """The predicted input of a model.

    Attributes:
        input_size: Height and width in pixels.
        preprocessing: How a photograph becomes the input.
        labels: Name of a label set, or a file.
    """

    input_size: tuple[int, int]
    preprocessing: Preprocessing
    labels: str


def expected(name: str, model: Model, spec: Spec) -> Expected | None:
    """Predict a model's input, or return None if only its export can tell.

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
