from __future__ import annotations

import msgspec

from edgeq.report.flips import MAX_LISTED, flips_view
from tests.unit.report.records import agreement_of


def test_nothing_measured_shows_nothing() -> None:
    assert flips_view(None) is None


def test_counts_kinds_and_ties_in_words() -> None:
    found = flips_view(agreement_of(473))
    assert found is not None
    assert found.summary == (
        "473 of 500 images agree: 27 right to wrong, 0 wrong to right, 0 wrong to another wrong, "
        "2 with a tie (counted against)"
    )
    assert len(found.lines) == MAX_LISTED
    assert found.more == 27 - MAX_LISTED
    assert found.lines[0].kind == "right to wrong, tied"
    assert found.lines[0].variant.startswith("class 282 (44.0")


def test_full_agreement_has_no_lines() -> None:
    found = flips_view(agreement_of(500))
    assert found is not None
    assert found.lines == ()
    assert "right to wrong" not in found.summary


def test_harmful_flips_come_first_and_names_are_used() -> None:
    agreement = agreement_of(498)
    first, second = agreement.flips
    flips = (
        msgspec.structs.replace(first, kind="wrong_to_wrong", name="cat/1.png"),
        msgspec.structs.replace(second, label_name="tabby", baseline_name="tabby"),
    )
    found = flips_view(msgspec.structs.replace(agreement, flips=flips))
    assert found is not None
    assert [line.image for line in found.lines] == ["image 1", "cat/1.png"]
    assert found.lines[0].label == "tabby"


def test_the_classes_that_several_images_change_between_are_counted() -> None:
    agreement = agreement_of(496)
    lost, gained, other, swapped = agreement.flips
    flips = (
        msgspec.structs.replace(lost, baseline_name="tabby", variant_name="lynx"),
        msgspec.structs.replace(gained, kind="wrong_to_right"),
        msgspec.structs.replace(other, variant_class=7),
        msgspec.structs.replace(swapped, baseline_class=282, variant_class=281),
    )
    found = flips_view(msgspec.structs.replace(agreement, flips=flips))
    assert found is not None
    (pair,) = found.confusions
    assert (pair.baseline, pair.variant) == ("tabby", "lynx")
    assert (pair.images, pair.lost, pair.gained) == (2, 1, 1)


def test_unlabelled_flips_are_said_to_be() -> None:
    agreement = agreement_of(499)
    unlabelled = msgspec.structs.replace(
        agreement.flips[0], kind=None, label=None, tied=False, baseline_class=None
    )
    found = flips_view(msgspec.structs.replace(agreement, flip_counts=None, flips=(unlabelled,)))
    assert found is not None
    assert found.summary.startswith("499 of 500 images agree, 2")
    assert found.lines[0].kind == "not labelled"
    assert found.lines[0].label == "\u2013"
    assert found.lines[0].baseline.startswith("\u2013 (61")
