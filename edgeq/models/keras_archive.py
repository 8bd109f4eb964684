"""Checks a ``.keras`` file, which is a zip archive, before anything unpacks it."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath

from edgeq.errors import ModelError

MOST_MEMBERS = 10_000
MOST_BYTES = 64 * 2**30
MOST_TIMES = 1000
"""Maximum ratio of unpacked to packed size, for files that unpack to more than 1 GiB."""
_SMALL_BYTES = 2**30


def check_archive(path: Path) -> None:
    """Refuse an archive that would unpack outside its folder or grow without bound.

    Raises:
        ModelError: The file is not an archive, or not one that Keras wrote.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ModelError(
            f"is not a .keras file: {error}", where=path, remedy="Save the model again"
        ) from error
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        outside = name.is_absolute() or ".." in name.parts or ":" in "".join(name.parts[:1])
        if outside or stat.S_ISLNK(member.external_attr >> 16):
            raise _refused(path, f"would unpack {member.filename!r} outside its folder")
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if len(members) > MOST_MEMBERS:
        raise _refused(path, f"holds {len(members)} files")
    if size > MOST_BYTES or (size > _SMALL_BYTES and size > MOST_TIMES * packed):
        raise _refused(path, f"would unpack {packed} bytes to {size}")


def _refused(path: Path, what: str) -> ModelError:
    return ModelError(what, where=path, remedy="Do not open it; get the model from its maker")
