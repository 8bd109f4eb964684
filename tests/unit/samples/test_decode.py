"""A set of photographs as one array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError, StoreError
from edgeq.io.files import sha256_file
from edgeq.samples import decode as decoding
from edgeq.samples.decode import decode
from edgeq.samples.photo import Decoded, pillow_warnings_are_errors
from edgeq.samples.resize import read_resized, resized
from edgeq.samples.sets import ImageSet, NamedSet, Photo, load_set
from edgeq.store.content import Store
from tests.unit.samples.pictures import gradient, open_photo, save, waves

WHOLE = Preprocessing()
SIZE = (6, 8)


def undivided(picture: Image.Image) -> Decoded:
    return Decoded(picture, picture.size)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    # More than are decoded ahead on a machine of few cores.
    for index in range(21):
        save(tmp_path / "set" / f"{index:02}.png", seed=index)
    return load_set(NamedSet("set", "evaluation", tmp_path))


def test_every_photograph_is_in_its_place(
    images: ImageSet, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "AHEAD", 4)
    calls: list[tuple[int, int]] = []

    pixels = decode(images, WHOLE, SIZE, store, lambda done, total: calls.append((done, total)))

    array = pixels.array()
    assert array.shape == pixels.shape == (21, 6, 8, 3)
    assert array.dtype == np.uint8
    assert array.flags.c_contiguous
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable
    for photo, row in zip(images.photos, array, strict=True):
        expected = open_photo(photo.path).image.resize((8, 6), Image.Resampling.BICUBIC)
        assert np.array_equal(row, np.asarray(expected))
    assert calls == [(done, 21) for done in range(1, 22)]


def test_a_second_time_only_reads(images: ImageSet, store: Store) -> None:
    first = decode(images, WHOLE, SIZE, store)
    for photo in images.photos:
        photo.path.unlink()

    second = decode(images, WHOLE, SIZE, store, lambda *_: pytest.fail("decoded again"))

    assert second == first


def test_range_channels_and_labels_share_one_array(images: ImageSet, store: Store) -> None:
    first = decode(images, WHOLE, SIZE, store)
    other = Preprocessing(mean=(1.0, 2.0, 3.0), channels="bgr", crop_fraction=0.5)

    assert decode(images, other, SIZE, store) == first


@pytest.mark.parametrize(
    "other",
    [
        Preprocessing(filter="nearest"),
        Preprocessing(resize="centre_crop"),
        Preprocessing(resize="centre_crop", crop_fraction=0.5),
        Preprocessing(jpeg_scaling=0),
    ],
)
def test_geometry_has_arrays_of_its_own(
    images: ImageSet, store: Store, other: Preprocessing
) -> None:
    first = decode(images, WHOLE, SIZE, store)

    assert decode(images, other, SIZE, store).path != first.path
    assert decode(images, WHOLE, (8, 8), store).shape == (21, 8, 8, 3)


def test_the_decoders_version_is_part_of_the_address(
    images: ImageSet, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = decode(images, WHOLE, SIZE, store)
    monkeypatch.setattr("PIL.__version__", "99.0")

    assert decode(images, WHOLE, SIZE, store).sha256 != first.sha256


def test_the_first_bad_photograph_is_named_and_nothing_is_stored(
    images: ImageSet, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "set" / "03.png").write_text("no image")
    (tmp_path / "set" / "07.png").write_text("no image")
    bad = load_set(NamedSet("set", "evaluation", tmp_path))

    with pytest.raises(ImageError, match=r"03\.png: is not an image"):
        decode(bad, WHOLE, SIZE, store)

    assert not list((store.root / decoding.KIND).glob("*"))
    assert not list((store.root / "tmp").glob("*"))


def test_a_photograph_that_changed_since_the_set_was_loaded(images: ImageSet, store: Store) -> None:
    save(images.photos[5].path, seed=99)

    with pytest.raises(ImageError, match=r"05\.png: has changed"):
        decode(images, WHOLE, SIZE, store)


def test_full_disk_is_the_stores_error(
    images: ImageSet, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.lib.format.write_array_header_1_0", full)

    with pytest.raises(StoreError, match="No space left on device"):
        decode(images, WHOLE, SIZE, store)


def test_whole_squeezes_and_centre_crop_cuts_the_middle_square() -> None:
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (12, 2, 28, 18))  # the middle 16 x 16

    whole = np.asarray(resized(undivided(picture), Preprocessing(filter="nearest"), (10, 10)))
    crop = Preprocessing(resize="centre_crop", crop_fraction=0.8, filter="bicubic")
    cut = np.asarray(resized(undivided(picture), crop, (10, 10)))

    assert whole[0, 0].tolist() == [255, 0, 0]
    assert np.array_equal(cut, np.full((10, 10, 3), (0, 0, 255)))


def test_centre_crop_of_a_tiny_picture_keeps_a_pixel() -> None:
    crop = Preprocessing(resize="centre_crop", crop_fraction=0.1)

    assert resized(undivided(Image.new("RGB", (3, 2), "red")), crop, (4, 4)).getpixel((0, 0)) == (
        255,
        0,
        0,
    )


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_filters_are_pillows(name: str) -> None:
    picture = gradient()
    preprocessing = Preprocessing(filter=name)  # type: ignore[arg-type]

    expected = picture.resize((5, 7), Image.Resampling[name.upper()])

    assert resized(undivided(picture), preprocessing, (7, 5)).tobytes() == expected.tobytes()


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("size", [(960, 640), (811, 605)])
@pytest.mark.parametrize("resize", ["whole", "centre_crop"])
def test_a_jpeg_reduced_by_its_decoder_shows_the_same(
    tmp_path: Path, orientation: int, size: tuple[int, int], resize: str
) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    waves(*size).save(path, quality=95, exif=exif)
    photo = Photo(str(path), "a.jpg", sha256_file(path), None)
    whole = Preprocessing(resize=resize, jpeg_scaling=0)  # type: ignore[arg-type]
    reduced = Preprocessing(resize=resize)  # type: ignore[arg-type]

    with pillow_warnings_are_errors():
        expected, found = (
            np.asarray(read_resized(photo.path, photo.sha256, one, (64, 64))).astype(int)
            for one in (whole, reduced)
        )

    apart = np.abs(found - expected)
    assert apart.mean() < 0.5
    assert apart.max() <= 4
    is_reduced = orientation == 1 or size == (960, 640)
    assert bool(apart.any()) == is_reduced
