"""Measures of segmentation: intersection over union, with the baseline's maps and with masks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeq.measure.figures import (
    ClassFigure,
    Doubles,
    OutputReading,
    TaskData,
    TaskFigures,
    WorstMaps,
    doubt,
)

Integers = npt.NDArray[np.int64]

IGNORED = 255
"""Value of pixels of a mask that do not count, as in PASCAL VOC, if the spec names none."""

MIN_SHARE = 0.001
"""Share of all pixels below which a class is listed but does not count: a few pixels more or less
would decide about as much of the mean as a class that fills the images."""

_MAX_CLASSES = 4096


def measure(data: TaskData) -> TaskFigures:
    """Return the figures of segmentation.

    - ``mean_iou``: the mean over classes of the intersection over union of the two models' maps,
      each class over all images together.
    - ``iou_drop``: with masks, the mean IoU of the baseline's maps and the masks minus that of the
      variant's.

    A class counts if it covers at least ``MIN_SHARE`` of the pixels of the baseline's maps, or of
    the masks.

    Source of the mean IoU: Everingham et al., International Journal of Computer Vision 111 (2015),
    98-136, section 4.2.

    Args:
        data: Both models' maps; a label is a mask of the map's size with class indices.
    """
    read = _reader(data)
    sums, maps = _Sums(data.images), WorstMaps(data.images)
    labelled = data.labels is not None
    before, after = _Sums(data.images), _Sums(data.images)
    for image in range(data.images):
        ours, theirs = (read(values) for values in data.pair(image))
        sums.add(image, ours, theirs)
        different = (ours != theirs).astype(np.float64)
        if different.any():
            maps.add(image, float(different.mean()), different)
        if data.labels is not None:
            mask = _mask(np.asarray(data.labels[image]), data, binary=read.is_binary)
            counts = mask >= 0
            before.add(image, mask[counts], ours[counts])
            after.add(image, mask[counts], theirs[counts])
    figures = [data.resampled("mean_iou", sums.iou, "mean IoU with the baseline's maps", best=1.0)]
    classes = sums.classes_against(sums)
    if labelled and before.counted.any():
        figures.append(data.drop("iou_drop", before.iou, after.iou, "mean IoU with the masks"))
        classes = after.classes_against(before)
    seen = int((sums.first.sum(axis=0) > 0).sum())
    return data.figures(
        *figures,
        reading=read.reading,
        absent={"iou_drop": "no pixel of the masks counts"}
        if labelled and not before.counted.any()
        else {},
        class_measure="IoU with the masks" if len(figures) > 1 else "IoU with the baseline",
        class_unit="pixels",
        classes=classes,
        unlike=maps.described(
            lambda at: f"{100 * maps.differences[at]:.1f} % of the pixels differ"
        ),
        **doubt(
            seen < 2,
            "the baseline gives every pixel of every image the same class",
            "Check the baseline's weights and preprocessing, and that the images show what it "
            "segments",
        ),
    )


class _Sums:
    """Pixels of each class by image, in two maps and in both."""

    def __init__(self, images: int) -> None:
        self.first = np.zeros((images, 0))
        self.second = np.zeros((images, 0))
        self.both = np.zeros((images, 0))

    @property
    def classes(self) -> int:
        """Number of classes so far: the highest plus one."""
        return self.first.shape[1]

    @property
    def counted(self) -> npt.NDArray[np.bool_]:
        """Which classes count, shape ``(c,)``."""
        pixels = self.first.sum(axis=0)
        counts: npt.NDArray[np.bool_] = pixels >= max(MIN_SHARE * pixels.sum(), 1)
        return counts

    def add(self, image: int, first: Integers, second: Integers) -> None:
        """Add two maps of an image, of the same shape, with classes from 0."""
        if not first.size:
            return
        most = int(max(first.max(), second.max())) + 1
        if most > self.classes:
            wider = ((0, 0), (0, most - self.classes))
            self.first, self.second, self.both = (
                np.pad(sums, wider) for sums in (self.first, self.second, self.both)
            )
        classes = self.classes
        self.first[image] = np.bincount(first.ravel(), minlength=classes)
        self.second[image] = np.bincount(second.ravel(), minlength=classes)
        self.both[image] = np.bincount(first[first == second], minlength=classes)

    def iou(self, weights: Doubles) -> Doubles:
        """Return the mean IoU for each row of weights, ``(b,)``."""
        counted = self.counted
        both = weights @ self.both[:, counted]
        every = weights @ (self.first + self.second - self.both)[:, counted]
        known = every > 0  # a class may be in none of the images that are drawn
        of_class = np.divide(both, every, out=np.zeros_like(both), where=known)
        means: Doubles = of_class.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        return means

    def by_class(self) -> Doubles:
        """Return the IoU of each class, ``(c,)``; 0 for a class that neither map has."""
        every = (self.first + self.second - self.both).sum(axis=0)
        result: Doubles = self.both.sum(axis=0) / np.maximum(every, 1)
        return result

    def classes_against(self, baseline: _Sums) -> tuple[ClassFigure, ...]:
        """Return the figures of the classes in these maps beside those of the baseline's."""
        pixels, ious, others = self.first.sum(axis=0), self.by_class(), baseline.by_class()
        return tuple(
            ClassFigure(
                class_index=int(at),
                count=int(pixels[at]),
                variant=float(ious[at]),
                baseline=None if baseline is self else float(others[at]),
            )
            for at in np.flatnonzero(pixels)
        )


class _Reader:
    """Turns an output into a map of class indices, as the baseline's values have it.

    One channel holds class indices (``whole``), probabilities or logits.
    """

    def __init__(self, threshold: float, *, whole: bool, probability: bool, channels: int) -> None:
        self.is_binary = channels == 2 or (channels == 1 and not whole)
        self._whole = whole
        self._bar = threshold if probability else float(np.log(threshold / (1 - threshold)))
        if channels > 1 or whole:
            self.reading = OutputReading(values="scores" if channels > 1 else "indices")
        else:
            values = "probabilities" if probability else "logits"
            self.reading = OutputReading(values=values, threshold=self._bar)

    def __call__(self, values: Doubles) -> Integers:
        values = np.nan_to_num(values)
        channels = values.shape[-1] if values.ndim == 3 else 1
        if channels > 1:
            best: Integers = values.argmax(axis=-1)
            return best
        flat = values.reshape(values.shape[:2])
        if self._whole:
            return np.clip(np.rint(flat), 0, _MAX_CLASSES).astype(np.int64)
        return (flat >= self._bar).astype(np.int64)


def _reader(data: TaskData) -> _Reader:
    """Return the reader of a model's maps.

    One channel holds class indices if the baseline gives only whole numbers, probabilities if all
    lie between 0 and 1, and otherwise logits.
    """
    some = data.baseline[data.output].rows[: min(data.images, 8), :]
    finite = some[np.isfinite(some)]
    whole = bool(finite.size) and bool((finite == np.rint(finite)).all())
    probability = bool(finite.size) and finite.min() >= 0 and finite.max() <= 1
    channels = data.shape[-1] if len(data.shape) == 3 else 1
    return _Reader(data.threshold, whole=whole, probability=bool(probability), channels=channels)


def _mask(mask: npt.NDArray[np.generic], data: TaskData, *, binary: bool) -> Integers:
    """Return the classes of a mask, -1 where a pixel does not count.

    A mask of a model with two classes that has only the values 0 and 255 is black and white: 255 is
    the foreground.
    """
    values = mask.astype(np.int64)
    ignored = data.options.ignored_class
    if binary and ignored is None and set(np.unique(values[values >= 0]).tolist()) <= {0, IGNORED}:
        return np.where(values == IGNORED, 1, values)
    return np.where(values == (IGNORED if ignored is None else ignored), -1, values)
