"""Additions to a record for its report: small pictures, and the error along the network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.gates import GATES
from edgeq.config.structs import DETECTION
from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.explaining import experiment_facts
from edgeq.diagnosis.network import IMAGES, part_errors
from edgeq.errors import EdgeqError
from edgeq.io.files import sha256_bytes
from edgeq.judge.verdict import Verdict
from edgeq.measure.statistics import short
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.measured import RecordedNetwork
from edgeq.record.structs import ModelRecord, RunRecord, VariantRecord
from edgeq.record.thumbnails import Picture, Sheet
from edgeq.report.figures_view import PICTURED
from edgeq.report.pictures import SUFFIX, chosen, lean
from edgeq.results.contact_sheet import PER_RUN, Drawn, sheet_of, sheet_of_samples, tile_of
from edgeq.samples.apart import idle
from edgeq.samples.sets import ROLES, Role
from edgeq.store.cached import keep
from edgeq.tflite.skeleton import short as short_name

KIND = "thumbnails"
SIDE = 112
BOXED_SIDE = 288
"""Side of a picture that boxes are drawn over; the page shows it at twice the size of others."""
QUALITY = 62


@dataclass(frozen=True)
class Illustrated:
    """A record that refers to pictures, and the content of the pictures by their sha256."""

    record: RunRecord
    pictures: dict[str, bytes]


def illustrated(run: Run, record: RunRecord) -> Illustrated:
    """Return a record with errors by layer and, if the spec allows them, with pictures.

    Of flips, only what a report shows is kept. A picture that can't be made becomes a note of its
    model and changes no verdict.
    """
    images_of = chosen(record) if run.spec.report.thumbnails else {}
    pictures: dict[str, bytes] = {}
    models = []
    with idle.kept():
        for model in record.models:
            variants = tuple(_with_network(run, record, model, each) for each in model.variants)
            described = msgspec.structs.replace(model, variants=variants)
            if images := images_of.get(model.name):
                described = _with_pictures(run, described, images, pictures)
            models.append(lean(described))
        if run.spec.report.thumbnails:
            models = _with_sheets(run, models, pictures)
    return Illustrated(msgspec.structs.replace(record, models=tuple(models)), pictures)


def thumbnail(pixels: npt.NDArray[np.uint8], side: int = SIDE) -> bytes:
    """Return what a model sees of a photograph, as the content of a small WebP file.

    The photograph has the model's input size, ``(h, w, 3)``.
    """
    import io

    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "webp", quality=QUALITY)
    return file.getvalue()


def _with_pictures(
    run: Run, model: ModelRecord, images: tuple[int, ...], pictures: dict[str, bytes]
) -> ModelRecord:
    try:
        by_image = _thumbnails(run, model.name, images)
    except EdgeqError as error:
        note = f"no picture of a photograph could be made: {error.what}"
        return msgspec.structs.replace(model, notes=(*model.notes, note))
    named = {image: sha256_bytes(data) for image, data in by_image.items()}
    pictures |= {named[image]: data for image, data in by_image.items()}
    return msgspec.structs.replace(
        model,
        pictures=tuple(Picture(image=image, sha256=name) for image, name in named.items()),
    )


def _with_sheets(
    run: Run, models: list[ModelRecord], pictures: dict[str, bytes]
) -> list[ModelRecord]:
    """Return models with contact sheets of the sets that the run used, at most ``PER_RUN``.

    Calibration sets come first, model by model, and variants' own samples last. Models that see
    the same images cut in the same way share a sheet, whatever the size of their inputs; it counts
    once.
    """
    sheets: dict[str, list[Sheet]] = {model.name: [] for model in models}
    notes: dict[str, str] = {}
    drawn: dict[str, bytes] = {}
    alike: dict[object, Drawn | None] = {}
    for of, model in [*product(ROLES, models), *_sampled(models)]:
        try:
            key = _seen(run, model, of)
            if key not in alike:
                alike[key] = _sheet(run, model, of)
            sheet = alike[key]
        except EdgeqError as error:
            notes[model.name] = f"no contact sheet of its images could be made: {error.what}"
            continue
        if sheet is not None and (sheet.sheet.sha256 in drawn or len(drawn) < PER_RUN):
            drawn[sheet.sheet.sha256] = sheet.data
            sheets[model.name].append(sheet.sheet)
    pictures |= drawn
    return [
        msgspec.structs.replace(
            model,
            sheets=tuple(sheets[model.name]),
            notes=(*model.notes, *filter(None, [notes.get(model.name)])),
        )
        for model in models
    ]


def _sampled(models: list[ModelRecord]) -> list[tuple[VariantRecord, ModelRecord]]:
    """Return the variants that were evaluated on samples of their own, with their models."""
    return [
        (variant, model)
        for model in models
        for variant in model.variants
        if variant.feeding is not None and variant.feeding.samples is not None
    ]


def _seen(run: Run, model: ModelRecord, of: Role | VariantRecord) -> object:
    """Return what a sheet shows, the same for models whose sheets look the same.

    Raises:
        EdgeqError: The set or the baseline can't be used.
    """
    if isinstance(of, VariantRecord):
        return model.name, of.name
    if getattr(model.images, of) is None:  # the model may be unusable, too
        return model.name, of
    inputs = run.inputs(model.name)
    images = inputs.images.calibration_set if of == "calibration" else inputs.images.evaluation
    if images is None or images.arrays is not None:
        return model.name, of
    fed = inputs.baseline.preprocessing
    crop = fed.crop_fraction if fed.resize == "centre_crop" else None
    return of, images.content_sha256, fed.resize, crop, tile_of(inputs.baseline.input_size)


def _sheet(run: Run, model: ModelRecord, of: Role | VariantRecord) -> Drawn | None:
    """Return the contact sheet of a set of a model, or of a variant's own samples."""
    inputs = run.inputs(model.name)
    if isinstance(of, VariantRecord):
        return sheet_of_samples(inputs, of.name)
    return None if getattr(model.images, of) is None else sheet_of(inputs, of)


def _thumbnails(run: Run, model: str, images: tuple[int, ...]) -> dict[int, bytes]:
    """Return pictures by their index in the evaluation set, made once and kept in the store."""
    inputs = run.inputs(model)
    evaluation = inputs.images.evaluation
    if evaluation is None or inputs.images.takes_arrays:
        return {}
    photos = {image: evaluation.photos[image] for image in images}
    preprocessing, size, side = inputs.baseline.preprocessing, inputs.baseline.input_size, SIDE
    if inputs.reading.task == DETECTION:  # whole, so that boxes can be drawn over it
        preprocessing, size, side = PICTURED, (BOXED_SIDE, BOXED_SIDE), BOXED_SIDE

    elif inputs.reading.kind is not None and inputs.reading.kind.draws_map:
        side = BOXED_SIDE  # as the model sees it, so that its map lies over it

    def make(folder: Path) -> None:
        stream = inputs.images.stream_of(evaluation, preprocessing, size)
        rows = chain.from_iterable(piece.array() for piece in stream.pieces([*photos.values()]))
        for image, pixels in zip(photos, rows, strict=True):
            (folder / f"{image}{SUFFIX}").write_bytes(thumbnail(pixels, side))

    facts = {
        "photographs": {str(image): photo.sha256 for image, photo in photos.items()},
        "geometry": [preprocessing.resize, preprocessing.crop_fraction, *size],
        "picture": [side, QUALITY],
    }
    entry = run.store.get_or_make(KIND, facts, make)
    return {image: (entry.folder / f"{image}{SUFFIX}").read_bytes() for image in images}


def _with_network(
    run: Run, record: RunRecord, model: ModelRecord, variant: VariantRecord
) -> VariantRecord:
    """Return a variant with its error along the network if a case that it explains failed."""
    failed = any(
        case.status is Verdict.FAIL and _is_explained(case.gate)
        for case in record.verdicts(model.name, variant.name)
    )
    tested = next(
        (
            candidate
            for candidate in run.variants_of(model.name)
            if candidate.short_name == variant.name
        ),
        None,
    )
    if not failed or variant.error is not None or tested is None or variant.network is not None:
        return variant
    return msgspec.structs.replace(variant, network=_network(tested))


def _network(variant: VariantUnderTest) -> RecordedNetwork:
    store = variant.run.store
    try:
        facts = experiment_facts(variant)
        return keep(store, "networks", facts, lambda: _measured(variant), RecordedNetwork)
    except EdgeqError as error:
        return RecordedNetwork(reason=error.what)


def _measured(variant: VariantUnderTest) -> RecordedNetwork:
    bench = Bench(variant)
    variant.run.say(f"{variant.name}: measuring the error along the network")
    try:
        errors = part_errors(bench) if bench.pairs else []
    except (ValueError, IndexError, ArithmeticError) as error:
        # Faulty files can fail here in unforeseen ways; the verdict does not depend on this.
        return RecordedNetwork(reason=f"{type(error).__name__}: {error}")
    if not errors:
        return RecordedNetwork(reason="the two models have no layer in common")
    places = tuple(place for place, error in enumerate(errors) if math.isfinite(error))
    return RecordedNetwork(
        images=min(IMAGES, len(bench.chosen)),
        layers=len(errors),
        places=places,
        errors=short([errors[place] for place in places]),
        operators=tuple(bench.pairs[place].variant.name for place in places),
        names=tuple(short_name(bench.pairs[place].variant.output.name) for place in places),
    )


def _is_explained(gate: str) -> bool:
    row = GATES.find(gate)
    return row is not None and row.explained
