"""The parts that targets consist of: where they come from, and the user's cache that stores them.

Parts are fetched into a folder, hashed, and unpacked into a content-addressed entry of the cache
whose facts name every part with its sha256. The same parts give the same entry. ``--save`` packs
them into one file, from which another machine creates the same entry without a network.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeq.errors import EdgeqError, reason_of
from edgeq.io import structs
from edgeq.io.files import sha256_file
from edgeq.store.content import Store

MANIFEST = "manifest.json"
_FORMAT = "edgeq.target/1"


@dataclass(frozen=True)
class Supply:
    """Where the parts of a target may come from.

    Attributes:
        file: A file written by ``--save``, used instead of a network.
        mirror: Address of a mirror of the distribution, None for the machine's own.
        save: File into which to pack the parts for other machines, None to pack none.
        say: Called with lines of progress.
    """

    file: Path | None = None
    mirror: str | None = None
    save: Path | None = None
    say: Callable[[str], object] = lambda _: None


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    facts: dict[str, str]
    parts: dict[str, str]


def cache(kind: str) -> Store:
    """Return the store, in the user's cache, of the parts for targets of a kind."""
    base = os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return Store(root / "edgeq" / "targets" / kind)


def hashed(paths: Sequence[Path]) -> dict[str, str]:
    """Return the sha256 of every part, by file name."""
    return {path.name: sha256_file(path) for path in sorted(paths)}


def pack(file: Path, facts: Mapping[str, str], paths: Sequence[Path]) -> None:
    """Write parts and their facts into one file; the same parts give the same bytes."""
    manifest = _Manifest(format=_FORMAT, facts=dict(facts), parts=hashed(paths))
    text = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"))
    temporary = file.with_name(f"{file.name}.part")
    try:
        with tarfile.open(temporary, "w") as archive:
            header = tarfile.TarInfo(MANIFEST)
            header.size = len(text)
            archive.addfile(header, io.BytesIO(text))
            for path in sorted(paths):
                header = tarfile.TarInfo(path.name)
                header.size = path.stat().st_size
                with path.open("rb") as part:
                    archive.addfile(header, part)
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise EdgeqError(f"can't be written: {reason_of(error)}", where=file) from error


def _extract_flat(file: Path, folder: Path) -> None:
    """Write the regular files at the top of an archive into a folder, each for the first time."""
    with tarfile.open(file) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content is None or Path(member.name).name != member.name:
                continue
            with content, (folder / member.name).open("xb") as copy:
                shutil.copyfileobj(content, copy)


def unpack(file: Path, folder: Path) -> tuple[dict[str, str], list[Path]]:
    """Unpack a file written by ``pack`` below a folder; return the facts and the verified parts.

    Raises:
        EdgeqError: The file can't be read, is not such a file, or a part differs from its sha256.
    """
    remedy = "Write it again with `edgeq target add NAME --save FILE`"
    try:
        _extract_flat(file, folder)
        manifest = structs.from_json((folder / MANIFEST).read_bytes(), _Manifest)
    except (OSError, tarfile.TarError, msgspec.MsgspecError, json.JSONDecodeError) as error:
        raise EdgeqError(
            f"can't be read as the parts of a target: {error}", where=file, remedy=remedy
        ) from error
    if manifest.format != _FORMAT:
        raise EdgeqError(f"has the format {manifest.format!r}", where=file, remedy=remedy)
    paths = [folder / name for name in manifest.parts if Path(name).name == name]
    missing = [path.name for path in paths if not path.is_file()]
    if missing or len(paths) != len(manifest.parts):
        raise EdgeqError(f"lacks {', '.join(missing) or 'parts'}", where=file, remedy=remedy)
    damaged = [name for name, sha in hashed(paths).items() if manifest.parts[name] != sha]
    if damaged:
        raise EdgeqError(
            f"is damaged: {', '.join(damaged)} differs from its sha256", where=file, remedy=remedy
        )
    return manifest.facts, paths
