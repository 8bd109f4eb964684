"""Names for what an agreement counts by index: photographs and classes."""

from __future__ import annotations

from edgeq.errors import encodable
from edgeq.record.structs import Facts
from edgeq.samples.labels import LabelSet
from edgeq.samples.sets import ImageSet

_CLASSES = (
    ("label_name", "label"),
    ("baseline_name", "baseline_class"),
    ("variant_name", "variant_class"),
)


def named(agreement: Facts, images: ImageSet | None, labels: LabelSet | None) -> Facts:
    """Return an agreement whose flips and worst images carry names beside their indices.

    Args:
        agreement: An ``Agreement`` as plain JSON values.
        images: The evaluation set, whose photographs are called by their ``name``.
        labels: The baseline's label set, in whose classes baseline and variant answer. Without
            one, and where a class is None, no name is added.
    """
    return {
        **agreement,
        **{
            key: [_named(row, images, labels) for row in rows]
            for key in ("flips", "worst_images")
            if isinstance(rows := agreement.get(key), list | tuple)
        },
    }


def _named(row: Facts, images: ImageSet | None, labels: LabelSet | None) -> Facts:
    names: Facts = {}
    image = row.get("image")
    if images is not None and isinstance(image, int):
        names["name"] = encodable(images.photos[image].name)
    for name, key in _CLASSES:
        index = row.get(key)
        if labels is not None and isinstance(index, int):
            names[name] = labels.names[index]
    if labels is not None:
        for best in ("baseline_best", "variant_best"):
            guesses = row.get(best)
            if isinstance(guesses, list | tuple):
                names[best] = [
                    {**guess, "name": labels.names[guess["class_index"]]} for guess in guesses
                ]
    return {**row, **names}
