"""Reads Debian packages: ``ar`` archives whose member ``data.tar.*`` holds the files."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from edgeq.errors import EdgeqError

_MAGIC, _HEADER = b"!<arch>\n", 60


def extract(package: Path, folder: Path, keep: Callable[[str], bool]) -> dict[str, str]:
    """Write a package's regular files below a folder, and return its links, which are not created.

    Args:
        package: The ``.deb`` file.
        folder: The folder that stands for the root.
        keep: Returns whether a path such as ``usr/bin/x`` is needed.

    Returns:
        The target of every needed link by the link's path, both relative to the root.

    Raises:
        EdgeqError: The file is not a package, or its compression is not supported by Python.
    """
    links = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_data(package.read_bytes()))) as files:
            for member in files:
                path = str(PurePosixPath(member.name))
                if not keep(path) or ".." in PurePosixPath(path).parts:
                    continue
                content = files.extractfile(member) if member.isreg() else None
                if content is not None:
                    file = folder / path
                    file.parent.mkdir(parents=True, exist_ok=True)
                    with content, file.open("wb") as copy:
                        shutil.copyfileobj(content, copy)
                    file.chmod(0o755 if member.mode & 0o100 else 0o644)
                elif member.issym():
                    links[path] = _resolved(PurePosixPath(path).parent, member.linkname)
                elif member.islnk():
                    links[path] = str(PurePosixPath(member.linkname))
    except (OSError, tarfile.TarError, ValueError) as error:
        raise EdgeqError(f"is not a package that can be read: {error}", where=package) from error
    return links


def copy_links(folder: Path, links: dict[str, str]) -> None:
    """Put copies in place of links, which may refer to each other in any order.

    A copy has a sha256 of its own, and no path can lead out of the folder.
    """
    for path in links:
        target, hops = path, 0
        while target in links and hops < len(links):
            target, hops = links[target], hops + 1
        source = folder / target
        if source.is_file() and not (folder / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / path)


def _resolved(parent: PurePosixPath, link: str) -> str:
    """Return a link's target relative to the root, without ``..``."""
    steps: list[str] = []
    for step in (PurePosixPath("/") / parent / link).parts[1:]:
        if step == "..":
            del steps[-1:]
        else:
            steps.append(step)
    return "/".join(steps)


def _data(archive: bytes) -> bytes:
    """Return the member of a package that holds its files.

    Raises:
        ValueError: There is no such member.
    """
    if not archive.startswith(_MAGIC):
        raise ValueError("no ar archive")
    place = len(_MAGIC)
    while place + _HEADER <= len(archive):
        header = archive[place : place + _HEADER]
        name, size = header[:16].decode("ascii", "replace").strip().rstrip("/"), int(header[48:58])
        place += _HEADER
        if name.startswith("data.tar"):
            return archive[place : place + size]
        place += size + size % 2
    raise ValueError("no data.tar in it")
