"""Photographs in portions: the same pixels as all at once, and each decoded once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError
from edgeq.samples import stream as module
from edgeq.samples.decode import decode
from edgeq.samples.sets import ImageSet, NamedSet, load_set
from edgeq.samples.stream import Stream
from edgeq.store.content import Store
from tests.unit.samples.pictures import save

WHOLE = Preprocessing()
SIZE = (6, 8)


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORTION", 4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    for index in range(10):
        save(tmp_path / "set" / f"{index:02}.png", seed=index)
    return load_set(NamedSet("set", "evaluation", tmp_path))


def everything(stream: Stream) -> npt.NDArray[np.uint8]:
    return np.concatenate([np.array(one.array()) for one in stream.pieces(stream.images.photos)])


def test_portions_are_the_whole(images: ImageSet, store: Store) -> None:
    told: list[tuple[int, int]] = []
    stream = Stream(images, WHOLE, SIZE, store, lambda done, total: told.append((done, total)))
    whole = decode(images, WHOLE, SIZE, store).array()
    assert np.array_equal(everything(stream), whole)
    assert np.array_equal(stream.first(3), whole[:3])
    assert told == [(done, 10) for done in range(1, 11)]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 20])
def test_every_so_manieth(images: ImageSet, store: Store, step: int) -> None:
    stream = Stream(images, WHOLE, SIZE, store)
    assert np.array_equal(stream.every(step), decode(images, WHOLE, SIZE, store).array()[::step])


def test_a_second_time_only_reads(images: ImageSet, store: Store) -> None:
    first = everything(Stream(images, WHOLE, SIZE, store))
    for photo in images.photos:
        photo.path.unlink()
    assert np.array_equal(everything(Stream(images, WHOLE, SIZE, store)), first)


def test_a_set_that_changed_decodes_only_what_is_new(
    images: ImageSet, store: Store, tmp_path: Path
) -> None:
    first = everything(Stream(images, WHOLE, SIZE, store))
    for photo in images.photos:
        photo.path.unlink()
    save(tmp_path / "more" / "new.png", seed=77)
    new = load_set(NamedSet("more", "evaluation", tmp_path)).photos[0]
    order = [7, 0, 1, 9]
    photos = (images.photos[7], new, *(images.photos[at] for at in order[1:]))
    told: list[tuple[int, int]] = []
    changed = Stream(
        replace(images, photos=photos), WHOLE, SIZE, store, lambda *at: told.append(at)
    )
    found = everything(changed)
    assert np.array_equal(found[[0, 2, 3, 4]], first[order])
    assert np.array_equal(
        found[1], decode(replace(images, photos=(new,)), WHOLE, SIZE, store).array()[0]
    )
    assert told == [(2, 5)]


def test_another_geometry_is_another_source(images: ImageSet, store: Store) -> None:
    one = Stream(images, WHOLE, SIZE, store)
    assert one.source == Stream(images, WHOLE, SIZE, store).source
    for other in (
        Stream(images, Preprocessing(filter="nearest"), SIZE, store),
        Stream(images, WHOLE, (8, 6), store),
    ):
        assert other.source != one.source


def test_the_same_photograph_twice(images: ImageSet, store: Store) -> None:
    twice = replace(images, photos=(*images.photos[:3], images.photos[1]))
    found = everything(Stream(twice, WHOLE, SIZE, store))
    assert len(found) == 4
    assert np.array_equal(found[1], found[3])


def test_a_photograph_that_changed_is_refused(images: ImageSet, store: Store) -> None:
    save(images.photos[6].path, seed=99)
    stream = Stream(images, WHOLE, SIZE, store)
    pieces = stream.pieces(images.photos)  # three at a time
    next(pieces)
    next(pieces)
    with pytest.raises(ImageError, match="has changed since the set was loaded"):
        next(pieces)
