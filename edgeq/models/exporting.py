"""Exports a float model to the store: a ``.tflite`` file and, on request, a SavedModel."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeq.errors import ChangedFileError, ConversionError, ModelError
from edgeq.io import structs
from edgeq.io.files import Stamp, sha256_file, stamp_of, write_bytes
from edgeq.models.child import Files, idle, log_path, run_child
from edgeq.models.export_request import GRAPH_FILE, ExportRequest, ExportResponse
from edgeq.models.float_file import require_float
from edgeq.models.sources import content_of, files_of
from edgeq.store.content import Entry, Store, key_of
from edgeq.tflite.model_file import read_model

FLOAT_KIND = "float"
FOLDER_KIND = "saved_model"
_FILE = "model.tflite"
_FOLDER = "saved_model"
_NOTES = "export.json"
CHILD_KIND = "tensorflow"
OWN_KINDS = frozenset({"application", "lite0"})
"""Kinds of sources that bring no code of their own."""
CODE_KINDS = frozenset({"function", "torch"})
"""Kinds of sources whose content is code, which no facts describe."""
_HOLDING_KINDS = frozenset({*OWN_KINDS, "keras_file", "saved_model", "function"})
"""Kinds of sources that the child which exported them has loaded in their own runtime."""
WITHOUT_TENSORFLOW = frozenset({"registered", "torch"})
"""Kinds of sources that come as a ``.tflite`` file and in no form that TensorFlow reads."""

_CHILD = "edgeq.models.export_child"


class DownloadFailedError(Exception):
    """Weights could not be downloaded; the caller decides what to use instead."""

    def __init__(self, reason: str, log: Path):
        self.reason = reason
        self.log = log
        super().__init__(reason)


@dataclass(frozen=True)
class Exported:
    """A float ``.tflite`` file in the store.

    Attributes:
        input_size: Height and width in pixels.
        outputs: Length of the first output's last dimension.
        notes: What a reader should know, in sentences.
        facts: Everything that the file depends on.
        graph: The frozen graph that it was converted from, or None if not requested or not written.
    """

    path: Path
    sha256: str
    input_size: tuple[int, int]
    outputs: int
    notes: tuple[str, ...]
    request: ExportRequest
    facts: Mapping[str, object]
    graph: Path | None


def export_float(
    name: str, request: ExportRequest, facts: Mapping[str, object] | None, store: Store
) -> Exported:
    """Return a request's float file, exporting it unless the store has it.

    Without ``facts``, which say all that the file depends on, the export runs every time, and
    identical results are stored once.

    Raises:
        ModelError: The exported model can't be a baseline.
        ConversionError: The export failed; the error carries the log.
        DownloadFailedError: Weights could not be downloaded.
    """
    if facts is None:
        with tempfile.TemporaryDirectory(prefix="edgeq-") as scratch:
            folder = Path(scratch)
            _export_file(name, request, folder, log_path(store, FLOAT_KIND, {"name": request.name}))
            facts = {"source": request.name, "sha256": sha256_file(folder / _FILE)}
            entry = store.get_or_make(FLOAT_KIND, facts, lambda target: _copy_files(folder, target))
    else:
        log = log_path(store, FLOAT_KIND, facts)

        def make(target: Path) -> None:
            with unchanged(request, facts):
                _export_file(name, request, target, log)

        entry = store.get_or_make(FLOAT_KIND, facts, make)
    return _describe(entry, request, facts)


def export_folder(name: str, exported: Exported, store: Store) -> Path:
    """Return the SavedModel folder of an exported model, writing it unless the store has it.

    Raises:
        ConversionError: The export failed; the error carries the log.
    """
    log = log_path(store, FOLDER_KIND, exported.facts)

    def make(target: Path) -> None:
        request = msgspec.structs.replace(
            exported.request, form="saved_model", output=str(target / _FOLDER)
        )
        with unchanged(request, exported.facts):
            response = _run(f"SavedModel of {name}", request, log)
        if response.download_failed is not None:
            raise ConversionError(response.download_failed, where=name, log=log)

    entry = store.get_or_make(FOLDER_KIND, exported.facts, make)
    return entry.folder / _FOLDER


def _export_file(name: str, request: ExportRequest, target: Path, log: Path) -> None:
    path = target / _FILE
    request = msgspec.structs.replace(request, form="litert", output=str(path))
    response = _run(f"float file of {name}", request, log)
    if response.download_failed is not None:
        release(request)
        raise DownloadFailedError(response.download_failed, log)
    try:
        require_float(read_model(path), arrays=request.arrays)
    except ModelError as error:  # the file is about to be deleted, so its path would not help
        release(request)
        raise ModelError(error.what, where=f"{name}, exported", remedy=error.remedy) from error
    write_bytes(target / _NOTES, msgspec.json.encode(response))


@contextmanager
def unchanged(request: ExportRequest, facts: Mapping[str, object]) -> Iterator[None]:
    """Discard what is made of a source if its files change meanwhile.

    Raises:
        ChangedFileError: A file differs from the one that was hashed.
    """
    changed = ChangedFileError(
        "changed while it was read",
        where=request.name,
        remedy="Run again when no other program writes it",
    )
    files = files_of(request)
    before = _stamps(files)
    if files and content_of(request) != facts.get("content"):
        raise changed
    yield
    if _stamps(files_of(request)) != before:
        raise changed


def _stamps(files: tuple[Path, ...]) -> list[tuple[Path, Stamp]]:
    return [(path, stamp_of(path)) for path in files]


def _run(what: str, request: ExportRequest, log: Path) -> ExportResponse:
    sources = source_files(request)
    answer = run_child(
        _CHILD,
        msgspec.to_builtins(request),
        log=log,
        limits=request.limits,
        what=what,
        kind=holder_of(request),
        fresh=True,  # Keras numbers layers per process
        pooled=request.form == "litert" and request.kind in _HOLDING_KINDS,
        files=None if sources is None else Files(sources),
    )
    return structs.converted(answer, ExportResponse)


def source_files(request: ExportRequest) -> dict[str, tuple[Path, ...]] | None:
    """Return the files that an export reads, by their key; None if it needs more than files.

    Code that the project brings, and what Keras downloads, are on this machine only.
    """
    if request.allow_code or request.kind in {*CODE_KINDS, "registered"}:
        return None
    if request.kind != "application":
        return {"name": files_of(request)}
    if request.weights is None:
        return {}
    path = Path(request.weights)
    return {"weights": (path,)} if path.is_file() else None


def holder_of(request: ExportRequest) -> str:
    """Return the kind of the child that has exported a source and waits to run it."""
    own = msgspec.structs.replace(request, form="litert", graph=False, output="")
    return f"source-{key_of('source', msgspec.to_builtins(own))}"


def release(request: ExportRequest) -> None:
    """Let the child that has exported a source do other work, or end it if it ran others' code."""
    child = idle.take(holder_of(request))
    if child is not None and request.kind in OWN_KINDS:
        idle.add(CHILD_KIND, child)
    elif child is not None:
        child.end()


def _copy_files(folder: Path, target: Path) -> None:
    for path in folder.iterdir():
        shutil.copyfile(path, target / path.name)


def _describe(entry: Entry, request: ExportRequest, facts: Mapping[str, object]) -> Exported:
    file = read_model(entry.folder / _FILE)
    response = structs.from_json((entry.folder / _NOTES).read_bytes(), ExportResponse)
    graph = entry.folder / GRAPH_FILE
    return Exported(
        path=file.path,
        sha256=file.sha256,
        input_size=require_float(file, arrays=request.arrays),
        outputs=(file.tensors[file.outputs[0]].shape or (0,))[-1],
        notes=response.notes,
        request=request,
        facts=facts,
        graph=graph if GRAPH_FILE in entry.files else None,
    )
