"""Predicts what the cases of a model will lack before anything is built, for the doctor.

It answers only what files and folders show. Whether a Keras model's outputs are class scores, for
example, is known only once the model is exported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeq.config.structs import Spec
from edgeq.config.tables import header, key_text
from edgeq.errors import ModelError
from edgeq.io.files import sha256_file
from edgeq.judge.missing import NO_LABELS, lacking
from edgeq.models.float_file import input_size
from edgeq.models.sources import FloatFile, parse_source
from edgeq.pipeline.image_sets import named_images
from edgeq.pipeline.needs import classes_of, file_of
from edgeq.pipeline.plan import Case
from edgeq.pipeline.run import Run
from edgeq.quantize.make import ready_file
from edgeq.samples.arrays import require_same_inputs
from edgeq.samples.folders import SampleFile
from edgeq.samples.sets import Role, find_set, foreign, refuse_shared, require_classes
from edgeq.tasks.recognition import Reading
from edgeq.tflite.model_file import ModelFile

NO_LABELS_BEFORE_EXPORT = (
    "Which of these applies shows once the model is exported. Name its labels in the spec "
    "(`images.labels`), or set that gate to false in [gates]"
)
_RANDOM = "random"


@dataclass(frozen=True)
class Lack:
    """Why some gates of a model will not be measured.

    Attributes:
        step: What to do about it, empty if nothing can be done.
        declared: Whether the spec says that they may be MISSING.
    """

    gates: tuple[str, ...]
    reason: str
    step: str
    declared: bool


def require_comparable(spec: Spec, name: str) -> None:
    """Refuse a ready-made variant that does not fit its baseline, if both are files.

    Raises:
        ModelError: The variant does not take exactly one image, takes images of another size, or
            has another number of outputs.
        EdgeqError: A file can't be used.
    """
    declared = spec.variants[name]
    if declared.file is None:
        return
    own = ready_file(name, declared.file, spec)
    arrays = spec.models[declared.model].arrays is not None
    given = declared.input_size or spec.models[declared.model].input_size
    size = input_size(own, arrays=arrays, size=given)
    baseline = _baseline_file(spec, declared.model)
    if baseline is None:
        return
    if arrays:
        require_same_inputs(own, baseline)
    expected = declared.input_size or input_size(baseline, arrays=arrays, size=given)
    if size != expected:
        raise ModelError(
            f"takes images of {list(size)}, not of {list(expected)}",
            where=own.path,
            remedy=f"If that is meant, declare input_size = {list(size)} in "
            f"[{key_text('variants', name)}]",
        )
    theirs, ours = len(own.outputs), len(baseline.outputs)
    if theirs != ours:
        raise ModelError(
            f"has {theirs} outputs, its baseline {ours}",
            where=own.path,
            remedy="Export the variant with the baseline's outputs, or name the right `model` in "
            f"[{key_text('variants', name)}]",
        )


def require_apart(spec: Spec, name: str) -> None:
    """Refuse calibration images that are also evaluation images.

    Only files of equal size are read and compared.

    Raises:
        ImageError: The two sets share images.
        EdgeqError: A set can't be used.
    """
    if spec.models[name].arrays is not None:
        return  # their content is compared when they are read
    calibration = photos_of(spec, name, "calibration")
    evaluation = photos_of(spec, name, "evaluation")
    sizes = {photo.path.stat().st_size for photo in evaluation}
    alike = [photo for photo in calibration if photo.path.stat().st_size in sizes]
    if not alike:
        return
    least = {photo.path.stat().st_size for photo in alike}
    known = {sha256_file(photo.path) for photo in evaluation if photo.path.stat().st_size in least}
    shared = [photo.name for photo in alike if sha256_file(photo.path) in known]
    refuse_shared(len(calibration), shared, f"{spec.origin}: images of {name!r}")


def photos_of(spec: Spec, name: str, role: Role) -> tuple[SampleFile, ...]:
    """Return a model's photographs for a role, none if the spec names no set.

    Raises:
        EdgeqError: The set can't be used.
    """
    named = named_images(spec, name, role)
    return () if named is None else find_set(named, classes_of(spec, name))[: named.limit]


def lacks(run: Run, name: str, reading: Reading | None) -> Iterator[Lack]:
    """Yield each reason why cases of a model will be MISSING, with the gates that share it.

    ``reading`` is None if it is not known yet how the model's outputs are read.

    Raises:
        ImageError: Some images have labels of other classes.
        EdgeqError: The evaluation images can't be used.
    """
    spec = run.spec
    photos = photos_of(spec, name, "evaluation")
    labelled = bool(photos) and all(photo.label is not None for photo in photos)
    if labelled and reading is not None and reading.classes:
        source = spec.images_of(name, "evaluation") or ""
        labels = [photo.label for photo in photos if photo.label is not None]
        if foreign(source, labels, reading.classes) is not None:
            labelled = False  # a note in the report explains this
        else:
            require_classes(photos, reading.classes, source)
    lacking: dict[tuple[str, str, bool], dict[str, None]] = {}
    for case in run.cases:
        if case.variant.model != name:
            continue
        why = _lack(spec, case, reading, images=bool(photos), labelled=labelled)
        if why is not None:
            lacking.setdefault(why, {})[case.gate.name] = None
    for (reason, step, declared), gates in lacking.items():
        yield Lack(tuple(gates), reason, step, declared)


def _lack(
    spec: Spec, case: Case, reading: Reading | None, *, images: bool, labelled: bool
) -> tuple[str, str, bool] | None:
    """Return why a case will be MISSING, what to do, and whether the spec declares it."""
    model = spec.models[case.variant.model]
    if reading is not None:
        if case.inapplicable(reading.task, reading.classes, len(reading.heads)) is not None:
            return None
        unsuited = case.gate.inapplicable(reading.task, reading.classes, len(reading.heads))
        if unsuited is not None and not case.gate.on_request:
            step = (
                f"Set `output` or `labels` in {header(spec.origin, 'models', case.variant.model)}"
            )
            return f"{unsuited}: {reading.evidence}", step, False
    lack = case.gate.lack(trained=model.weights != _RANDOM, images=images, labels=labelled)
    if lack is None:
        return None
    if lack == "labels" and reading is None and model.task is None:
        declared = case.gate.name in spec.allow_missing
        return NO_LABELS, NO_LABELS_BEFORE_EXPORT, declared
    absent = lacking(case.gate, lack, spec, case.variant.model)
    return absent.reason, absent.next_step or "", absent.declared_missing


def _baseline_file(spec: Spec, name: str) -> ModelFile | None:
    """Return the file of a ``.tflite`` model, None if the model has yet to be exported."""
    source = parse_source(name, spec.models[name], spec)
    return file_of(spec, name, source) if isinstance(source, FloatFile) else None
