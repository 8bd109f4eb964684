"""Model files that came with a project: what is run is a copy in the store of what was hashed.

A file of somebody else's may be replaced while a run goes on. What the run hashed, reads, loads
and times is therefore one copy, addressed by its content, and the file itself is looked at once
more when it is judged.
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
        copy: In the store, with the content that was read.
        sha256: Of that content.
        stamp: The file's when it was read.
    """

    path: Path
    copy: Path
    sha256: str
    stamp: Stamp

    def require_unchanged(self) -> None:
        """Refuse to go on with a file that holds something else than what was read.

        Raises:
            ChangedFileError: It was written, replaced or removed since.
        """
        try:
            if stamp_of(self.path) == self.stamp:
                return
            now = sha256_file(self.path, MOST_BYTES)
        except OSError as error:
            raise ChangedFileError(
                f"changed while the run went on: it can't be read any more: "
                f"{error.strerror or error}",
                where=self.path,
                remedy=_REMEDY,
            ) from error
        if now != self.sha256:
            raise ChangedFileError(
                f"changed while the run went on: what ran has the sha256 {self.sha256[:_SHOWN]}, "
                f"what is there now {now[:_SHOWN]}",
                where=self.path,
                remedy=_REMEDY,
            )


def take(path: Path, store: Store) -> tuple[ModelFile, Original]:
    """Read a model's file once, and return what it holds and its copy.

    Args:
        path: The project's file; errors name it.
        store: Keeps the copy.

    Raises:
        ModelError: It is missing, not a model, truncated or damaged.
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
    """Return a file's stamp, nothing's if there is no file: reading it says so."""
    try:
        return stamp_of(path)
    except OSError:
        return Stamp(-1, -1, -1, -1, -1)
