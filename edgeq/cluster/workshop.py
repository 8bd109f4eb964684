"""A node's workshop: exports, calibrates and quantizes in child processes, and leaves no file.

Libraries want real files, so they get a folder. A shell that waits for this process to end, however
it ends, deletes it.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from edgeq.cluster.work import Bytes, Made, Making, Source, Unseen
from edgeq.errors import reason_of
from edgeq.io import structs
from edgeq.io.files import sha256_file
from edgeq.models.child import TooMuchError, carry_out, idle, path_named
from edgeq.models.serving import NO_ROOM, Failure, Response
from edgeq.models.sources import EXTRAS
from edgeq.quantize.make import ENGINES

_DELETES = 'exec 3<&0; { read -r _ <&3; rm -rf -- "$0"; } &'
"""Deletes the folder ``$0`` once nobody can write to standard input any more. The shell itself ends
at once, so that what deletes is not our child: Ray kills the children of an actor that ends."""


def tools() -> dict[str, str]:
    """Return the versions of the installed packages that make models, and Python's."""
    packages = {package for _, engine in ENGINES for package in engine.packages}
    versions = {"python": platform.python_version()}
    for package in sorted({*packages, *EXTRAS["keras"], *EXTRAS["onnx"]}):
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


class Workshop:
    """Makes one thing at a time. At most one child waits for the next request of its kind."""

    def __init__(self) -> None:
        self._kind = ""
        self._keeping = idle.kept()
        self._keeping.__enter__()
        self._folder = tempfile.mkdtemp(prefix="edgeq-node-")
        self._alive = os.pipe()
        subprocess.run(  # noqa: S603 (our own script)
            ["/bin/sh", "-c", _DELETES, self._folder],
            stdin=self._alive[0],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=True,
        )
        os.close(self._alive[0])

    def close(self) -> None:
        """End the child that waits, and delete the folder."""
        self._keeping.__exit__(None, None, None)
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._alive[1])

    def make(self, making: Making, contents: Sequence[Bytes]) -> Made | Unseen:
        """Run a child.

        ``contents`` are those of the files that it reads, in their order; none if they are taken
        from their own paths, should those be visible here.
        """
        kind = making.assignment.kind
        if kind != self._kind:
            idle.end_all()
        self._kind = kind
        try:
            with self._scratch() as scratch:
                return _made(making, contents, scratch)
        except OSError as error:
            reason = f"can't be written on a node of the cluster: {reason_of(error)}"
            return Made(Response(failure=Failure(reason, kind=NO_ROOM)), b"", {})

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as scratch:
            yield Path(scratch)


def _made(making: Making, contents: Sequence[Bytes], scratch: Path) -> Made | Unseen:
    assignment = making.assignment
    request, files = assignment.request, assignment.files
    own: dict[str, str] = {}
    if contents:
        own = _laid_out(making.sources, contents, request, scratch)
    elif not all(map(_is_here, making.sources)):
        return Unseen()
    output = scratch / "output"
    output.mkdir()
    if files is not None and files.writes is not None:
        own[files.writes] = str(output / path_named(request, files.writes).name)
    log = scratch / "log"
    changed = replace(assignment, request=_with_paths(request, own))
    answer: Response | int | TooMuchError
    try:
        answer = carry_out(changed, log, scratch)
    except TooMuchError as stopped:
        answer = stopped
    if isinstance(answer, Response):
        answer = _in_paths_of(request, own, answer)
    written = sorted(path for path in output.rglob("*") if path.is_file())
    names = {path.relative_to(output).as_posix(): path for path in written}
    return Made(answer, log.read_bytes(), {name: path.read_bytes() for name, path in names.items()})


def _laid_out(
    sources: Sequence[Source],
    contents: Sequence[Bytes],
    request: Mapping[str, object],
    scratch: Path,
) -> dict[str, str]:
    """Write files as they lie on the driver, and return their paths by key."""
    own = {}
    for source, content in zip(sources, contents, strict=True):
        folder = scratch / "sources" / source.key
        path = folder / source.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.data)
        own[source.key] = str(folder / path_named(request, source.key).name)
    return own


def _is_here(source: Source) -> bool:
    with suppress(OSError):
        return sha256_file(source.path) == source.sha256
    return False


def _with_paths(request: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, Any]:
    """Return a request with other paths under some keys."""
    changed = dict(request)
    for key, path in own.items():
        first, _, rest = key.partition(".")
        changed[first] = _with_paths(changed[first], {rest: path}) if rest else path
    return changed


def _in_paths_of(
    request: Mapping[str, object], own: Mapping[str, str], answer: Response
) -> Response:
    """Return an answer that names the driver's paths."""
    text = msgspec.json.encode(answer)
    for key, path in own.items():
        theirs = msgspec.json.encode(str(path_named(request, key)))
        text = text.replace(msgspec.json.encode(path)[1:-1], theirs[1:-1])
    return structs.from_json(text, Response)
