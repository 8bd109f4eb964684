"""Which photographs a report shows as pictures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, zip_longest

import msgspec

from edgeq.record.structs import Facts, ModelRecord, RunRecord
from edgeq.report import facts

PER_MODEL = 24
PER_RUN = 144
"""Pictures of about 4 kB each: what keeps the page of a dozen models below 1.5 MB."""

_BEST = ("baseline_best", "variant_best")

KINDS = ("right_to_wrong", "wrong_to_right", "wrong_to_wrong")


def chosen(record: RunRecord) -> dict[str, tuple[int, ...]]:
    """Return the images to be shown by the name of their model, as places in its set.

    Variants take turns, each with its next most harmful flip, so that one collapsed variant does
    not take the places of all others; where places are left, the worst images follow.
    """
    if not record.models:
        return {}
    most = min(PER_MODEL, max(1, PER_RUN // len(record.models)))
    return {model.name: _of_model(model, most) for model in record.models}


def lean(model: ModelRecord) -> ModelRecord:
    """Return a model without the best classes of flips that no report shows.

    They stay where there is a picture, and with each variant's most harmful flips.
    """
    pictured = {picture.image for picture in model.pictures}
    variants = tuple(
        msgspec.structs.replace(one, agreement=_lean(one.agreement, pictured))
        if "flips" in one.agreement
        else one
        for one in model.variants
    )
    return msgspec.structs.replace(model, variants=variants)


def _lean(agreement: Facts, pictured: AbstractSet[int]) -> Facts:
    kept = pictured | set(_places(ordered(agreement)[:PER_MODEL]))
    rows = [
        row
        if row.get("image") in kept
        else {key: value for key, value in row.items() if key not in _BEST}
        for row in facts.rows(agreement, "flips")
    ]
    return {**agreement, "flips": rows}


def ordered(agreement: Facts) -> tuple[Facts, ...]:
    """Return the flips, the most harmful first: by kind, then by the baseline's confidence."""

    def harm(row: Facts) -> tuple[int, float]:
        kind = facts.text(row, "kind")
        sure = facts.number(row, "baseline_confidence") or 0.0
        return (KINDS.index(kind) if kind in KINDS else 0, -sure)

    return tuple(sorted(facts.rows(agreement, "flips"), key=harm))


def _of_model(model: ModelRecord, most: int) -> tuple[int, ...]:
    flips = [_places(ordered(one.agreement)) for one in model.variants]
    worst = [_places(facts.rows(one.agreement, "worst_images")) for one in model.variants]
    turns = chain(*zip_longest(*flips), *zip_longest(*worst))
    return tuple(dict.fromkeys(image for image in turns if image is not None))[:most]


def _places(rows: Sequence[Facts]) -> list[int]:
    places = (facts.number(row, "image") for row in rows)
    return [round(place) for place in places if place is not None]
