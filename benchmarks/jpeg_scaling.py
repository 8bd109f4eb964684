"""Large JPEGs decoded at a part of their size beside all of it: seconds, pixels, and answers.

``EDGEQ_DATA=FOLDER python -m benchmarks.jpeg_scaling`` makes large JPEGs of the evaluation
photographs in two ways: one enlarged, with a camera's noise, and a mosaic of many, which has as
much detail as pixels can have. Each is decoded in full and with the decoder's own scaling, for an
input of 224 pixels, and the float EfficientNetV2-B0 is asked about both. A gap is a value of
``jpeg_scaling``. Exit code 1 where the default one changes an answer, or moves pixels by a step of
255 on average.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.processes import load_note
from edgeq.config.presets import built_in, data_folder
from edgeq.config.structs import Preprocessing
from edgeq.io.files import sha256_file
from edgeq.pipeline.run import Run
from edgeq.results.recording import this_machine
from edgeq.samples.photo import pillow_warnings_are_errors
from edgeq.samples.resize import read_resized
from edgeq.samples.sets import Photo
from edgeq.store.content import Store

MODEL = "efficientnetv2-b0"
SIDE = 224
SIZES = ((1600, 1200), (2048, 1363), (4032, 3024))
GAPS = (1.5, 2.0, Preprocessing().jpeg_scaling, 4.0)
NOISE = 4.0
QUALITY = 90
MAX_DIFFERENCE = 1.0
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Decoded:
    """A photograph's pixels, ``(224, 224, 3)``, and the seconds of their decoding."""

    pixels: Pixels
    seconds: float


def enlarged(sources: Sequence[Path], number: int, size: tuple[int, int]) -> Image.Image:
    """Return one of the photographs, enlarged, with noise of its own in each pixel."""
    with Image.open(sources[number % len(sources)]) as image:
        large = np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS), np.float32)
    noise = np.random.default_rng(number).normal(0, NOISE, large.shape)
    return Image.fromarray((large + noise).clip(0, 255).astype(np.uint8))


def mosaic(sources: Sequence[Path], number: int, size: tuple[int, int]) -> Image.Image:
    """Return a picture full of photographs, each at its own size."""
    chance = np.random.default_rng(number)
    picture = Image.new("RGB", size)
    for top in range(0, size[1], 299):
        for left in range(0, size[0], 299):
            with Image.open(sources[int(chance.integers(len(sources)))]) as image:
                picture.paste(image.convert("RGB"), (left, top))
    return picture


def decoded(path: Path, gap: float) -> Decoded:
    """Decode a photograph with the scaling that a gap allows, 0 for none."""
    photo = Photo(str(path), path.name, sha256_file(path), None)
    preprocessing = msgspec.structs.replace(Preprocessing(), jpeg_scaling=gap)
    with pillow_warnings_are_errors():
        start = time.perf_counter()
        image = read_resized(photo.path, photo.sha256, preprocessing, (SIDE, SIDE))
        return Decoded(np.asarray(image), time.perf_counter() - start)


class Classifier:
    """The float model, asked for the class of a photograph."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path))
        self._interpreter.allocate_tensors()
        (self._entry,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()

    def __call__(self, pixels: Pixels) -> int:
        """Return the class of ``(224, 224, 3)``."""
        values = pixels[np.newaxis].astype(np.float32)
        self._interpreter.set_tensor(self._entry["index"], values)
        self._interpreter.invoke()
        return int(np.argmax(self._interpreter.get_tensor(self._output["index"])))


def main() -> int:
    """Print a table; 1 where the default scaling changes what must stay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    parser.add_argument("--count", type=int, default=50, help="photographs of each kind and size")
    arguments = parser.parse_args()
    data = data_folder()
    if data is None:
        sys.exit("EDGEQ_DATA names no folder: photographs are needed")
    machine = this_machine()
    print(f"{machine.processor}, one core of {machine.cores}; {load_note()}\n")
    run = Run(built_in(Path.cwd()), store=Store(arguments.store))
    classify = Classifier(run.inputs(MODEL).baseline.path)
    sources = sorted((data / "imagenet" / "evaluation").glob("*.png"))
    print("| picture | gap | ms in full | ms scaled | mean | 99 % below | most | other classes |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    good = True
    for make in (enlarged, mosaic):
        for size in SIZES:
            with tempfile.TemporaryDirectory(prefix="edgeq-jpeg-") as folder:
                paths = [Path(folder) / f"{number}.jpg" for number in range(arguments.count)]
                for number, path in enumerate(paths):
                    make(sources, number, size).save(path, quality=QUALITY)
                full = [decoded(path, 0) for path in paths]
                for gap in GAPS:
                    found = [decoded(path, gap) for path in paths]
                    is_good = show(
                        f"{make.__name__} {size[0]}x{size[1]}", gap, full, found, classify
                    )
                    good = good and (is_good or gap != Preprocessing().jpeg_scaling)
    return 0 if good else 1


def show(
    what: str, gap: float, full: list[Decoded], scaled: list[Decoded], classify: Classifier
) -> bool:
    """Print a row; return whether no answer changed and pixels hardly did."""
    apart = np.array(
        [
            np.abs(a.pixels.astype(int) - b.pixels.astype(int))
            for a, b in zip(full, scaled, strict=True)
        ]
    )
    changed = sum(
        classify(a.pixels) != classify(b.pixels) for a, b in zip(full, scaled, strict=True)
    )
    before, after = (
        1000 * float(np.mean([one.seconds for one in side])) for side in (full, scaled)
    )
    print(
        f"| {what} | {gap:g} | {before:.1f} | {after:.1f} | {apart.mean():.2f} | "
        f"{np.quantile(apart, 0.99):.0f} | {apart.max()} | {changed} of {len(full)} |",
        flush=True,
    )
    return bool(changed == 0 and apart.mean() < MAX_DIFFERENCE)


if __name__ == "__main__":
    sys.exit(main())
