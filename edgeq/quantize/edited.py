"""Float models that are changed before anything is quantized, in the store like exported ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edgeq.models.float_model import FloatModel
from edgeq.store.content import Store
from edgeq.tflite.folding import folded
from edgeq.tflite.model_file import read_whole
from edgeq.tflite.pruning import pruned

FILE = "model.tflite"
_FORMAT = 1


def pruned_model(model: FloatModel, share: float, store: Store) -> FloatModel:
    """Return a float model with a share of its weights set to zero; see ``tflite.pruning``.

    Raises:
        ModelError: The model's file can't be read.
        StoreError: The store can't be written.
    """
    content = lambda path: pruned(read_whole(path), path, share)  # noqa: E731
    return _edited(model, "pruned", {"share": share}, content, store)


def folded_model(model: FloatModel, store: Store) -> FloatModel:
    """Return a float model whose first convolution does its preprocessing; see ``tflite.folding``.

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
