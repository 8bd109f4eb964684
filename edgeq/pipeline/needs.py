"""Looks up what models, variants and image sets of a spec need, without building anything.

Also lists what a run reads from the folder ``$EDGEQ_DATA``, so that others can repeat the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeq.config.structs import Spec
from edgeq.config.tables import header, key_text
from edgeq.errors import EdgeqError, SpecError
from edgeq.models import lite0
from edgeq.models.application_model import IMAGENET, local_weights
from edgeq.models.applications import downloaded_before, find_weights
from edgeq.models.float_file import require_float
from edgeq.models.float_model import fed
from edgeq.models.open_size import leaves_size_open
from edgeq.models.sources import FloatFile, parse_source
from edgeq.pipeline.image_sets import named_images
from edgeq.pipeline.inputs import reading
from edgeq.quantize.make import ENGINES, ready_file
from edgeq.samples.labels import LabelSet, label_set
from edgeq.samples.pairs import find_samples, match
from edgeq.samples.sets import ROLES, Counted, Role, count_photos, find_set, foreign
from edgeq.tasks.inside import Inside, label_notes, read_inside
from edgeq.tasks.recognition import Reading
from edgeq.tflite.model_file import ModelFile, read_content, read_model
from edgeq.tflite.prepared import halves
from edgeq.tflite.signatures import content_of_signature
from edgeq.words import plural, size

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

_DATA = "data:"
_KERAS = "keras:"


def weights_of(spec: Spec, name: str) -> str:
    """Return where a model and its weights come from.

    Raises:
        EdgeqError: They are not available.
    """
    model = spec.models[name]
    source = parse_source(name, model, spec)
    if isinstance(source, FloatFile):
        file = _float_file(spec, name, source)
        wide = ", float16 weights taken as float32" if halves(file) else ""
        return f"those of {model.source}, {size(file.bytes)}{wide}"
    if source.application is None:
        inside = model.source == lite0.SOURCE
        return f"ImageNet, of the package {lite0.PACKAGE}" if inside else f"those of {model.source}"
    application = source.application.name
    chosen = local_weights(application, model, spec, key=name)
    if chosen is not None:
        asked = f"random, seed {model.seed}: agreement and accuracy are MISSING"
        return f"the file {chosen.name}" if chosen.kind == "file" else asked
    if downloaded_before(application):
        return "in Keras's cache"
    instead = (
        "random ones stand in where it can't, and agreement and accuracy are then MISSING"
        if model.allow_random_weights
        else "nothing stands in where it can't"
    )
    return f"not here; Keras downloads them when the gate first needs them ({instead})"


def images_of(spec: Spec, name: str, role: Role) -> str:
    """Return a description of the photographs that a model has for a role.

    Raises:
        EdgeqError: The set can't be used.
    """
    named = named_images(spec, name, role)
    if named is None:
        return f"{role}: no set is named"
    counted = count_photos(named, classes_of(spec, name))
    count, most = counted.photographs, named.limit
    used = f", the first {most} used" if most is not None and most < count else ""
    kind = ", labelled" if counted.labelled and role == "evaluation" else ""
    noun = "photographs" if named.arrays is None else "samples"
    return f"{role}: {named.source}, {count} {noun}{kind}{used}"


def reading_of(spec: Spec, name: str) -> Reading | None:
    """Return how the outputs of a ``.tflite`` model are read, None if its shapes are not known yet.

    Raises:
        EdgeqError: The file, its labels or those of the images can't be used.
    """
    model = spec.models[name]
    source = parse_source(name, model, spec)
    if not isinstance(source, FloatFile):
        return None
    file, labels = _float_file(spec, name, source), classes_of(spec, name)
    if leaves_size_open(file):
        return None  # shapes are known once the size is fixed

    def count() -> int | None:
        counted = _evaluation(spec, name)
        return max(counted.labels) + 1 if counted is not None and counted.labelled else None

    where = f"{spec.origin}: {key_text('models', name)}"
    read = reading(model, file, labels, count, where=where)
    if labels is not None and read.classes:
        labels.require_outputs(read.classes)
    return read


def notes_of(spec: Spec, name: str, classes: int) -> tuple[str, ...]:
    """Return what a run would assume about a model's input and labels, as sentences.

    ``classes`` is 0 if the model has none or their number is not known yet.

    Raises:
        EdgeqError: The model's file, labels or images can't be used.
    """
    model = spec.models[name]
    source = parse_source(name, model, spec)
    counted = _evaluation(spec, name)
    assumed = () if counted is None else counted.notes
    if counted is not None and counted.labelled and classes:
        other = foreign(spec.images_of(name, "evaluation") or "", counted.labels, classes)
        assumed = assumed if other is None else (other,)
    named = None if model.labels is None else label_set(model.labels, spec.root)
    if not isinstance(source, FloatFile):
        return (*label_notes(named, Inside("")), *assumed)
    _, notes = fed(name, model, read_model(source.path), file=source.path.name)
    return (*notes, *label_notes(named, read_inside(source.path)), *assumed)


def file_of(spec: Spec, name: str, source: FloatFile) -> ModelFile:
    """Return the contents of a model's file: its first graph, or the one that the spec chooses."""
    key = spec.models[name].signature
    where = f"{spec.origin}: {key_text('models', name, 'signature')}"
    content = content_of_signature(source.path, key, where=where)
    return read_model(source.path) if content is None else read_content(source.path, content)


def _float_file(spec: Spec, name: str, source: FloatFile) -> ModelFile:
    """Return the contents of a model's file, which must be a baseline."""
    model, file = spec.models[name], file_of(spec, name, source)
    require_float(
        file,
        halves=halves(file),
        quantized_weights=model.allow_quantized_weights,
        arrays=model.arrays is not None,
        size=model.input_size,
    )
    return file


def _evaluation(spec: Spec, name: str) -> Counted | None:
    named = named_images(spec, name, "evaluation")
    return None if named is None else count_photos(named, classes_of(spec, name))


def variant_of(spec: Spec, name: str) -> str:
    """Return a description of a named variant: its file or method, and its samples.

    Raises:
        EdgeqError: The file can't be used, or the samples do not pair with the evaluation set.
    """
    own = spec.variants[name]
    samples = "" if own.evaluation is None else f", {_samples_of(spec, name, own.evaluation)}"
    if own.file is None:
        return f"of {own.model}, to be made by {own.method}{samples}"
    model = ready_file(name, own.file, spec)
    claim = f", claims {own.method}" if own.method else ""
    return f"of {own.model}, {own.file}, {size(model.bytes)}{claim}{samples}"


def _samples_of(spec: Spec, name: str, source: str) -> str:
    model = spec.variants[name].model
    named = named_images(spec, model, "evaluation")
    where = f"{spec.origin}: {key_text('variants', name, 'evaluation')}"
    files = () if named is None else find_set(named, classes_of(spec, model))
    every = tuple(file.name for file in files)
    limit = None if named is None else named.limit
    samples = find_samples(source, "evaluation", root=spec.root, where=where)
    count = len(match(every[:limit], samples, where=where, every=every))
    return f"on {plural(count, 'sample')} of its own, {source}"


def tools_of(variant: VariantUnderTest) -> None:
    """Refuse a variant whose engine is not installed.

    Raises:
        MissingExtraError: The engine is not installed.
    """
    if variant.choice is not None:
        ENGINES.get(variant.choice.engine).versions()


def lack_of_calibration(variant: VariantUnderTest) -> SpecError | None:
    """Return the error if a variant's method needs a calibration set and the spec names none."""
    spec, choice = variant.spec, variant.choice
    if choice is None or not variant.is_calibrated:
        return None
    if named_images(spec, variant.model, "calibration") is not None:
        return None
    return SpecError(
        f"the method {choice.method!r} needs a calibration set",
        where=f"{spec.origin}: {key_text('models', variant.model)}",
        remedy=f"Set `calibration` in {table_of(spec, variant.model)}, or leave the method out",
    )


def table_of(spec: Spec, model: str) -> str:
    """Return the table of the spec that names a model's samples."""
    if spec.models[model].arrays is None:
        return header(spec.origin, "images")
    return header(spec.origin, "models", model, "samples")


def classes_of(spec: Spec, name: str) -> LabelSet | None:
    """Return the label set to which a model's image labels refer, None if it is unknown.

    Raises:
        ImageError: The label set can't be read.
    """
    model = spec.models[name]
    known = model.source == lite0.SOURCE or model.source.startswith("keras:")
    labels = model.labels or ("imagenet" if known else None)
    if labels is not None:
        return label_set(labels, spec.root)
    try:
        source = parse_source(name, model, spec)
        return read_inside(source.path).labels if isinstance(source, FloatFile) else None
    except EdgeqError:  # the check of the model itself reports what is wrong with it
        return None


def external_inputs(spec: Spec) -> tuple[str, ...]:
    """Return what a spec uses from ``$EDGEQ_DATA``: photographs as named there, and weights.

    The folder itself is not named, as it differs from machine to machine.
    """
    sets = [named_images(spec, name, role) for name in spec.models for role in ROLES]
    sources = [None if named is None else named.source for named in sets]
    sources += [variant.evaluation for variant in spec.variants.values()]
    photographs = (
        f"the photographs of {source}" for source in sources if source and source.startswith(_DATA)
    )
    weights = (
        f"the weights of {name}"
        for name, model in spec.models.items()
        if model.source.startswith(_KERAS)
        and model.weights == IMAGENET
        and find_weights(model.source.removeprefix(_KERAS)) is not None
    )
    return tuple(dict.fromkeys((*photographs, *weights)))
