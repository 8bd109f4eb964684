"""Takes a ``.tflite`` file, quantized or not, as it is, to see what it says on photographs."""

from __future__ import annotations

from pathlib import Path

from edgeq.config.structs import Model
from edgeq.models.float_file import input_size
from edgeq.models.float_model import FloatModel, fed
from edgeq.models.originals import take
from edgeq.store.content import Store
from edgeq.tflite.model_file import require_runnable


def load_any_file(name: str, model: Model, path: Path, store: Store) -> FloatModel:
    """Load a file that nothing is compared with, and that may therefore be quantized.

    Args:
        name: Name of the model.
        model: How it is fed, and its labels.
        path: The file.
        store: Store that keeps a copy.

    Raises:
        ModelError: The file is missing or damaged, can't be run, or takes no image.
        StoreError: The store can't be written.
    """
    contents, original = take(path, store)
    require_runnable(contents)
    preprocessing, notes = fed(name, model, contents, file=path.name)
    return FloatModel(
        name=name,
        source=model.source,
        path=original.copy,
        sha256=contents.sha256,
        trained=True,
        notes=notes,
        input_size=input_size(contents, arrays=model.arrays is not None),
        preprocessing=preprocessing,
        labels=model.labels,
        licence=None,
        attribution=None,
        export=None,
        original=original,
    )
