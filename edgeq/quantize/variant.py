"""Variants, either made by a method or ready-made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeq.models.originals import Original
from edgeq.quantize.manifest import Manifest


@dataclass(frozen=True)
class Variant:
    """One variant of one model.

    Attributes:
        name: Name in the spec: ``"int8"``, ``"int8@tensorflow"``, or a ready-made variant's name.
        method: Name in ``METHODS``; None for a ready-made variant that claims none.
        engine: Name in ``ENGINES``, or ``"ready-made"``.
        path: The ``.tflite`` file; for a ready-made variant, its copy in the store.
        sha256: SHA-256 of the file's content.
        bytes: Size of the file.
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
