from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeq.config.structs import Preprocessing
from edgeq.results.contact_sheet import (
    COLUMNS,
    MAX_BYTES,
    MAX_IMAGES,
    SIDE,
    Drawn,
    contact_sheet,
    drawn,
    evenly,
    tile_of,
)
from edgeq.samples.decode import decode
from edgeq.samples.sets import ImageSet, NamedSet, load_set
from edgeq.samples.stream import Stream
from edgeq.store.content import Store
from tests.unit.samples.pictures import save

WHOLE = Preprocessing()
SIZE = (24, 32)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def photographs(root: Path, count: int) -> ImageSet:
    for index in range(count):
        save(root / "set" / f"{index:02}.png", seed=index)
    return load_set(NamedSet("set", "calibration", root))


def gone(images: ImageSet) -> None:
    for photo in images.photos:
        photo.path.unlink()


def opened(one: Drawn) -> Image.Image:
    return Image.open(io.BytesIO(one.data))


def test_the_same_images_give_the_same_sheet_in_every_store(tmp_path: Path) -> None:
    images = photographs(tmp_path, 30)
    first, second = (
        contact_sheet(images, WHOLE, SIZE, Store(tmp_path / name)) for name in ("a", "b")
    )
    assert first == second
    assert first.sheet.images == 30
    assert first.sheet.places == evenly(30)
    assert opened(first).size == (COLUMNS * SIDE, MAX_IMAGES // COLUMNS * 36)


def test_a_few_images_are_all_shown(tmp_path: Path, store: Store) -> None:
    one = contact_sheet(photographs(tmp_path, 3), WHOLE, SIZE, store)
    assert one.sheet.places == (0, 1, 2)
    assert (one.sheet.columns, one.sheet.tile) == (3, (48, 36))
    assert opened(one).size == (3 * 48, 36)


@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "in portions"])
def test_pixels_that_are_there_are_not_decoded_again(
    tmp_path: Path, store: Store, streamed: bool
) -> None:
    images = photographs(tmp_path, 30)
    expected = contact_sheet(images, WHOLE, SIZE, Store(tmp_path / "other"))
    if streamed:
        Stream(images, WHOLE, SIZE, store).decode_all()
    else:
        decode(images, WHOLE, SIZE, store)
    gone(images)
    assert contact_sheet(images, WHOLE, SIZE, store) == expected


def test_a_warm_store_has_the_sheet_itself(tmp_path: Path, store: Store) -> None:
    images = photographs(tmp_path, 5)
    first = contact_sheet(images, WHOLE, SIZE, store)
    gone(images)
    for folder in store.root.glob("pixels*/*"):
        folder.rename(tmp_path / folder.name)
    assert contact_sheet(images, WHOLE, SIZE, store) == first


def test_a_sheet_is_of_what_the_model_sees(tmp_path: Path, store: Store) -> None:
    images = photographs(tmp_path, 5)
    cut = Preprocessing(resize="centre_crop", crop_fraction=0.5)
    first = contact_sheet(images, WHOLE, SIZE, store)
    assert contact_sheet(images, cut, SIZE, store).data != first.data
    evaluated = contact_sheet(replace(images, role="evaluation"), WHOLE, SIZE, store)
    assert (evaluated.data, evaluated.sheet.role) == (first.data, "evaluation")


@pytest.mark.parametrize("count", [1, MAX_IMAGES - 1, MAX_IMAGES, MAX_IMAGES + 1, 100, 1000])
def test_places_are_spread_over_the_whole_set(count: int) -> None:
    places = evenly(count)
    assert len(places) == min(MAX_IMAGES, count)
    steps = {b - a for a, b in pairwise(places)}
    assert all(step >= 1 for step in steps)
    assert not steps or max(steps) - min(steps) <= 1
    assert abs(places[0] - (count - 1 - places[-1])) <= 1


def test_small_and_long_inputs_keep_their_shape() -> None:
    assert tile_of((224, 224)) == (SIDE, SIDE)
    assert tile_of((4, 8)) == (SIDE, SIDE // 2)
    assert tile_of((1, 1000)) == (SIDE, 1)


def test_a_busy_sheet_is_drawn_coarser() -> None:
    random = np.random.default_rng(0)
    smooth = random.integers(0, 256, (MAX_IMAGES, 1, 1, 3), np.uint8) + np.zeros(
        (96, 96, 1), np.uint8
    )
    busy = random.integers(0, 256, (MAX_IMAGES, 96, 96, 3), np.uint8)
    sheets = [drawn(pixels, COLUMNS, (SIDE, SIDE)) for pixels in (smooth, busy)]
    assert [len(one) <= MAX_BYTES for one in sheets] == [True, True]
    assert all(one[8:12] == b"WEBP" for one in sheets)
