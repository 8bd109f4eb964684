from __future__ import annotations

import msgspec
import pytest

from edgeq.record.structs import Facts
from edgeq.report.flips import flips_view
from edgeq.results.names import named
from edgeq.samples.labels import LabelSet
from edgeq.samples.sets import ImageSet, Photo

LABELS = LabelSet("pets", ("cat", "dog", "mouse"))
FLIP: Facts = {
    "image": 1,
    "label": 0,
    "baseline_class": 0,
    "variant_class": 2,
    "kind": "right_to_wrong",
}


def images(*names: str) -> ImageSet:
    photos = tuple(Photo(name, name, "ab", None) for name in names)
    return ImageSet("evaluation", "photos", photos)


def row(flip: Facts, found: ImageSet | None = None, labels: LabelSet | None = LABELS) -> Facts:
    agreement = named({"flips": [flip], "worst_images": [flip], "top1": 0.5}, found, labels)
    assert agreement["top1"] == 0.5
    assert agreement["flips"] == agreement["worst_images"]
    [one] = msgspec.convert(agreement["flips"], list[Facts])
    return one


def test_photographs_and_classes_are_called_by_their_names() -> None:
    assert row(FLIP, images("cat/a.png", "cat/b.png")) == {
        **FLIP,
        "name": "cat/b.png",
        "label_name": "cat",
        "baseline_name": "cat",
        "variant_name": "mouse",
    }


def test_the_report_shows_them() -> None:
    one = named({"images": 2, "agreeing": 1, "flips": [FLIP]}, images("a.png", "b.png"), LABELS)
    view = flips_view(one)
    assert view is not None
    [line] = view.lines
    shown = (line.image, line.label, line.baseline, line.variant)
    assert shown == ("b.png", "cat", "cat", "mouse")


@pytest.mark.parametrize("key", ["label", "baseline_class", "variant_class"])
def test_what_has_no_class_has_no_name(key: str) -> None:
    name = key.replace("_class", "") + "_name"
    found = row({**FLIP, key: None}, images("a", "b"))
    assert name not in found
    assert found["name"] == "b"


def test_without_labels_photographs_keep_their_names() -> None:
    assert row(FLIP, images("a", "b"), None) == {**FLIP, "name": "b"}
    assert row(FLIP, None, None) == FLIP


def test_a_name_that_is_no_utf8_can_be_written() -> None:
    odd = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    found = row(FLIP, images("a", odd))
    assert found["name"] == "caf\\udce9.png"
    assert msgspec.json.encode(found)


def test_an_agreement_without_flips_stays_as_it_is() -> None:
    assert named({"top1": 1.0}, images("a"), LABELS) == {"top1": 1.0}
