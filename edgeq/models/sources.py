"""Parses the sources that a spec can name, and collects what an export of each depends on."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edgeq.config.presets import find_preprocessing
from edgeq.config.structs import Model, Preprocessing, Spec
from edgeq.config.tables import key_text
from edgeq.errors import MissingExtraError, ModelError
from edgeq.io.files import sha256_file
from edgeq.models import lite0, registered
from edgeq.models.applications import SIZES, USUAL_SIZE, Application, find_application
from edgeq.models.export_request import ExportRequest, Kind
from edgeq.models.function_source import check_function
from edgeq.models.keras_config import check_archive, check_config
from edgeq.models.protobuf import FILE as SAVED_MODEL_FILE
from edgeq.models.protobuf import chosen_signature, files_of_onnx, require_inputs

_KERAS = "keras:"
TORCH = "torch:"
_ONNX = ".onnx"
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_TOOLS = ("tensorflow", "keras", "numpy")
_ONNX_TOOLS = ("tensorflow", "tf_keras", "numpy", "onnx", "onnx2tf", "onnxruntime")
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "keras": ("keras", "tensorflow"),
    "onnx": (*_ONNX_TOOLS, "onnx_graphsurgeon", "sng4onnx"),
    "torch": ("torch", "litert_torch"),
}
"""The packages that sources of models need, by the extra that brings them."""
_VALID = (
    'Valid: "keras:NAME", a .keras file, a SavedModel folder, a .tflite file, an .onnx file, '
    f'"package.module:function", "torch:package.module:function", "{lite0.SOURCE}"'
)
MAX_BYTES = 64 << 30
"""Size limit for each file of a model."""
EXPORT_RECIPE = 3
"""Incremented when the export itself changes, so that stored files are rebuilt."""


@dataclass(frozen=True)
class FloatFile:
    """A ``.tflite`` file that already exists."""

    path: Path


@dataclass(frozen=True)
class Export:
    """A model to export.

    Attributes:
        request: The child's request, without the output.
        facts: Everything that the exported file depends on, or None if unknown.
        application: The application of a ``keras:`` source, otherwise None.
    """

    request: ExportRequest
    facts: dict[str, object] | None
    application: Application | None = None


@dataclass(frozen=True)
class Expected:
    """The predicted input of a model."""

    input_size: tuple[int, int]
    preprocessing: Preprocessing
    labels: str


def parse_source(name: str, model: Model, spec: Spec) -> FloatFile | Export:
    """Parse a model's source; the weights of an application are chosen later.

    The source is checked as far as possible without loading it, and refused if certain to fail.

    Raises:
        ModelError: The source is of no known kind, its file is missing, or it can't be a baseline.
        MissingExtraError: The source needs a package that is not installed.
    """
    text = model.source
    where = f"{spec.origin}: {key_text('models', name, 'source')}"
    table = f"[{key_text('models', name)}]"
    _refuse_signature(model, spec, where)
    named = _from_name(name, model, spec, where)
    if named is not None:
        return named
    path = spec.path(text)
    if path.suffix.lower() == ".tflite":
        if not path.exists():
            raise _absent(path, table)
        return FloatFile(path)
    if path.suffix.lower() == _ONNX:
        return _from_onnx(path, model, spec, table)
    if path.is_dir() or path.suffix.lower() in {".keras", ".h5", ".pb"}:
        return _from_files(path, model, spec, table)
    if _FUNCTION.fullmatch(text):
        require_keras(text)
        check_function(text, spec.root, where)
        return Export(_request("function", text, model, spec, seed=model.seed), None)
    raise ModelError(f"unknown source {text!r}", where=where, remedy=_VALID)


def expected(name: str, model: Model, spec: Spec) -> Expected | None:
    """Predict a model's input, or return None if only its export can tell.

    Photographs are then decoded while the export runs. Nothing depends on the prediction: if the
    exported file takes something else, they are decoded again.

    Raises:
        ModelError: The source can't be used.
        MissingExtraError: A package that the source needs is not installed.
        SpecError: There is no such preprocessing.
    """
    source = parse_source(name, model, spec)
    if not isinstance(source, Export):
        return None
    if model.source == lite0.SOURCE:
        side, preset = USUAL_SIZE, lite0.PREPROCESSING
    elif source.application is not None and source.application.family is not None:
        side = SIZES.get(source.application.name, USUAL_SIZE)
        preset = source.application.family.preprocessing
    else:
        return None
    return Expected(
        model.input_size or (side, side),
        find_preprocessing(model.preprocessing or preset, where=f"models.{name}.preprocessing"),
        model.labels or "imagenet",
    )


def has_own_runtime(text: str, spec: Spec) -> bool:
    """Return whether a source runs elsewhere than in the float file that is exported from it."""
    if text == lite0.SOURCE or text.startswith((_KERAS, TORCH)):
        return True
    path = spec.path(text)
    if path.suffix.lower() in {_ONNX, ".keras"} or (path / SAVED_MODEL_FILE).is_file():
        return True
    return _FUNCTION.fullmatch(text) is not None and registered.find_source(text) is None


def _from_name(name: str, model: Model, spec: Spec, where: str) -> Export | None:
    """Parse a source that a prefix or its whole name shows; None if it is something else."""
    text = model.source
    if text.startswith(_KERAS):
        require_keras(text)
        application = find_application(text.removeprefix(_KERAS), where)
        open_size = application.family.open_size if application.family else None
        request = _request(
            "application", application.name, model, spec, seed=model.seed, open_size=open_size
        )
        return Export(request, _facts(_KERAS + application.name, request), application)
    if text == lite0.SOURCE:
        weights = lite0.weights_file()
        require_keras(text)
        request = _request("lite0", str(weights), model, spec)
        return Export(request, _facts(text, request, sha256_file(weights)))
    if text.startswith(TORCH):
        return _from_torch(name, model, spec, where)
    if registered.find_source(text) is None:
        return None
    content = registered.content_of(text)
    facts: dict[str, object] | None = None
    if content is not None:
        facts = {"source": text, "content": content}
    return Export(_request("registered", text, model, spec), facts)


def _request(kind: Kind, name: str, model: Model, spec: Spec, **more: Any) -> ExportRequest:
    return ExportRequest(
        kind=kind,
        name=name,
        root=str(spec.root),
        input_size=model.input_size,
        arrays=model.arrays is not None,
        **more,
    )


def _refuse_signature(model: Model, spec: Spec, where: str) -> None:
    """Refuse a signature for a source that has no signatures."""
    path = spec.path(model.source)
    if model.signature is None or path.suffix.lower() == ".tflite" or path.is_dir():
        return
    raise ModelError(
        f"{model.source!r} has no signatures: only SavedModel folders and .tflite files do",
        where=where,
        remedy="Remove `signature`",
    )


def require_keras(needed_for: str) -> None:
    """Check that TensorFlow and Keras are installed, without importing them.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    _require_extra("keras", needed_for)


def _require_extra(extra: str, needed_for: str) -> None:
    for package in EXTRAS[extra]:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, extra=extra, needed_for=f"the source {needed_for!r}")


def tool_versions(packages: Iterable[str] = _TOOLS) -> dict[str, str]:
    """Return the versions of the packages that an export depends on."""
    return {name: importlib.metadata.version(name) for name in packages}


def files_of(request: ExportRequest) -> tuple[Path, ...]:
    """Return the files that an export reads, sorted; empty if the source is code."""
    if request.kind not in {"saved_model", "keras_file", "lite0", "onnx"}:
        return ()
    path = Path(request.name)
    if request.kind == "onnx":
        return files_of_onnx(path)
    if not path.is_dir():
        return (path,)
    return tuple(sorted(inner for inner in path.rglob("*") if inner.is_file()))


def content_of(request: ExportRequest) -> str | None:
    """Return the hash of the files that an export reads, or None if the source is code."""
    files = files_of(request)
    if len(files) < 2 and request.kind != "saved_model":  # several, or a folder
        return sha256_file(files[0], MAX_BYTES) if files else None
    folder = Path(request.name)
    digest = hashlib.sha256()
    for path in files:
        name = path.relative_to(folder if folder.is_dir() else folder.parent).as_posix()
        digest.update(f"{name}\0{sha256_file(path, MAX_BYTES)}\n".encode())
    return digest.hexdigest()


def _absent(path: Path, table: str) -> ModelError:
    return ModelError("no such file", where=path, remedy=f"Correct `source` in {table}")


def _from_files(path: Path, model: Model, spec: Spec, table: str) -> Export:
    kind: Kind = "saved_model" if path.is_dir() else "keras_file"
    request = _request(kind, str(path), model, spec, allow_code=model.allow_code)
    if path.is_dir():
        if not (path / SAVED_MODEL_FILE).is_file():
            raise ModelError(
                f"is not a SavedModel: {SAVED_MODEL_FILE} is missing",
                where=path,
                remedy="Name the folder that model.export(FOLDER) wrote",
            )
        signature = chosen_signature(path, model.signature)
        request = msgspec.structs.replace(request, signature=signature)
        require_inputs(path, request, table)
        require_keras(str(path))
        facts = _facts("saved_model", request, content_of(request))
        return Export(request, {**facts, "signature": signature})
    if path.suffix.lower() != ".keras":
        raise ModelError(
            f"{path.suffix} files are not supported",
            where=path,
            remedy="Save the model with model.save('NAME.keras'), or name its SavedModel folder",
        )
    if not path.is_file():
        raise _absent(path, table)
    check_archive(path)
    check_config(path, request, table)
    require_keras(str(path))
    return Export(request, _facts("keras_file", request, content_of(request)))


def _from_onnx(path: Path, model: Model, spec: Spec, table: str) -> Export:
    if not path.is_file():
        raise _absent(path, table)
    files_of_onnx(path)
    _require_extra("onnx", str(path))
    request = _request("onnx", str(path), model, spec)
    return Export(request, _facts("onnx", request, content_of(request), _ONNX_TOOLS))


def _from_torch(name: str, model: Model, spec: Spec, where: str) -> Export:
    function = model.source.removeprefix(TORCH)
    if _FUNCTION.fullmatch(function) is None:
        raise ModelError(
            f"{model.source!r} names no function",
            where=where,
            remedy='Write "torch:package.module:function"',
        )
    if model.input_size is None and model.arrays is None:
        raise ModelError(
            "a PyTorch module does not say how large its input is",
            where=where,
            remedy=f"Set {key_text('models', name, 'input_size')} = [HEIGHT, WIDTH]",
        )
    _require_extra("torch", model.source)
    check_function(function, spec.root, where)
    return Export(_request("torch", function, model, spec, seed=model.seed), None)


def _facts(
    source: str,
    request: ExportRequest,
    content: str | None = None,
    packages: Iterable[str] = _TOOLS,
) -> dict[str, object]:
    return {
        "source": source,
        "content": content,
        "input_size": list(request.input_size) if request.input_size else None,
        "tools": tool_versions(packages),
        "recipe": EXPORT_RECIPE,
    }
