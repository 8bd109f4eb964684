"""A project's own model files: a run works on a copy in the store, with the hashed content.

Someone may replace a file during a run. What the run hashes, reads, loads and times is therefore
one copy, addressed by its content; the file itself is checked again when it is judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeq.errors import ChangedFileError
from edgeq.io.files import Stamp, sha256_file, stamp_of
from edgeq.store.content import Store
from edgeq.tflite.model_file import MOST_BYTES, ModelFile, read_content, read_whole

KIND = "originals"
FILE = "model.tflite"
_SHOWN = 12
_REMEDY = "Run again when nothing writes it"


@dataclass(frozen=True)
class Original:
    """A file of the project and its copy.

    Attributes:
        path: The project's file.
        copy: Copy in the store, with the content that was read.
        sha256: Hash of that content.
        stamp: Stamp of the file when it was read.
    """

    path: Path
    copy: Path
    sha256: str
    stamp: Stamp

    def require_unchanged(self) -> None:
        """Check that the file still holds the content that was read.

        Raises:
            ChangedFileError: The file has been written, replaced or removed since.
        """
        try:
            if stamp_of(self.path) == self.stamp:
                return
            now = sha256_file(self.path, MOST_BYTES)
        except OSError as error:
            raise ChangedFileError(
                f"changed during the run: it can't be read any more: {error.strerror or error}",
                where=self.path,
                remedy=_REMEDY,
            ) from error
        if now != self.sha256:
            raise ChangedFileError(
                f"changed during the run: the run used the sha256 {self.sha256[:_SHOWN]}, "
                f"the file now has {now[:_SHOWN]}",
                where=self.path,
                remedy=_REMEDY,
            )


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
