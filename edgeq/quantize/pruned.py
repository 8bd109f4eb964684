"""Pruned float models, in the store like exported ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgeq.models.float_model import FloatModel
from edgeq.store.content import Store
from edgeq.tflite.model_file import read_whole
from edgeq.tflite.pruning import pruned

KIND = "pruned"
FILE = "model.tflite"
_FORMAT = 1


def pruned_model(model: FloatModel, share: float, store: Store) -> FloatModel:
    """Return a float model with a share of its weights set to zero; see ``tflite.pruning``.

    Raises:
        ModelError: The model's file can't be read.
        StoreError: The store can't be written.
    """

    def make(folder: Path) -> None:
        (folder / FILE).write_bytes(pruned(read_whole(model.path), model.path, share))

    facts = {"float_sha256": model.sha256, "share": share, "format": _FORMAT}
    entry = store.get_or_make(KIND, facts, make)
    return replace(model, path=entry.folder / FILE, sha256=entry.files[FILE], original=None)
