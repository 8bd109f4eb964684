from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edgeq.errors import encodable
from edgeq.measure.agreement import Agreement, Flip, WorstImage
from edgeq.record.measured import NamedFlip, RecordedAgreement
from edgeq.report.flips import flips_view
from tests.unit.report import records

CLASSES = ("cat", "dog", "mouse")
FLIP = Flip(
    image=1,
    baseline_class=0,
    variant_class=2,
    baseline_confidence=0.9,
    variant_confidence=0.8,
    baseline_best=(),
    variant_best=(),
    tied=False,
    label=0,
    kind="right_to_wrong",
)
WORST = WorstImage(
    image=0, cosine=0.5, js_bits=0.1, baseline_class=0, variant_class=None, agrees=False
)


def measured(flip: Flip = FLIP) -> Agreement:
    plain = msgspec.to_builtins(records.agreement_of(1, 2))
    agreement: Agreement = msgspec.convert({**plain, "agreeing_images": "wA=="}, Agreement)
    return msgspec.structs.replace(agreement, flips=(flip,), worst_images=(WORST,))


def named(
    flip: Flip = FLIP,
    photographs: tuple[str, ...] | None = ("cat/a.png", "cat/b.png"),
    classes: tuple[str, ...] | None = CLASSES,
) -> NamedFlip:
    agreement = RecordedAgreement.of(measured(flip), photographs=photographs, classes=classes)
    return agreement.flips[0]


def names(flip: NamedFlip) -> dict[str, Any]:
    plain = msgspec.to_builtins(flip)
    return {key: value for key, value in plain.items() if key.endswith("name")}


def test_photographs_and_classes_are_called_by_their_names() -> None:
    assert names(named()) == {
        "name": "cat/b.png",
        "label_name": "cat",
        "baseline_name": "cat",
        "variant_name": "mouse",
    }


def test_the_worst_images_have_names_where_they_have_a_class() -> None:
    agreement = RecordedAgreement.of(measured(), photographs=("a", "b"), classes=CLASSES)
    [worst] = agreement.worst_images
    assert (worst.name, worst.baseline_name, worst.variant_name) == ("a", "cat", None)
    assert "variant_name" not in msgspec.to_builtins(worst)


def test_which_images_agree_stands_in_the_variants_record_alone() -> None:
    plain = msgspec.to_builtins(RecordedAgreement.of(measured(), photographs=None, classes=None))
    assert "agreeing_images" not in plain
    assert plain["drift"] is None


def test_the_report_shows_them() -> None:
    agreement = RecordedAgreement.of(measured(), photographs=("a.png", "b.png"), classes=CLASSES)
    view = flips_view(agreement)
    assert view is not None
    [line] = view.lines
    assert (line.image, line.label) == ("b.png", "cat")
    assert (line.baseline[:4], line.variant[:6]) == ("cat ", "mouse ")


@pytest.mark.parametrize("key", ["label", "baseline_class", "variant_class"])
def test_what_has_no_class_has_no_name(key: str) -> None:
    flip = named(msgspec.structs.replace(FLIP, **{key: None}))
    assert key.replace("_class", "") + "_name" not in names(flip)
    assert flip.name == "cat/b.png"


def test_without_labels_photographs_keep_their_names() -> None:
    assert names(named(classes=None)) == {"name": "cat/b.png"}
    assert names(named(photographs=None, classes=None)) == {}


def test_unlabelled_flips_say_so_in_json() -> None:
    flip = named(msgspec.structs.replace(FLIP, label=None, kind=None))
    plain = msgspec.to_builtins(flip)
    assert (plain["label"], plain["kind"]) == (None, None)


def test_a_name_that_is_no_utf8_can_be_written() -> None:
    odd = encodable(b"caf\xe9.png".decode("utf-8", "surrogateescape"))
    flip = named(photographs=("a", odd))
    assert flip.name == "caf\\udce9.png"
    assert msgspec.json.encode(flip)
