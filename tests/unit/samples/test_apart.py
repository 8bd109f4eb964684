"""Decoding in a child: an end in time and memory, and little of either in this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError
from edgeq.io.files import sha256_file
from edgeq.samples import apart
from edgeq.samples.sets import Photo
from tests.unit.samples.decoders import started_decoders
from tests.unit.samples.pictures import open_photo, save

SIDE = 9400
PLAIN = Preprocessing()


def photo(path: Path) -> Photo:
    return Photo(str(path), path.name, sha256_file(path), None)


def vast(path: Path, mode: str = "RGB") -> Path:
    """Write a photograph of just under Pillow's limit of pixels, which packs to some kB."""
    Image.new(mode, (SIDE, SIDE)).save(path, compress_level=1)
    return path


def test_pixels_come_back(tmp_path: Path) -> None:
    save(tmp_path / "a.png", seed=1)
    assert len(apart.decoded(photo(tmp_path / "a.png"), PLAIN, (5, 7))) == 5 * 7 * 3


def test_the_size_of_a_photograph_comes_back_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (6, 3))
    turned = image.getexif()
    turned[0x0112] = 6
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "turned.jpg", exif=turned)
    assert apart.measured(photo(tmp_path / "plain.png")) == (6, 3)
    assert apart.measured(photo(tmp_path / "turned.jpg")) == (3, 6)


def test_a_photograph_without_a_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match="is not an image of a format"):
        apart.measured(photo(tmp_path / "a.png"))


def test_an_error_of_the_photograph_comes_back_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match="is not an image of a format") as caught:
        apart.decoded(photo(tmp_path / "a.png"), PLAIN, (4, 4))
    assert caught.value.where == str(tmp_path / "a.png")


def test_a_photograph_that_takes_too_long_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "TIMEOUT_S", 0.0)
    save(tmp_path / "a.png", seed=1)
    with pytest.raises(ImageError, match="takes longer than 0 s to decode") as caught:
        apart.decoded(photo(tmp_path / "a.png"), PLAIN, (4, 4))
    assert caught.value.where == str(tmp_path / "a.png")


def test_a_photograph_that_takes_too_much_memory_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "MEMORY_LIMIT", 200_000_000)
    with pytest.raises(ImageError, match="memory") as caught:
        apart.decoded(photo(vast(tmp_path / "a.png")), PLAIN, (4, 4))
    assert caught.value.where == str(tmp_path / "a.png")


def test_a_photograph_that_ends_its_decoder_is_refused_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "a.png", seed=1)

    def dying() -> apart.Decoder:
        child = apart.Decoder()
        os.kill(child._process.pid, signal.SIGKILL)
        return child

    with monkeypatch.context() as changed:
        changed.setattr(apart.idle, "take", lambda _: dying())
        with pytest.raises(ImageError, match="crashes its decoder"):
            apart.decoded(photo(tmp_path / "a.png"), PLAIN, (4, 4))
    assert apart.decoded(photo(tmp_path / "a.png"), PLAIN, (4, 4))


MEASURED = """
import sys
from pathlib import Path
from edgeq.samples.decode import write_pixels
from edgeq.samples.sets import Photo
from edgeq.io.files import sha256_file
from edgeq.config.structs import Preprocessing
path = Path(sys.argv[1])
photos = [Photo(str(path), path.name, sha256_file(path), None)]
write_pixels(path.with_name("p.npy"), photos, Preprocessing(), (1, 8, 8, 3), None)
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def test_many_threads_share_as_many_decoders_as_there_are_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [photo(save(tmp_path / f"{seed}.png", seed=seed)) for seed in range(8)]
    monkeypatch.setattr(apart, "RUNNING", threading.BoundedSemaphore(2))
    started = started_decoders(monkeypatch)
    with apart.idle.kept(), ThreadPoolExecutor(len(photos)) as pool:
        pixels = list(pool.map(lambda one: apart.decoded(one, PLAIN, (4, 4)), photos))
    assert len(set(pixels)) == len(photos)
    assert 1 <= len(started) <= 2


def test_a_vast_photograph_takes_nothing_of_the_callers_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(vast(tmp_path / "a.png"))],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert int(done.stdout) < 150_000  # kB; its pixels alone are 265 MB


def scan(content: bytes, count: int) -> bytes:
    """Return a progressive JPEG whose last scan is drawn so many times."""
    at = content.rindex(b"\xff\xda")
    return content[:-2] + content[at:-2] * count + b"\xff\xd9"


def test_a_jpeg_of_very_many_scans_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a.jpg", progressive=True)
    good = (tmp_path / "a.jpg").read_bytes()
    assert open_photo(tmp_path / "a.jpg").size == (64, 64)
    (tmp_path / "b.jpg").write_bytes(scan(good, 400))
    with pytest.raises(ImageError, match=r"is encoded in 4\d\d passes"):
        open_photo(tmp_path / "b.jpg")
