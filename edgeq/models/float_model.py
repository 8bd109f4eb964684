"""Loads the float model of a spec as one ``.tflite`` file: the baseline of its variants."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from edgeq import words
from edgeq.config.methods import choose
from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import Make, Model, Preprocessing, Spec
from edgeq.errors import ModelError
from edgeq.io.files import Original, write_bytes
from edgeq.models import lite0
from edgeq.models.application_model import export_application
from edgeq.models.export_request import ArrayInput
from edgeq.models.exporting import WITHOUT_TENSORFLOW, Exported, export_float, export_folder
from edgeq.models.float_file import has_open_batch, has_quantized_weights, input_size, require_float
from edgeq.models.open_size import size_note, with_size
from edgeq.models.originals import take
from edgeq.models.sources import Export, FloatFile, parse_source
from edgeq.store.content import Store
from edgeq.tflite.image_input import holds_pixels, is_integer, unchanged_note, unchanged_pixels
from edgeq.tflite.metadata import contradiction, read_metadata
from edgeq.tflite.model_file import ModelFile, read_model
from edgeq.tflite.prepared import halves, widened
from edgeq.tflite.runnable import require_runnable
from edgeq.tflite.signatures import content_of_signature, first_graph_note
from edgeq.tflite.skeleton import short

IMAGENET_LABELS = "imagenet"
TENSORFLOW = "tensorflow"
WIDENED_KIND = "widened"
SIGNATURE_KIND = "signature"
_FILE = "model.tflite"
_IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class FloatModel:
    """A float model that can serve as a baseline.

    Attributes:
        path: The ``.tflite`` file. It is in the store if it was exported, or if the source has
            float16 weights, which it holds as float32.
        notes: What a reader should know, in sentences.
        input_size: Height and width in pixels; ``NO_IMAGE`` if it takes arrays.
        preprocessing: How a photograph becomes its input.
        labels: Name of a label set, a file, or None if unknown.
        licence: Licence of the weights, or None if unknown.
        attribution: Who made the model, or None if unknown.
        export: The export that produced it, or None for a file that already existed.
        limits: Limits for child processes that work on it.
        original: The project's ``.tflite`` file, or None if the model was exported. ``path`` is
            its copy, or what was derived from it.
    """

    name: str
    source: str
    path: Path
    sha256: str
    trained: bool
    notes: tuple[str, ...]
    input_size: tuple[int, int]
    preprocessing: Preprocessing
    labels: str | None = None
    licence: str | None = None
    attribution: str | None = None
    export: Exported | None = None
    limits: Make = field(default_factory=Make)
    original: Original | None = None


def load_float_model(
    name: str, model: Model, spec: Spec, store: Store, inputs: tuple[ArrayInput, ...] = ()
) -> FloatModel:
    """Load a model of the spec as a float ``.tflite`` file, exporting it if necessary.

    Raises:
        ModelError: The source can't be used; the message says what to do.
        ConversionError: The export failed; the error carries the log.
        MissingExtraError: A package that the source needs is not installed.
        StoreError: The store can't be written.
    """
    source = parse_source(name, model, spec)
    if isinstance(source, FloatFile):
        baseline = _from_file(name, model, source.path, store, spec)
        return _holding_pixels(replace(baseline, limits=spec.make), model)
    choices = (
        choose(text, engine=spec.engine, classifier=model.classifier)
        for text in spec.methods_of(name)
    )
    graph = any(choice.engine == TENSORFLOW for choice in choices)
    request = msgspec.structs.replace(source.request, limits=spec.make, graph=graph, inputs=inputs)
    baseline = _from_export(name, model, spec, store, replace(source, request=request))
    return _holding_pixels(replace(baseline, limits=spec.make), model)


def _holding_pixels(baseline: FloatModel, model: Model) -> FloatModel:
    """Return a baseline whose input can hold pixels with its preprocessing."""
    if model.arrays is not None:
        return baseline
    file, how = read_model(baseline.path), baseline.preprocessing
    entry = file.tensors[file.inputs[0]]
    if not holds_pixels(entry, how.mean, how.std):
        raise ModelError(
            f"its input {entry.name!r} is {entry.dtype} and can't hold what the preprocessing "
            f"makes of pixels (mean {list(how.mean)}, std {list(how.std)})",
            where=baseline.original.path if baseline.original else baseline.name,
            remedy="Remove `preprocessing`, or its mean and std, from the spec: it takes pixels as "
            "they are"
            if is_integer(entry)
            else "Set `preprocessing` to that of the model's training",
        )
    return baseline


def _from_export(name: str, model: Model, spec: Spec, store: Store, source: Export) -> FloatModel:
    if source.application is not None:
        return _from_application(name, model, spec, store, source)
    exported = export_float(name, source.request, source.facts, store)
    if model.source == lite0.SOURCE:
        return _describe(
            name,
            model,
            exported,
            preset=lite0.PREPROCESSING,
            licence=lite0.LICENCE,
            attribution=lite0.ATTRIBUTION,
        )
    return _describe(name, model, exported)


def converter_start(model: FloatModel, store: Store) -> Path:
    """Return what TensorFlow's converter starts from, with a fixed batch of 1.

    That is the frozen graph if the export wrote it, otherwise a SavedModel folder, which is
    exported on first use.

    Raises:
        ModelError: The model came as a bare ``.tflite`` file.
        ConversionError: The export failed; the error carries the log.
    """
    if model.export is None or model.export.request.kind in WITHOUT_TENSORFLOW:
        raise ModelError(
            "comes as a .tflite file, which the TensorFlow converter can't start from",
            where=model.name,
            remedy='Use engine "litert", or name the Keras model or SavedModel as the source',
        )
    return model.export.graph or export_folder(model.name, model.export, store)


def _from_file(name: str, model: Model, path: Path, store: Store, spec: Spec) -> FloatModel:
    contents, original = take(path, store)
    arrays = model.arrays is not None
    source = _of_signature(original, model, store, f"{spec.origin}: models.{name}.signature")
    sized: tuple[str, ...] = ()
    if model.input_size is not None and not arrays:
        fixed = with_size(source, model.input_size, spec.make, store, what=name)
        sized = () if fixed is source else (size_note(original, model.input_size),)
        source = fixed
    if source is not original:
        contents = read_model(source.copy)
    stored = halves(contents)
    size = require_float(
        contents,
        halves=stored,
        quantized_weights=model.allow_quantized_weights,
        arrays=arrays,
    )
    if model.input_size not in (None, size):
        raise ModelError(
            f"takes images of {list(size)}, not of {list(model.input_size or ())}",
            where=path,
            remedy="Remove input_size from the spec, or set it to the model's own",
        )
    preprocessing, notes = fed(name, model, contents, file=path.name)
    file, notes = contents, (*notes, *sized, *_state_notes(contents))
    if stored:
        file = _in_float32(source, store)
        notes = (*notes, _widened_note(contents, file))
    if has_quantized_weights(contents, stored):
        notes = (
            *notes,
            "The baseline's weights are quantized already, and edgeq can't see what that cost",
        )
    if has_open_batch(file):
        notes = (*notes, "The file leaves the batch open; it is run with a batch of 1")
    return FloatModel(
        name=name,
        source=model.source,
        path=file.path if stored else source.copy,
        sha256=file.sha256,
        trained=True,
        notes=notes,
        input_size=size,
        preprocessing=preprocessing,
        labels=model.labels,
        licence=model.licence,
        attribution=model.attribution,
        original=original,
    )


def fed(
    name: str, model: Model, contents: ModelFile, *, file: str
) -> tuple[Preprocessing, tuple[str, ...]]:
    """Return the preprocessing for a ``.tflite`` model, and notes about it in sentences.

    The spec takes precedence. If it sets nothing, an input that stores pixels as they are gets
    them, and the metadata inside the file applies to any other.

    Raises:
        ModelError: The file is missing or not a model, or apps call another graph than its first.
    """
    path = contents.path
    metadata, declared = read_metadata(path, file), _preprocessing(name, model, None)
    several = None if model.signature is not None else first_graph_note(contents)
    chosen = () if several is None else (f"{file} {several}. Choose another with `signature`",)
    notes = (*metadata.notes, *chosen)
    for index in contents.inputs[:1] if model.arrays is None else ():
        entry = contents.tensors[index]
        unchanged = unchanged_pixels(entry)
        if unchanged is not None and model.preprocessing is None:
            mean, std = unchanged
            own = msgspec.structs.replace(declared, mean=(mean,) * 3, std=(std,) * 3)
            return own, (unchanged_note(entry), *notes)
    inside = None if model.arrays is not None else metadata.normalization
    if inside is None:
        return declared, (*_preprocessing_notes(model), *notes)
    if model.preprocessing is not None:
        problem = contradiction(file, declared, inside)
        return declared, (*notes, *(() if problem is None else (problem,)))
    note = f"The spec sets no preprocessing, so the metadata inside {file} applies ({inside.text})"
    own = msgspec.structs.replace(declared, mean=inside.mean, std=inside.std)
    return own, (note, *notes)


def load_any_file(name: str, model: Model, path: Path, store: Store) -> FloatModel:
    """Load a file that nothing is compared with, and that may therefore be quantized.

    Raises:
        ModelError: The file is missing or damaged, can't be run, or takes no image.
        StoreError: The store can't be written.
    """
    contents, original = take(path, store)
    require_runnable(contents)
    preprocessing, notes = fed(name, model, contents, file=path.name)
    return FloatModel(
        name=name,
        source=model.source,
        path=original.copy,
        sha256=contents.sha256,
        trained=True,
        notes=notes,
        input_size=input_size(contents, arrays=model.arrays is not None),
        preprocessing=preprocessing,
        labels=model.labels,
        original=original,
    )


def _of_signature(original: Original, model: Model, store: Store, where: str) -> Original:
    """Return a file with only the graph that the spec chooses; the file itself if that is all."""
    content = content_of_signature(original.copy, model.signature, where=where)
    if content is None:
        return original
    facts = {"sha256": original.sha256, "signature": model.signature}
    entry = store.get_or_make(
        SIGNATURE_KIND, facts, lambda target: write_bytes(target / _FILE, content)
    )
    return replace(original, copy=entry.folder / _FILE, sha256=entry.files[_FILE])


def _in_float32(original: Original, store: Store) -> ModelFile:
    """Return the model with float16 constants as float32, as quantizers and proofs need it."""

    def make(target: Path) -> None:
        content = widened(original.copy)
        if content is None:
            raise ModelError("changed while it was read", where=original.path, remedy="Run again")
        write_bytes(target / _FILE, content)

    entry = store.get_or_make(WIDENED_KIND, {"sha256": original.sha256}, make)
    return read_model(entry.folder / _FILE)


def _widened_note(narrow: ModelFile, wide: ModelFile) -> str:
    sparse = any(tensor.layout is not None for tensor in narrow.tensors)
    return (
        f"The file has {'sparse' if sparse else 'float16'} weights, which are treated as float32: "
        f"variants are compared with {words.size(wide.bytes)}, not with the "
        f"{words.size(narrow.bytes)} of the file"
    )


def _from_application(
    name: str, model: Model, spec: Spec, store: Store, source: Export
) -> FloatModel:
    exported = export_application(name, model, spec, store, source)
    described = _describe(
        name,
        model,
        exported.exported,
        preset=exported.preset,
        licence=exported.licence,
        attribution=exported.attribution,
    )
    notes = (exported.weights.note,) if exported.weights.note else ()
    trained = exported.weights.kind != "random"
    return replace(described, trained=trained, notes=(*notes, *described.notes))


def _preprocessing(name: str, model: Model, preset: str | None) -> Preprocessing:
    declared = model.preprocessing
    if isinstance(declared, Preprocessing):
        return declared
    chosen = declared or preset
    if chosen is None:
        return Preprocessing()
    return PREPROCESSING.get(chosen, where=f"models.{name}.preprocessing")


def _preprocessing_notes(model: Model) -> tuple[str, ...]:
    if model.arrays is not None:
        return ("Its samples are arrays, each named by its row",)
    if model.preprocessing is not None:
        return ()
    return ("The spec sets no preprocessing: pixels from 0 to 255 go in unchanged",)


def _state_notes(file: ModelFile) -> tuple[str, ...]:
    states = [short(tensor.name) for tensor in file.tensors if tensor.is_state]
    if not states:
        return ()
    kept = words.names(states)
    note = (
        f"Keeps a state from inference to inference ({kept}), which is reset before each sample: "
    )
    return (f"{note}an app must do so too (`reset_all_variables`)",)


def _describe(
    name: str,
    model: Model,
    exported: Exported,
    *,
    preset: str | None = None,
    licence: str | None = None,
    attribution: str | None = None,
) -> FloatModel:
    labels = model.labels
    if labels is None and preset is not None and exported.outputs == _IMAGENET_CLASSES:
        labels = IMAGENET_LABELS
    return FloatModel(
        name=name,
        source=model.source,
        path=exported.path,
        sha256=exported.sha256,
        trained=True,
        notes=(
            *exported.notes,
            *(() if preset else _preprocessing_notes(model)),
            *_state_notes(read_model(exported.path)),
        ),
        input_size=exported.input_size,
        preprocessing=_preprocessing(name, model, preset),
        labels=labels,
        licence=model.licence or licence,
        attribution=model.attribution or attribution,
        export=exported,
    )
