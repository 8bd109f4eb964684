"""Float models that are changed before anything is quantized, in the store like exported ones.

Magnitude pruning sets the smallest weights to zero in place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeq.models.float_model import FloatModel
from edgeq.store.content import Store
from edgeq.tflite.entry import folded
from edgeq.tflite.flatbuffer import spans
from edgeq.tflite.model_file import open_content, read_content, read_whole
from edgeq.tflite.wiring import Wiring

FILE = "model.tflite"
_FORMAT = 1


def pruned_model(model: FloatModel, share: float, store: Store) -> FloatModel:
    """Return a float model with a share of its weights set to zero, smallest first.

    Raises:
        ModelError: The model's file can't be read.
        StoreError: The store can't be written.
    """
    content = lambda path: pruned(read_whole(path), path, share)  # noqa: E731
    return _edited(model, "pruned", {"share": share}, content, store)


def folded_model(model: FloatModel, store: Store) -> FloatModel:
    """Return a float model whose first convolution does its preprocessing; see ``tflite.entry``.

    Raises:
        ModelError: There is nothing to fold, or the model's file can't be read.
        StoreError: The store can't be written.
    """
    return _edited(model, "folded", {}, folded, store)


def _edited(
    model: FloatModel,
    kind: str,
    parameters: dict[str, object],
    content: Callable[[Path], bytes],
    store: Store,
) -> FloatModel:
    def make(folder: Path) -> None:
        (folder / FILE).write_bytes(content(model.path))

    facts = {"float_sha256": model.sha256, **parameters, "format": _FORMAT}
    entry = store.get_or_make(kind, facts, make)
    return replace(model, path=entry.folder / FILE, sha256=entry.files[FILE], original=None)


def pruned(content: bytes, path: Path, share: float) -> bytes:
    """Return a float model with the smallest weights of each layer set to zero.

    The size of the file does not change, because a zero takes as many bytes as any other number.

    Among equally small weights, the first are chosen.

    Raises:
        ModelError: The content is not a model, truncated or damaged.
    """
    model = read_content(path, content)
    placed = spans(open_content(path, content).root())
    edited = bytearray(content)
    stored = {
        layer.weights.tensor.buffer
        for layer in Wiring(model).compute
        if layer.weights is not None and layer.weights.tensor.dtype == "float32"
    }
    for buffer in stored:
        start, size = placed[buffer]
        weights = np.frombuffer(edited, np.float32, size // 4, start)
        smallest = np.argsort(np.abs(weights), kind="stable")[: int(share * weights.size)]
        weights[smallest] = 0.0
    return bytes(edited)
