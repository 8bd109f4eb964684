"""A node: runs portions of photographs with edgeq's own worker, makes models, and leaves no file.

Models and photographs that are sent here are files in memory without a name, so nothing is left
however the process ends; a worker and a decoder end when the process that started them does. The
libraries that export, calibrate and quantize want real files, so they get a folder, which a shell
that waits for this process to end deletes.
"""

from __future__ import annotations

import io
import os
import platform
import secrets
import shutil
import subprocess
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edgeq.cluster.work import (
    Answer,
    Bytes,
    Job,
    Made,
    Making,
    NodeFacts,
    Portion,
    Ran,
    Source,
    Unseen,
)
from edgeq.errors import EdgeqError, ImageError, ModelError, WorkerError, reason_of
from edgeq.io import structs
from edgeq.io.files import sha256_bytes, sha256_file
from edgeq.models.child import TooMuchError, carry_out, idle, path_named
from edgeq.models.serving import NO_ROOM, Failure, Response
from edgeq.models.sources import EXTRAS
from edgeq.processes.environment import numeric
from edgeq.quantize.make import ENGINES
from edgeq.run.results import Loaded
from edgeq.run.session import Session
from edgeq.run.targets import local_target
from edgeq.samples import apart
from edgeq.samples.decode import Pixels, decoder_facts, pixel_facts_of
from edgeq.samples.sets import Photo
from edgeq.store.content import key_of

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


MAX_SESSIONS = 2
"""Models loaded at a time, each in a worker of its own: two evaluations may overlap."""

MAX_PIXELS = 512_000_000
"""Bytes of decoded photographs that a node keeps for the next model: 3,400 of 224 by 224."""


@dataclass
class _Resident:
    """A worker with one model, and the unique id of that load."""

    session: Session
    loaded: Loaded
    load: str


class Node:
    """Runs portions and makes models, one at a time. It knows nothing of Ray.

    Args:
        settings: Environment variables of the driver that affect numbers, which replace this
            process's own; None to keep those.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        if settings is not None:
            for name in numeric(os.environ):
                del os.environ[name]
            os.environ.update(settings)
        self._residents: OrderedDict[Job, _Resident] = OrderedDict()
        self._pixels: OrderedDict[tuple[str, str], Bytes] = OrderedDict()
        self._pixel_bytes = 0
        self._keeping = apart.idle.kept()
        self._keeping.__enter__()
        self._workshop: Workshop | None = None

    def close(self) -> None:
        """End the workers, decoders and converters."""
        self.rest()
        while self._residents:
            self._residents.popitem()[1].session.close()
        self._keeping.__exit__(None, None, None)

    def facts(self) -> NodeFacts:
        """Return what the predictions of this node depend on.

        Raises:
            WorkerError: No worker can be started here.
        """
        with Session(local_target(), timeout_s=60.0, memory_limit=None) as session:
            facts = session.facts
        return NodeFacts(platform.node(), facts.runtime, _software(), tools())

    def make(self, making: Making, *contents: Bytes) -> Made | Unseen:
        """Run a converter; see ``Workshop.make``."""
        if self._workshop is None:
            self._workshop = Workshop()
        return self._workshop.make(making, contents)

    def rest(self) -> None:
        """End the converter that waits for more work."""
        workshop, self._workshop = self._workshop, None
        if workshop is not None:
            workshop.close()

    def run(self, job: Job, model: Bytes, portion: Portion) -> Answer:
        """Run a model on a portion of photographs."""
        try:
            rows = self._decoded(job, portion)
            if rows is None:
                return Unseen()
            shape = (len(rows), *job.size, 3)
            with _file_of(_npy_header(shape), *(row.data for row in rows)) as path:
                return self._run(job, model, Pixels(path, shape, ""))
        except EdgeqError as error:
            return error

    def _run(self, job: Job, model: Bytes, pixels: Pixels) -> Ran:
        resident = self._residents.get(job)
        if resident is not None:
            # As in the pool of local workers: no model fails because of what ran before it.
            with suppress(WorkerError):
                return self._infer(job, resident, pixels)
        return self._infer(job, self._load(job, model), pixels)

    def _infer(self, job: Job, resident: _Resident, pixels: Pixels) -> Ran:
        try:
            inferred = resident.session.infer(resident.loaded.handle, pixels, job.preprocessing)
        except BaseException:
            self._residents.pop(job, None)
            resident.session.close()
            raise
        self._residents.move_to_end(job)
        return Ran(inferred.outputs, inferred.held, resident.load)

    def _load(self, job: Job, model: Bytes) -> _Resident:
        content = model.tobytes()
        if sha256_bytes(content) != job.sha256:
            raise ModelError("is not the file that was hashed", where=job.name)
        while len(self._residents) >= MAX_SESSIONS:
            _, oldest = self._residents.popitem(last=False)
            oldest.session.close()
        session = Session(
            local_target(),
            timeout_s=job.timeout_s,
            memory_limit=job.memory_limit,
            where=job.name,
        )
        try:
            with _file_of(content) as path:
                loaded = session.load(
                    path, threads=job.threads, kernels=job.kernels, edits=job.edits
                )
        except BaseException:
            session.close()
            raise
        resident = _Resident(session, loaded, secrets.token_hex(8))
        self._residents[job] = resident
        return resident

    def _decoded(self, job: Job, portion: Portion) -> list[Bytes] | None:
        """Return a portion's pixels, ``(h, w, 3)`` each; None if its files can't be seen here."""
        geometry = key_of("pixels", pixel_facts_of(job.preprocessing, job.size))
        contents = portion.contents or (None,) * len(portion.photos)
        rows = []
        for photo, content in zip(portion.photos, contents, strict=True):
            row = self._pixels.get((geometry, photo.sha256))
            if row is None:
                row = _decode(photo, content, job)
                if row is None:
                    return None
                self._keep((geometry, photo.sha256), row)
            rows.append(row)
        return rows

    def _keep(self, key: tuple[str, str], row: Bytes) -> None:
        """Keep a photograph while there is room; those of another geometry make room.

        Each model goes through the set in the same order. If a set does not fit, the photographs
        that came last would be given up for others before they are needed again.
        """
        while self._pixel_bytes + row.nbytes > MAX_PIXELS and self._pixels:
            oldest = next(iter(self._pixels))
            if oldest[0] == key[0]:
                return
            self._pixel_bytes -= self._pixels.pop(oldest).nbytes
        self._pixels[key] = row
        self._pixel_bytes += row.nbytes


def _software() -> dict[str, str]:
    """Return the versions that decide whether two nodes run and decode alike."""
    from edgeq import __version__

    decoders = {name: str(release) for name, release in decoder_facts().items()}
    return {"edgeq": __version__, "numpy": np.__version__, **decoders}


def _decode(photo: Photo, content: bytes | None, job: Job) -> Bytes | None:
    """Return a photograph's pixels, ``(h, w, 3)``; None if it was not sent and isn't here."""
    if content is None:
        try:
            pixels = apart.decoded(photo, job.preprocessing, job.size)
        except ImageError:
            return None  # perhaps another file of this name; its content decides
    else:
        with _file_of(content) as path:
            try:
                pixels = apart.decoded(replace(photo, file=str(path)), job.preprocessing, job.size)
            except ImageError as error:
                raise ImageError(error.what, where=photo.file, remedy=error.remedy) from error
    return np.frombuffer(pixels, np.uint8).reshape(*job.size, 3)


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Return what a ``.npy`` file of bytes, in C order, begins with."""
    header = io.BytesIO()
    facts = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, facts)
    return header.getvalue()


@contextmanager
def _file_of(*parts: bytes | memoryview) -> Iterator[Path]:
    """Yield the path of a file in memory without a name, which child processes can open."""
    descriptor = os.memfd_create("edgeq")
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(parts)
        file.flush()
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
