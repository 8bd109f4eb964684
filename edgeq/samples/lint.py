"""Finds what is odd about a calibration set, from its decoded photographs. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.samples.sets import ImageSet
from edgeq.words import names as some
from edgeq.words import plural

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

MIN_USUAL = 100
"""TensorFlow's guide on post-training quantization asks for about 100 to 500 photographs."""

MIN_SIDE = 16
"""Images with a shorter side have too few neighbouring pixels to tell noise from photographs."""

NOISE = 0.2
"""Correlation of neighbouring pixels below which an image is noise: the minimum of 600 photographs
at 224 x 224 is 0.64, independent pixels have 0."""

FLAT = 3.0
"""Range of levels below which an image shows nothing."""

NEAR_DUPLICATE = 2.0
"""Root mean square difference in levels, on a grid, below which two images are nearly the same: a
photograph saved again as a JPEG of quality 40 differs by 0.8, the closest two of 100 by 16."""

FAR = 40.0
"""Difference in levels between the means of two sets that counts as clear, if it is not due to
chance."""

SPREADS = 2.0
"""Ratio of the standard deviations of two sets that counts as a clear difference."""

MAX_PAIRED = 1000
"""Evaluation images that are compared with each other, the first by name: scenes of a film, and
copies of a photograph, have names that follow each other."""

MANY = 0.05
"""Share of near copies among evaluation images from which intervals are clearly too narrow."""

_GRID = 16
_LEVELS = np.arange(256)
_CHANCE = 4.0
_ROWS = 256


@dataclass(frozen=True)
class PixelFacts:
    """Facts about each decoded photograph of a set.

    Attributes:
        means: Mean level per channel, shape ``(n, 3)``, 0 to 255.
        squares: Mean squared level per channel, shape ``(n, 3)``.
        contrast: Highest level minus lowest, shape ``(n,)``.
        neighbours: Correlation of neighbouring pixels, shape ``(n,)``; NaN if an image is flat or
            too small to tell.
        grid: The image at ``16 x 16`` in grey, minus its mean, shape ``(n, cells)``, float32.
    """

    means: Floats
    squares: Floats
    contrast: Floats
    neighbours: Floats
    grid: npt.NDArray[np.float32]

    @property
    def spread(self) -> Floats:
        """Standard deviation of all pixels per channel, shape ``(3,)``, in levels."""
        variance = self.squares.mean(axis=0) - self.means.mean(axis=0) ** 2
        spread: Floats = np.sqrt(np.maximum(variance, 0.0))
        return spread


@dataclass(frozen=True)
class Lint:
    """The findings about a calibration set.

    Attributes:
        images: Number of photographs examined.
        problems: Why the set can't be what it should be; each fails ``calibration_set``.
        notes: What is unusual but may be intended.
        facts: The numbers behind the findings, as plain JSON.
    """

    images: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    facts: dict[str, object]


def pixel_facts(pixels: Iterable[Bytes]) -> PixelFacts:
    """Compute facts about every photograph of RGB pixels, ``(n, h, w, 3)`` with n at least 1.

    A memory map is read image by image.
    """
    columns = zip(*(_look(np.asarray(picture)) for picture in pixels), strict=True)
    return PixelFacts(*map(np.array, columns))


def lint_arrays(rows: npt.NDArray[np.float32]) -> Lint:
    """Find what is odd about a calibration set of arrays.

    Nothing is known about what their values mean, so only what no data set has is a problem: the
    same sample throughout, or samples of a single value. The rows hold real values, ``(n, d)`` with
    n at least 1.
    """
    n = len(rows)
    flat = int(np.count_nonzero(rows.max(axis=1) == rows.min(axis=1))) if rows.shape[1] > 1 else 0
    distinct = len({row.tobytes() for row in rows})
    problems, notes = list[str](), list[str]()
    if n > 1 and distinct == 1:
        problems.append(f"all {n} samples are the same")
    if flat == n:
        problems.append("every sample consists of a single value")
    elif flat:
        notes.append(f"{plural(flat, 'sample')} of {n} consist of a single value")
    if not problems and distinct < n:
        notes.append(f"{n - distinct} of {n} samples repeat others")
    if n < MIN_USUAL:
        notes.append(f"only {plural(n, 'calibration sample')}; 100 to 500 are usual")
    return Lint(n, tuple(problems), tuple(notes), {"distinct": distinct, "flat": flat})


def lint(calibration: ImageSet, pixels: PixelFacts, evaluation: PixelFacts | None = None) -> Lint:
    """Find what is odd about a calibration set.

    Only what can't be right is a problem: noise, the same image throughout, images of a single
    colour. Everything else is a note.
    """
    n = len(calibration.photos)
    names = [photo.name for photo in calibration.photos]
    copies = _copies(calibration, pixels)
    flat = [names[index] for index in np.flatnonzero(pixels.contrast < FLAT)]
    noise = [names[index] for index in np.flatnonzero(pixels.neighbours < NOISE)]
    repeated = [names[second] for _, second in copies]
    problems, notes = list[str](), list[str]()
    if len(flat) == n:
        problems.append(
            "every calibration image is a single colour: its levels differ by less than "
            f"{FLAT:.0f} of 255"
        )
    elif flat:
        notes.append(f"{_of(flat, n)} a single colour: {some(flat)}")
    if 2 * len(noise) > n:
        few = "" if len(noise) == n else f"{len(noise)} of {n} of "
        problems.append(
            f"{few}the calibration images are noise, not photographs: neighbouring pixels "
            f"have a correlation of {_median(pixels.neighbours):.2f} (photographs: 0.6 or more)"
        )
    elif noise:
        notes.append(f"{_of(noise, n)} noise: {some(noise)}")
    if n > 1 and len(set(repeated)) == n - 1 and len(flat) < n:
        problems.append(f"all {n} calibration images are identical: {names[0]}")
    elif repeated and len(flat) < n:
        notes.append(f"{_of(repeated, n)} the same as another, or nearly so: {some(repeated)}")
    if n < MIN_USUAL:
        notes.append(
            f"only {n} calibration {'image' if n == 1 else 'images'}; {MIN_USUAL} to 500 are usual"
        )
    labels = {photo.label for photo in calibration.photos}
    if n > 1 and calibration.labelled and len(labels) == 1:
        notes.append(f"all {n} calibration images are of one class ({labels.pop()})")
    notes += [] if evaluation is None else _range(pixels, evaluation)
    return Lint(n, tuple(problems), tuple(notes), _facts(pixels, evaluation, copies, names))


def near_copies(images: ImageSet, pixels: PixelFacts) -> tuple[str, ...]:
    """Return the names of images that look like an earlier one and count as another photograph."""
    groups = images.groups()
    return tuple(
        images.photos[later].name
        for earlier, later in _copies(images, pixels)
        if groups[earlier] != groups[later]
    )


def _look(picture: Bytes) -> tuple[Floats, Floats, float, float, npt.NDArray[np.float32]]:
    height, width, _ = picture.shape
    red, green, blue = (picture[..., channel].astype(np.float32) for channel in range(3))
    grey = (red + green + blue) / np.float32(3)
    blocks = [np.linspace(0, side, min(_GRID, side) + 1).astype(int) for side in (height, width)]
    sums = np.add.reduceat(np.add.reduceat(grey, blocks[0][:-1], 0), blocks[1][:-1], 1)
    cells = sums / (np.diff(blocks[0])[:, None] * np.diff(blocks[1])[None])
    # Counting is faster than summing, and both are exact for whole numbers.
    counts = [np.bincount(picture[..., channel].ravel(), minlength=256) for channel in range(3)]
    shares = np.array(counts) @ np.stack([_LEVELS, _LEVELS**2], axis=1) / grey.size
    return (
        shares[:, 0],
        shares[:, 1],
        float(picture.max()) - float(picture.min()),
        _correlation(grey) if min(height, width) >= MIN_SIDE else math.nan,
        (cells - cells.mean()).ravel().astype(np.float32),
    )


def _correlation(grey: npt.NDArray[np.float32]) -> float:
    """Return the greater of the horizontal and vertical correlation: stripes are not noise."""
    correlations = []
    for before, other in ((grey[:, :-1], grey[:, 1:]), (grey[:-1], grey[1:])):
        a, b = before - before.mean(dtype=np.float64), other - other.mean(dtype=np.float64)
        scale = math.sqrt(float(np.square(a).mean()) * float(np.square(b).mean()))
        correlations.append(abs(float((a * b).mean())) / scale if scale else math.nan)
    return max(correlations, key=lambda value: -1.0 if math.isnan(value) else value)


def _copies(images: ImageSet, pixels: PixelFacts) -> list[tuple[int, int]]:
    """Return pairs of an earlier image and one like it; each later image at most once."""
    first: dict[str, int] = {}
    pairs = []
    clear = pixels.contrast >= FLAT
    lengths = np.square(pixels.grid).sum(axis=1)
    for start in range(0, len(images.photos), _ROWS):
        rows = slice(start, start + _ROWS)
        products = pixels.grid[rows] @ pixels.grid.T
        squared = (lengths[rows, None] + lengths[None] - 2.0 * products) / pixels.grid.shape[1]
        for offset, distances in enumerate(squared):
            index = start + offset
            earlier = first.setdefault(images.photos[index].sha256, index)
            if earlier == index and clear[index]:
                close = np.flatnonzero((distances[:index] < NEAR_DUPLICATE**2) & clear[:index])
                apart = np.abs(pixels.means[close] - pixels.means[index]).max(axis=1)
                earlier = int(next(iter(close[apart < FLAT]), index))
            if earlier != index:
                pairs.append((earlier, index))
    return pairs


def _range(pixels: PixelFacts, evaluation: PixelFacts) -> Iterator[str]:
    """Yield the channels that differ most, if the difference is large and not due to chance."""
    ours, theirs = pixels.means.mean(axis=0), evaluation.means.mean(axis=0)
    chance = np.sqrt(_error(pixels.means) + _error(evaluation.means))
    far = np.abs(ours - theirs) - np.maximum(FAR, _CHANCE * chance)
    worst = int(far.argmax())
    if far[worst] > 0:
        yield (
            f"calibration pixels differ from the evaluation set's: mean of {_CHANNELS[worst]} "
            f"{ours[worst]:.0f}, evaluation {theirs[worst]:.0f} (of 255)"
        )
    ratio = np.log((pixels.spread + 1.0) / (evaluation.spread + 1.0))
    worst = int(np.abs(ratio).argmax())
    if abs(ratio[worst]) > math.log(SPREADS):
        yield (
            f"calibration pixels vary differently from the evaluation set's: standard deviation of "
            f"{_CHANNELS[worst]} {pixels.spread[worst]:.0f}, evaluation "
            f"{evaluation.spread[worst]:.0f} (of 255)"
        )


def _error(means: Floats) -> Floats:
    """Return the squared standard error of a set's mean; a wide guess for a single image."""
    n = means.shape[0]
    variance: Floats = np.full(3, 64.0**2) if n == 1 else means.var(axis=0, ddof=1) / n
    return variance


def _facts(
    pixels: PixelFacts,
    evaluation: PixelFacts | None,
    copies: list[tuple[int, int]],
    names: list[str],
) -> dict[str, object]:
    facts: dict[str, object] = {
        "images": len(names),
        "flat": int((pixels.contrast < FLAT).sum()),
        "noise": int((pixels.neighbours < NOISE).sum()),
        "copies": [[names[a], names[b]] for a, b in copies],
        "mean": _rounded(pixels.means.mean(axis=0)),
        "deviation": _rounded(pixels.spread),
    }
    if np.isfinite(pixels.neighbours).any():
        facts["neighbour_correlation"] = round(_median(pixels.neighbours), 4)
    if evaluation is not None:
        facts["evaluation_mean"] = _rounded(evaluation.means.mean(axis=0))
        facts["evaluation_deviation"] = _rounded(evaluation.spread)
    return facts


def _median(values: Floats) -> float:
    return float(np.nanmedian(values))


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 2) for value in values]


def _of(some: list[str], n: int) -> str:
    return f"{len(some)} of {n} calibration images {'is' if len(some) == 1 else 'are'}"


_CHANNELS = ("red", "green", "blue")
