"""A project's own model files: a run works on a copy in the store, with the hashed content.

Someone may replace a file during a run. What the run hashes, reads, loads and times is therefore
one copy, addressed by its content; the file itself is checked again when it is judged.
"""

from __future__ import annotations

from pathlib import Path

from edgeq.io.files import Original, Stamp, stamp_of
from edgeq.store.content import Store
from edgeq.tflite.model_file import ModelFile, read_content, read_whole

KIND = "originals"
FILE = "model.tflite"


def take(path: Path, store: Store) -> tuple[ModelFile, Original]:
    """Read a model file once; return its contents and its copy.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
        StoreError: The store can't be written.
    """
    before = _stamp(path)
    content = read_whole(path)
    model = read_content(path, content)

    def copy(folder: Path) -> None:
        (folder / FILE).write_bytes(content)

    entry = store.get_or_make(KIND, {"sha256": model.sha256}, copy)
    return model, Original(path, entry.folder / FILE, model.sha256, before)


def _stamp(path: Path) -> Stamp:
    """Return a file's stamp, or a dummy if there is no file; reading it then raises the error."""
    try:
        return stamp_of(path)
    except OSError:
        return Stamp(-1, -1, -1, -1, -1)
