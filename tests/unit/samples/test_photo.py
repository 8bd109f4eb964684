"""One photograph as RGB."""

from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from edgeq.errors import ImageError
from edgeq.samples.photo import pillow_warnings_are_errors, read_photo
from tests.unit.samples.pictures import gradient, open_photo, save

ORIENTATION = 0x0112


def pixels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = open_photo(path).image
    assert image.mode == "RGB"
    return np.asarray(image)


def one_colour(mode: str, colour: int | tuple[int, ...]) -> Image.Image:
    return Image.new(mode, (3, 2), colour)


def test_rgb_is_unchanged(tmp_path: Path) -> None:
    picture = gradient()
    picture.save(tmp_path / "a.png")

    assert np.array_equal(pixels(tmp_path / "a.png"), np.asarray(picture))


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 100, (100, 100, 100)),
        ("1", 1, (255, 255, 255)),
        ("LA", (100, 255), (100, 100, 100)),
        ("LA", (100, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 257 * 100 + 128, (100, 100, 100)),
        ("I;16", 257 * 100 + 129, (101, 101, 101)),
    ],
)
def test_modes_of_png(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...], expected: tuple[int, ...]
) -> None:
    one_colour(mode, colour).save(tmp_path / "a.png")

    assert np.array_equal(pixels(tmp_path / "a.png"), np.full((2, 3, 3), expected))


@pytest.mark.parametrize("ending", ["tiff", "pgm"])
def test_16_bits_in_other_formats(tmp_path: Path, ending: str) -> None:
    one_colour("I;16", 257 * 100).save(tmp_path / f"a.{ending}")

    assert np.array_equal(pixels(tmp_path / f"a.{ending}"), np.full((2, 3, 3), 100))


@pytest.mark.parametrize("transparency", [None, 1, b"\xff\x00"])
def test_palettes(tmp_path: Path, transparency: int | bytes | None) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    if transparency is not None:
        picture.info["transparency"] = transparency
    picture.save(tmp_path / "a.png")

    second = (40, 50, 60) if transparency is None else (255, 255, 255)
    assert pixels(tmp_path / "a.png").tolist() == [[[10, 20, 30], list(second)]]


def test_cmyk(tmp_path: Path) -> None:
    one_colour("CMYK", (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)

    assert np.abs(pixels(tmp_path / "a.jpg").astype(int) - (255, 0, 0)).max() <= 3


def test_ycck_is_cmyk_once_decoded(tmp_path: Path) -> None:
    plain, marked = BytesIO(), tmp_path / "a.jpg"
    one_colour("CMYK", (40, 80, 120, 10)).save(plain, "JPEG", quality=100)
    data = plain.getvalue()
    adobe = data.index(b"Adobe")
    assert data[adobe + 11] == 0  # the colour transform: none
    marked.write_bytes(data[: adobe + 11] + b"\x02" + data[adobe + 12 :])  # 2 is YCCK

    assert pixels(marked).shape == (2, 3, 3)
    (tmp_path / "b.jpg").write_bytes(data)
    assert not np.array_equal(pixels(marked), pixels(tmp_path / "b.jpg"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = np.asarray(gradient())
    undo = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(np.ascontiguousarray(undo[orientation])).save(tmp_path / "a.png", exif=exif)

    assert np.array_equal(pixels(tmp_path / "a.png"), upright)


def test_the_content_decides_not_the_ending(tmp_path: Path) -> None:
    gradient().save(tmp_path / "a.jpg", "PNG")

    assert np.array_equal(pixels(tmp_path / "a.jpg"), np.asarray(gradient()))


def test_a_phones_jpeg_of_several_pictures_is_its_first(tmp_path: Path) -> None:
    gradient(seed=1).save(
        tmp_path / "a.jpg", "MPO", save_all=True, append_images=[gradient(seed=2)], quality=95
    )
    gradient(seed=1).save(tmp_path / "b.jpg", quality=95)

    assert np.array_equal(pixels(tmp_path / "a.jpg"), pixels(tmp_path / "b.jpg"))


def many_frames(path: Path) -> Path:
    gradient(seed=1).save(path, save_all=True, append_images=[gradient(seed=2)])
    return path


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tiff"])
def test_animations_and_pages_are_refused(tmp_path: Path, ending: str) -> None:
    with pytest.raises(ImageError, match="holds several frames or pages"):
        open_photo(many_frames(tmp_path / f"a.{ending}"))


@pytest.mark.parametrize("ending", ["gif", "webp", "tiff", "bmp"])
def test_single_pictures_of_the_same_formats_are_read(tmp_path: Path, ending: str) -> None:
    gradient().save(tmp_path / f"a.{ending}")

    assert pixels(tmp_path / f"a.{ending}").shape == (12, 16, 3)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_samples_of_32_bits_are_refused(tmp_path: Path, mode: str) -> None:
    one_colour(mode, 5).save(tmp_path / "a.tiff")

    with pytest.raises(ImageError, match=f"samples of mode '{mode}'"):
        open_photo(tmp_path / "a.tiff")


def test_16_bits_with_a_transparent_value_are_refused(tmp_path: Path) -> None:
    one_colour("I;16", 7).save(tmp_path / "a.png", transparency=7)

    with pytest.raises(ImageError, match="transparent value"):
        open_photo(tmp_path / "a.png")


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "tiff", "bmp"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_files_are_refused_by_name(tmp_path: Path, ending: str, share: float) -> None:
    path = tmp_path / f"a.{ending}"
    gradient(40, 50).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(ImageError, match=r"damaged or can't be read|no image") as caught:
        open_photo(path)

    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"hello", "is not an image"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"\xff\xd8\xff", "is"),
    ],
)
def test_files_that_are_no_image(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)

    with pytest.raises(ImageError, match=what) as caught:
        open_photo(path)

    assert caught.value.remedy


def test_missing_files_links_and_folders(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    for name, what in (
        ("gone.png", "does not exist"),
        ("link.png", "is a broken symbolic link"),
        ("", "can't be read"),
    ):
        with pytest.raises(ImageError, match=what):
            open_photo(tmp_path / name)


def bomb(side: int) -> bytes:
    """Return a PNG that claims a size and holds nothing of it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_decompression_bombs_are_refused(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(bomb(side))

    with pytest.raises(ImageError, match="has more than 89478485 pixels"):
        open_photo(tmp_path / "a.png")


def test_what_pillow_warns_about_is_refused_and_leaks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    gradient().save(path)
    data = bytearray(path.read_bytes())
    # The number of entries in the directory: one more than there are.
    offset = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, offset)[0]
    struct.pack_into("<H", data, offset, count + 9)
    path.write_bytes(bytes(data[: offset + 2 + 12 * count]))

    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        with pytest.raises(ImageError, match="damaged or can't be read"):
            open_photo(path)

    assert not leaked


def test_content_is_compared_with_the_hash(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    assert np.array_equal(np.asarray(read_photo(path, sha256=digest).image), pixels(path))
    save(path, seed=1)
    with pytest.raises(ImageError, match="has changed since the set was loaded"):
        read_photo(path, sha256=digest)


@pytest.mark.parametrize("kind", ["EPS", "ICO", "PCX", "PDF"])
def test_formats_that_no_photograph_comes_in_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Pillow hands PostScript to another program."""
    gradient().save(tmp_path / "a.png", kind)
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", None)
    with pytest.raises(ImageError, match="is not an image of a format that is read"):
        open_photo(tmp_path / "a.png")


def test_the_warnings_are_left_as_they_were() -> None:
    before = list(warnings.filters)
    with pillow_warnings_are_errors(), pytest.raises(UserWarning):
        warnings.warn("damaged", UserWarning, stacklevel=1)
    assert list(warnings.filters) == before


@pytest.mark.parametrize(
    ("least", "step", "size"),
    [(None, 1, (203, 101)), (60, 1, (203, 101)), (50, 2, (102, 51)), (12.7, 4, (51, 26))],
)
def test_a_jpeg_keeps_the_pixels_that_are_asked_for(
    tmp_path: Path, least: float | None, step: int, size: tuple[int, int]
) -> None:
    path = tmp_path / "a.jpg"
    gradient(101, 203).save(path)

    found = read_photo(path, least=least)

    assert (found.step, found.image.size, found.size) == (step, size, (203, 101))


def test_no_other_format_is_reduced(tmp_path: Path) -> None:
    found = read_photo(save(tmp_path / "a.png"), least=1)

    assert (found.step, found.size, found.image.size) == (1, (16, 12), (16, 12))


def test_a_turned_jpeg_is_reduced_where_that_leaves_no_part_of_a_pixel(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, width, height in (("whole", 96, 64), ("part", 97, 64)):
        gradient(height, width).save(tmp_path / f"{name}.jpg", exif=exif)

    whole, part = (read_photo(tmp_path / f"{name}.jpg", least=8) for name in ("whole", "part"))

    assert (whole.step, whole.size, whole.image.size) == (8, (64, 96), (8, 12))
    assert (part.step, part.size, part.image.size) == (1, (64, 97), (64, 97))
