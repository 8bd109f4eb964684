"""Choosing the photographs that a report shows as pictures. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from itertools import chain, zip_longest

import msgspec

from edgeq.measure.flips import FlipKind
from edgeq.record.measured import NamedFlip, RecordedAgreement
from edgeq.record.structs import ModelRecord, RunRecord

PER_MODEL = 24
PER_RUN = 144
"""Greatest number of pictures in a report. At about 4 kB each, it keeps the page of a dozen models
below 1.5 MB."""

KINDS: tuple[FlipKind, ...] = ("right_to_wrong", "wrong_to_right", "wrong_to_wrong")


def chosen(record: RunRecord) -> dict[str, tuple[int, ...]]:
    """Return the images to show, as indices in the evaluation set, by the name of the model.

    Variants alternate, each with its next most harmful flip, so that a collapsed variant does not
    displace all others. The images with the lowest cosine fill the remaining places.
    """
    if not record.models:
        return {}
    most = min(PER_MODEL, max(1, PER_RUN // len(record.models)))
    return {model.name: _of_model(model, most) for model in record.models}


def lean(model: ModelRecord) -> ModelRecord:
    """Return a model without the best classes of flips that no report shows.

    They stay for flips with a picture and for each variant's most harmful flips.
    """
    pictured = {picture.image for picture in model.pictures}
    variants = tuple(
        variant
        if variant.agreement is None
        else msgspec.structs.replace(variant, agreement=_lean(variant.agreement, pictured))
        for variant in model.variants
    )
    return msgspec.structs.replace(model, variants=variants)


def _lean(agreement: RecordedAgreement, pictured: AbstractSet[int]) -> RecordedAgreement:
    harmful = ordered(agreement.flips)[:PER_MODEL]
    shown = pictured | {flip.image for flip in harmful}
    flips = tuple(
        flip
        if flip.image in shown
        else msgspec.structs.replace(flip, baseline_best=None, variant_best=None)
        for flip in agreement.flips
    )
    return msgspec.structs.replace(agreement, flips=flips)


def ordered(flips: Iterable[NamedFlip]) -> tuple[NamedFlip, ...]:
    """Return the flips, the most harmful first, by kind and then by the baseline's confidence."""

    def harm(flip: NamedFlip) -> tuple[int, float]:
        return (0 if flip.kind is None else KINDS.index(flip.kind), -flip.baseline_confidence)

    return tuple(sorted(flips, key=harm))


def _of_model(model: ModelRecord, most: int) -> tuple[int, ...]:
    agreements = [variant.agreement for variant in model.variants if variant.agreement is not None]
    flips = [[flip.image for flip in ordered(agreement.flips)] for agreement in agreements]
    worst = [[worst.image for worst in agreement.worst_images] for agreement in agreements]
    unlike = [
        [image.image for image in variant.boxes.unlike]
        for variant in model.variants
        if variant.boxes is not None
    ]
    unlike += [
        [row.image for row in variant.figures.unlike]
        for variant in model.variants
        if variant.figures is not None
    ]
    turns = chain(*zip_longest(*flips), *zip_longest(*worst), *zip_longest(*unlike))
    return tuple(dict.fromkeys(image for image in turns if image is not None))[:most]
