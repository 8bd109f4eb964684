"""Variants, either made by a method or ready-made, and what they were made from, as recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeq.config.structs import Preprocessing
from edgeq.io.files import Original
from edgeq.io.structs import Json


class MadeOf(msgspec.Struct, frozen=True, kw_only=True):
    """The float model that a variant was made from.

    Attributes:
        name: Name in the spec.
        source: Source in the spec.
        sha256: SHA-256 of its file.
    """

    name: str
    source: str
    sha256: str


class CalibratedOn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The calibration set that a variant was made with.

    Attributes:
        source: The source in the spec.
        count: Number of images.
        sha256: SHA-256 of the images' contents and labels, in order.
        preprocessing: How the images were preprocessed.
        calibration_sha256: SHA-256 of the images and of everything that was done to them.
    """

    source: str
    count: int
    sha256: str | None = None
    preprocessing: Preprocessing | None = None
    calibration_sha256: str | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a variant was made from.

    Attributes:
        engine: The engine that made it, or ``"ready-made"``.
        method: The method; None for a ready-made variant that claims none.
        parameters: The engine's parameters, in its own terms.
        tools: Versions of the engine's packages.
        units: Precision of each unit that is quantized differently from the method.
        recipe_sha256: SHA-256 of the complete recipe if units are quantized differently.
        classifier: How the layers that produce the outputs are quantized; None if like the others.
        prune: Share of each layer's weights that were set to zero first; None for no pruning.
        fold_preprocessing: Whether the first convolution does the model's own preprocessing.
        prepared: How the engine's input differs from the float model's file.
        float_model: The float model; None for a ready-made variant.
        calibration: The calibration set; None if the method needs none, absent for a ready-made
            variant.
        file: Path of a ready-made variant in the spec.
        description: The description in a ready-made file.
        preprocessing: A ready-made variant's own preprocessing in the spec.
    """

    engine: str
    method: str | None
    parameters: dict[str, Json] | None = None
    tools: dict[str, str] | None = None
    units: dict[str, str] | None = None
    recipe_sha256: str | None = None
    classifier: str | None = None
    prune: float | None = None
    fold_preprocessing: bool = False
    prepared: tuple[str, ...] | None = None
    float_model: MadeOf | None = None
    calibration: CalibratedOn | msgspec.UnsetType | None = msgspec.UNSET
    file: str | None = None
    description: str | None = None
    preprocessing: Preprocessing | None = None


@dataclass(frozen=True)
class Variant:
    """One variant of one model.

    Attributes:
        name: Name in the spec: ``"int8"``, ``"int8@tensorflow"``, or a ready-made variant's name.
        method: Name in ``METHODS``; None for a ready-made variant that claims none.
        engine: Name in ``ENGINES``, or ``"ready-made"``.
        path: The ``.tflite`` file; for a ready-made variant, its copy in the store.
        sha256: SHA-256 of the file's content.
        manifest: What it was made from.
        made: Whether this call made it; False if it was in the store or ready-made.
        original: The project's file; None for a variant that was made.
    """

    name: str
    method: str | None
    engine: str
    path: Path
    sha256: str
    bytes: int
    manifest: Manifest
    made: bool
    original: Original | None = None
