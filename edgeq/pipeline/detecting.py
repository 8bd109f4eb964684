"""Measurements of detectors: their boxes, compared with the baseline's and with labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import Detection, Preprocessing
from edgeq.config.tables import key_text
from edgeq.errors import ImageError
from edgeq.measure.average_precision import (
    PACKAGE,
    LabelledPrecision,
    MeanPrecision,
    labelled_precision,
    mean_precision,
    require_package,
)
from edgeq.measure.box_agreement import BoxAgreement, Detected, box_agreement
from edgeq.measure.clusters import find_clusters
from edgeq.measure.predictions import Floats
from edgeq.pipeline.dependencies import answers_facts, arithmetic
from edgeq.samples.box_labels import BoxLabels
from edgeq.samples.resize import place_of_photo
from edgeq.store.cached import sources
from edgeq.tasks import detection
from edgeq.tasks.detection.boxes import Boxes
from edgeq.tasks.detection.decoders import DECODERS, Decoder, find_decoder
from edgeq.tasks.detection.detections import Detections, decode_all

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

_AT_ONCE = 8
"""Images whose outputs are read at once; a detector's may take 10 MB each."""


def unlike_recipe(decoder: Decoder, own: Preprocessing) -> str | None:
    """Return a note on a detector that gets other pixel values than its decoder's recipe gives it.

    None is returned if it gets the same, or if the decoder has no preprocessing of its own.
    """
    if not decoder.preprocessing:
        return None
    usual = PREPROCESSING.get(decoder.preprocessing)
    if (own.mean, own.std, own.channels) == (usual.mean, usual.std, usual.channels):
        return None
    return (
        f"Its preprocessing is not that of {decoder.name} detectors "
        f'(preprocessing = "{decoder.preprocessing}"): unless it was trained with it, the '
        "baseline's boxes mean nothing"
    )


def decoder_of(variant: VariantUnderTest) -> Decoder:
    """Return the decoder of a model with the numbers that the spec sets.

    Raises:
        SpecError: The decoder does not exist or can't be imported.
    """
    spec = variant.spec
    own = spec.models[variant.model].detection or Detection()
    where = f"{spec.origin}: {key_text('models', variant.model, 'detection', 'decoder')}"
    decoder = find_decoder(variant.reading.decoder, spec.root, where=where)
    if own.operating_score is not None:
        decoder = replace(decoder, operating_score=own.operating_score)
    if own.suppression_iou is not None:
        decoder = replace(decoder, suppression_iou=own.suppression_iou)
    return decoder


def detections_of(variant: VariantUnderTest) -> Detections:
    """Return the boxes of a detector on its samples, relative to the photographs.

    Raises:
        SpecError: The decoder fails.
        EdgeqError: The variant does not run, or a photograph can't be used.
    """
    variant.tensors  # noqa: B018 - refuses outputs that are unlike the baseline's
    sizes = variant.inputs.images.sizes(variant.samples)
    variant.run.say(f"{variant.name}: decoding boxes")
    return decoded(variant, _rows(variant, len(sizes)), sizes, variant.preprocessing)


def decoded(
    variant: VariantUnderTest,
    rows: Iterable[Sequence[Floats]],
    sizes: npt.NDArray[np.int64],
    preprocessing: Preprocessing,
) -> Detections:
    """Return the boxes that a detector's outputs mean, relative to the photographs.

    ``rows`` are the outputs of each image in the model's order, without the batch dimension;
    ``sizes`` the width and height of each photograph, ``(n, 2)``.

    Raises:
        SpecError: The decoder fails.
    """
    decoder, size = decoder_of(variant), variant.input_size
    return decode_all(
        rows,
        [place_of_photo((int(w), int(h)), preprocessing, size) for w, h in sizes],
        decoder.decode,
        size=size,
        overlap=decoder.suppression_iou,
        where=f"{variant.name}: {decoder.name}",
    )


def boxes_in(
    variant: VariantUnderTest,
    outputs: Sequence[Floats],
    sizes: npt.NDArray[np.int64],
    preprocessing: Preprocessing,
) -> Detected:
    """Return the boxes that a worker's outputs for some photographs mean.

    ``outputs`` are ``(n, ...)`` each, ``sizes`` width and height of each photograph, ``(n, 2)``.

    Raises:
        SpecError: The decoder fails.
    """
    own = outputs[: variant.readout.outputs]
    rows = ([output[at] for output in own] for at in range(len(sizes)))
    boxes = tuple(decoded(variant, rows, sizes, preprocessing))
    return Detected(boxes, decoder_of(variant).operating_score)


def _rows(variant: VariantUnderTest, count: int) -> Iterator[list[Floats]]:
    """Yield the outputs of each image, without the batch dimension."""
    outputs = variant.run.executor.outputs(variant)
    for start in range(0, count, _AT_ONCE):
        part = [rows[start : start + _AT_ONCE, :] for rows in outputs]
        for at in range(len(part[0])):
            yield [
                rows[at].reshape(output.values) for rows, output in zip(part, outputs, strict=True)
            ]


def detection_facts(variant: VariantUnderTest) -> Mapping[str, object] | None:
    """Return what a detector's boxes depend on; None if a user's function decodes them.

    Raises:
        EdgeqError: The variant can't be built or read, or there is no evaluation set.
    """
    decoder = decoder_of(variant)
    if decoder.name not in DECODERS:
        return None
    return {
        "answers": answers_facts(variant),
        "images": variant.samples.content_sha256,
        "decoder": [decoder.name, f"{decoder.decode.__module__}.{decoder.decode.__qualname__}"],
        "suppression_iou": decoder.suppression_iou,
        "readers": sources(detection),
        **arithmetic(),
    }


def boxes_of(variant: VariantUnderTest) -> BoxAgreement:
    """Return how a detector's boxes agree with its baseline's."""
    images = variant.inputs.images.require_evaluation()
    return box_agreement(
        variant.baseline.detections,
        variant.detections,
        decoder_of(variant).operating_score,
        confidence=variant.spec.confidence,
        clusters=find_clusters(images.groups()),
    )


def boxes_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    """Return what the agreement of boxes depends on."""
    return {"score": decoder_of(variant).operating_score, **_pair_facts(variant)}


def labelled_precision_of(variant: VariantUnderTest) -> LabelledPrecision:
    """Return a detector's average precision on the labelled boxes of the evaluation set.

    Raises:
        MissingExtraError: pycocotools is not installed.
        ImageError: There are no labelled boxes, or they can't be used.
    """
    require_package()
    groups = variant.inputs.images.require_evaluation().groups()
    variant.run.say(f"{variant.name}: matching boxes with labels")
    return labelled_precision(variant.detections, _labels(variant), groups)


def precision_of(variant: VariantUnderTest) -> MeanPrecision:
    """Return a detector's and its baseline's mean average precision.

    Raises:
        MissingExtraError: pycocotools is not installed.
        ImageError: There are no labelled boxes, or they can't be used.
    """
    return mean_precision(
        variant.baseline.labelled_precision,
        variant.labelled_precision,
        variant.inputs.images.require_evaluation().groups(),
        confidence=variant.spec.confidence,
    )


def precision_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    """Return what mean average precision depends on."""
    require_package()
    return {
        "labels": _labels(variant).sha256,
        "classes": variant.reading.classes,
        PACKAGE: _version(PACKAGE),
        **_pair_facts(variant),
    }


def labelled_boxes(variant: VariantUnderTest) -> list[Boxes] | None:
    """Return the labelled boxes of each evaluation image, None if there are none.

    Raises:
        ImageError: The labels can't be used.
    """
    labels = variant.inputs.images.box_labels
    if labels is None:
        return None
    count = len(variant.inputs.images.require_evaluation().photos)
    rows = [np.flatnonzero(labels.images == image) for image in range(count)]
    return [
        Boxes(labels.corners[row], np.ones(len(row), np.float32), labels.classes[row])
        for row in rows
    ]


def _labels(variant: VariantUnderTest) -> BoxLabels:
    labels = variant.inputs.images.box_labels
    if labels is None:
        raise ImageError(
            "has no labelled boxes",
            where=variant.model,
            remedy="Name YOLO's text files or a JSON file in COCO's format in `images.labels`, or "
            "put the text files into a folder `labels` beside the folder `images`",
        )
    return labels


def _pair_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    images = variant.inputs.images.require_evaluation()
    return {
        "baseline": variant.baseline.detections.sha256,
        "variant": variant.detections.sha256,
        "clusters": msgspec.to_builtins(find_clusters(images.groups())),
        "images": images.content_sha256,
        "confidence": variant.spec.confidence,
        "readers": sources(detection),
        **arithmetic(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
