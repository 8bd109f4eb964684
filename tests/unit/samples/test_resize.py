from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgeq.config.structs import Preprocessing
from edgeq.samples.photo import Decoded
from edgeq.samples.resize import GREY, letterbox, place_of_photo, resized
from tests.unit.samples.pictures import open_photo

BOX = Preprocessing(resize="letterbox", filter="bilinear")
SIDES = st.integers(1, 5000)


def test_a_wide_photograph_is_padded_above_and_below() -> None:
    photo = Decoded(Image.new("RGB", (200, 100), (255, 0, 0)), (200, 100))
    pixels = np.asarray(resized(photo, BOX, (80, 80)))
    assert pixels.shape == (80, 80, 3)
    assert (pixels[:20] == GREY).all()
    assert (pixels[60:] == GREY).all()
    assert (pixels[20:60] == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("photo", "place"),
    [
        ((640, 480), (0, 80, 640, 480)),
        ((480, 640), (80, 0, 480, 640)),
        ((500, 333), (0, 107, 640, 426)),
        ((100, 100), (0, 0, 640, 640)),
    ],
)
def test_the_letterbox_is_that_of_ultralytics(
    photo: tuple[int, int], place: tuple[int, int, int, int]
) -> None:
    assert letterbox(photo, (640, 640)) == place


@given(SIDES, SIDES, st.integers(8, 700), st.integers(8, 700))
def test_a_letterbox_holds_the_whole_photograph(
    width: int, height: int, rows: int, columns: int
) -> None:
    left, top, inner_width, inner_height = letterbox((width, height), (rows, columns))
    assert min(left, top) >= 0
    assert left + inner_width <= columns
    assert top + inner_height <= rows
    assert inner_width == columns or inner_height == rows


def test_a_reduced_photograph_is_padded_alike(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.effect_noise((640, 320), 60).convert("RGB").save(path, quality=95)
    whole = open_photo(path)
    half = Decoded(whole.image.reduce(2), whole.size, 2)
    first, second = (np.asarray(resized(one, BOX, (80, 80)), float) for one in (whole, half))
    assert np.abs(first - second).mean() < 2


@pytest.mark.parametrize(
    ("preprocessing", "place"),
    [
        (Preprocessing(), (0, 0, 1, 1)),
        (BOX, (0, 0.25, 1, 0.5)),
        (Preprocessing(resize="centre_crop", crop_fraction=1.0), (-0.5, 0, 2, 1)),
        (Preprocessing(resize="centre_crop", crop_fraction=0.5), (-1.5, -0.5, 4, 2)),
    ],
)
def test_the_photographs_place_in_the_input(
    preprocessing: Preprocessing, place: tuple[float, float, float, float]
) -> None:
    assert place_of_photo((200, 100), preprocessing, (64, 64)) == place
