"""What a new project's folder holds: a float model, ready-made variants, sets of photographs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeq.errors import EdgeqError

DEEPEST = 3
"""Levels of folders below the project that are looked into."""
MOST_ENTRIES = 20_000
"""Most files that are looked at; a larger project names its model and photographs itself."""
MANY = 500
"""Number of calibration photographs from which the spec takes only some of them."""
PIXELS = "keras-0-255"

_SKIPPED = {"build", "dist", "node_modules", "reports", "site", "venv", "__pycache__"}
_CALIBRATION = ("calibration", "calib", "representative", "training", "train")
_EVALUATION = ("evaluation", "eval", "validation", "valid", "val", "testing", "test")
_INTEGERS = {"int4", "int8", "uint8", "int16"}
_NO_NAME = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class Detected:
    """What was found; paths are relative to the folder.

    Attributes:
        model: The float model; None if there is none or it is not clear which one.
        models: All float models.
        ready: Quantized ``.tflite`` files.
        rescales: Whether the model is known to take pixels from 0 to 255.
        calibration, evaluation: Folders of photographs; None if none is called so.
        calibration_photos: Number of photographs for calibration.
    """

    model: Path | None = None
    models: tuple[Path, ...] = ()
    ready: tuple[Path, ...] = ()
    rescales: bool = False
    calibration: Path | None = None
    evaluation: Path | None = None
    calibration_photos: int = 0

    @property
    def name(self) -> str:
        """Name of the model in the spec."""
        return "net" if self.model is None else plain_name(self.model)


def plain_name(path: Path) -> str:
    """Return a name that a spec may use, from the name of a file or folder."""
    return _NO_NAME.sub("-", path.stem).strip("-.") or "net"


def detect(folder: Path) -> Detected:
    """Look for a model and photographs in a folder; nothing is loaded or run."""
    models: list[Path] = []
    ready: list[Path] = []
    halves: list[Path] = []
    exchanged: list[Path] = []
    photos: dict[Path, int] = {}
    for path in _entries(folder):
        suffix, here = path.suffix.lower(), path.relative_to(folder)
        if suffix == ".keras":
            models.append(here)
        elif path.name == "saved_model.pb":
            models.append(here.parent)
        elif suffix == ".onnx":
            exchanged.append(here)
        elif suffix == ".tflite":
            kind = _kind(path)
            if kind is not None:
                {"float32": models, "float16": halves, "quantized": ready}[kind].append(here)
        elif suffix in _endings():
            for above in here.parents:
                photos[above] = photos.get(above, 0) + 1
    models, halves = (models, halves) if models else (halves, [])
    models = models or exchanged  # beside a .tflite file it is what that was converted from
    model = models[0] if len(models) == 1 else None
    calibration, evaluation = _called(_CALIBRATION, photos), _called(_EVALUATION, photos)
    return Detected(
        model=model,
        models=tuple(models),
        ready=(*ready, *halves),
        rescales=model is not None and _rescales(folder / model),
        calibration=calibration,
        evaluation=evaluation,
        calibration_photos=0 if calibration is None else photos[calibration],
    )


def _entries(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder in a fixed order, without hidden and generated ones."""
    left = MOST_ENTRIES
    for where, folders, files in os.walk(folder):
        depth = len(Path(where).relative_to(folder).parts)
        folders[:] = sorted(
            name
            for name in folders
            if depth < DEEPEST and name not in _SKIPPED and not name.startswith(".")
        )
        for name in sorted(files)[:left]:
            yield Path(where, name)
        left -= min(left, len(files))


def _called(names: tuple[str, ...], photos: dict[Path, int]) -> Path | None:
    """Return the folder of photographs with the first of these names, the shallowest of them."""
    by_depth = sorted(photos, key=lambda path: (len(path.parts), path))
    return next((path for name in names for path in by_depth if path.name.lower() == name), None)


def _endings() -> frozenset[str]:
    from edgeq.samples.folders import ENDINGS

    return frozenset(ENDINGS)


def _kind(path: Path) -> Literal["float32", "float16", "quantized"] | None:
    """Return what a ``.tflite`` file stores; None if it is of no use to a gate."""
    from edgeq.models.float_file import require_float
    from edgeq.tflite.halves import halves
    from edgeq.tflite.model_file import read_model

    try:
        model = read_model(path)
        stored = halves(model)
        if not stored and any(tensor.dtype in _INTEGERS for tensor in model.tensors):
            return "quantized"
        require_float(model, halves=stored)
    except EdgeqError:
        return None
    return "float16" if stored else "float32"


def _rescales(path: Path) -> bool:
    """Return whether a ``.keras`` file has a layer that scales pixels from 0 to 255."""
    from edgeq.models.keras_config import layer_classes

    return path.suffix == ".keras" and "Rescaling" in layer_classes(path)
