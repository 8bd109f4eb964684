"""What a variant was made from, as its record has it."""

from __future__ import annotations

import msgspec

from edgeq.config.structs import Preprocessing
from edgeq.io.structs import Json


class MadeOf(msgspec.Struct, frozen=True, kw_only=True):
    """The float model that a variant was made of.

    Attributes:
        name: Name in the spec.
        source: Source in the spec.
        sha256: Of its file.
    """

    name: str
    source: str
    sha256: str


class CalibratedOn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The calibration set that a variant was made with.

    Attributes:
        source: As the spec names it.
        count: Number of images.
        sha256: Of the images' contents and labels, in their order.
        preprocessing: How they were prepared.
        calibration_sha256: Of the images and all that was done to them.
    """

    source: str
    count: int
    sha256: str | None = None
    preprocessing: Preprocessing | None = None
    calibration_sha256: str | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a variant was made from.

    Attributes:
        engine: Library that made it, or ``"ready-made"``.
        method: The method, None for a ready-made variant that claims none.
        parameters: What the engine was told, in its own terms.
        tools: Versions of what the engine uses.
        units: How units of the model are quantized that are not quantized as the method says.
        recipe_sha256: Of all that the engine was told, if units are quantized in their own way.
        classifier: How the layers that give the outputs are quantized, None for like the others.
        prune: Share of each layer's weights that became zero first, None for none.
        prepared: How what the engine was given differs from the float model's file.
        float_model: The float model, None of a ready-made variant.
        calibration: The calibration set, None if its method needs none; left out of a ready-made
            variant.
        file: Path of a ready-made variant as the spec names it.
        description: What a ready-made file says of itself.
        preprocessing: What the spec says of a ready-made variant's own preprocessing.
    """

    engine: str
    method: str | None
    parameters: dict[str, Json] | None = None
    tools: dict[str, str] | None = None
    units: dict[str, str] | None = None
    recipe_sha256: str | None = None
    classifier: str | None = None
    prune: float | None = None
    prepared: tuple[str, ...] | None = None
    float_model: MadeOf | None = None
    calibration: CalibratedOn | msgspec.UnsetType | None = msgspec.UNSET
    file: str | None = None
    description: str | None = None
    preprocessing: Preprocessing | None = None
