from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import Preprocessing
from edgeq.record.feeding import (
    Difference,
    Feeding,
    OwnSamples,
    at_the_first_layer,
    differences,
    other_size,
    recorded_differences,
)

BASELINE = Preprocessing()


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ({"filter": "bilinear"}, "filter bilinear, baseline bicubic"),
        (
            {"resize": "centre_crop"},
            "resize of the middle 87.5 %, baseline of the whole image",
        ),
        ({"mean": (127.5,) * 3, "std": (127.5,) * 3}, "values -1 to 1, baseline 0 to 255"),
        (
            {"std": (1.0, 1.0, 2.0)},
            (
                "values with mean 0, 0, 0 and deviation 1, 1, 2, "
                "baseline with mean 0, 0, 0 and deviation 1, 1, 1"
            ),
        ),
        ({"channels": "bgr"}, "channels bgr, baseline rgb"),
        ({"jpeg_scaling": 0.0}, "JPEG scaling 0, baseline 3"),
    ],
)
def test_each_difference_is_said_in_plain_words(own: dict[str, Any], text: str) -> None:
    (found,) = differences(msgspec.structs.replace(BASELINE, **own), BASELINE)
    assert found.text == text


def test_what_does_not_matter_is_no_difference() -> None:
    assert differences(msgspec.structs.replace(BASELINE, crop_fraction=0.5), BASELINE) == ()
    half = msgspec.structs.replace(BASELINE, resize="centre_crop", crop_fraction=0.5)
    assert len(differences(half, msgspec.structs.replace(half, crop_fraction=0.6))) == 1
    unit = PREPROCESSING.get("unit")
    assert differences(unit, BASELINE, ()) == ()
    assert len(differences(unit, BASELINE)) == 1


def test_what_reaches_the_first_layers_is_said_in_place_of_what_is_declared() -> None:
    found = at_the_first_layer((-1.0, 1.0), (-2.12, 2.64))
    assert found is not None
    assert found.text == "values at the first layer -1 to 1, baseline -2.120 to 2.640"
    own = Preprocessing(filter="nearest", std=(255.0, 255.0, 255.0))
    texts = [one.text for one in differences(own, BASELINE, (found,))]
    assert texts == ["filter nearest, baseline bicubic", found.text]
    assert at_the_first_layer((0.0, 1.0), (0.0, 1.0)) is None


def test_the_size_of_the_input_is_height_by_width() -> None:
    assert other_size((4, 6), (4, 6)) == ()
    (found,) = other_size((192, 160), (224, 224))
    assert found.text == "size 192 x 160, baseline 224 x 224"


def test_several_differences_are_all_said_after_the_samples() -> None:
    own = Preprocessing(filter="nearest", channels="bgr")
    feeding = Feeding(
        differences=differences(own, BASELINE),
        samples=OwnSamples(source="camera", count=200, sha256="abcdef0123"),
    )
    assert feeding.differs
    assert feeding.sentence == (
        "on samples of its own: 200 photographs of camera; fed otherwise than the baseline: filter "
        "nearest, baseline bicubic; channels bgr, baseline rgb"
    )
    assert feeding.text.endswith("200 photographs of camera, sha256 abcdef01")


def test_a_variant_that_is_fed_alike_says_nothing() -> None:
    for feeding in (Feeding(), Feeding(normalizes=True)):
        assert (feeding.differs, feeding.sentence) == (False, "")
        assert feeding.text == "like the baseline"


def test_what_a_record_holds_is_read_in_full_and_in_part() -> None:
    own, baseline = (
        msgspec.to_builtins(one) for one in (Preprocessing(filter="nearest"), BASELINE)
    )
    assert recorded_differences(own, baseline) == differences(
        Preprocessing(filter="nearest"), BASELINE
    )
    assert recorded_differences(baseline, baseline) == ()
    assert recorded_differences({"mean": [9.0]}, {"mean": [0.0], "filter": "bicubic"}) == (
        Difference(what="mean", variant="[9.0]", baseline="[0.0]"),
        Difference(what="filter", variant="None", baseline="bicubic"),
    )


@pytest.mark.parametrize("std", [0.0, 1e-320])
def test_a_record_that_nobody_could_have_written_is_read_too(std: float) -> None:
    own = {**msgspec.to_builtins(BASELINE), "std": [std] * 3}
    assert recorded_differences(own, msgspec.to_builtins(BASELINE))
