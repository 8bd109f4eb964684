"""A variant: a model that a method made, or one that came ready-made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeq.models.originals import Original
from edgeq.quantize.manifest import Manifest


@dataclass(frozen=True)
class Variant:
    """One variant of one model.

    Attributes:
        name: What the spec calls it: ``"int8"``, ``"int8@tensorflow"``, or a ready-made name.
        method: Name in ``METHODS``, None for a ready-made variant that claims nothing.
        engine: Name in ``ENGINES``, or ``"ready-made"``.
        path: The ``.tflite`` file, of a ready-made variant its copy in the store.
        sha256: Of the file's content.
        bytes: Size of the file.
        manifest: What it was made from.
        made: Whether this call made it (False when it was read from the store or came ready).
        original: The project's file, None for a variant that was made.
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
