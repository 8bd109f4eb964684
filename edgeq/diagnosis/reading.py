"""Hypotheses about how the values of an output are meant: their order, length, place or scale.

Each changes the variant's values and tests whether they are then the baseline's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from edgeq import words
from edgeq.diagnosis.bench import CONTROLS, MIN_LEVEL, Bench, Trial, part, trial
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.compared import Values, offsets
from edgeq.judge.tensors import label_of
from edgeq.measure.tasks.points import VALUES_PER_POINT
from edgeq.pipeline.task_measures import options_of
from edgeq.words import plural

COLUMN_ORDER = "column_order"
NOT_NORMALISED = "not_normalised"
MAP_SHIFT = "map_shift"
MAP_TURN = "map_turn"
OUTPUT_SCALE = "output_scale"

LEFT = 0.25
"""Largest fraction of the error that a change may leave if there is no control."""

MAX_COLUMNS = 2048
MAX_ROWS = 50_000
MIN_IMAGES = 4
SURE_ROWS = 16
"""Rows of a table from which its columns can't agree by chance in any order."""

OFFSET = 0.9
"""Minimum share of what varies that must have moved by the same distance to be off by it."""

CONSTANT = 1e-3
"""Relative spread of the lengths of vectors up to which they were scaled to one length."""

MIN_SIDE = 16
FARTHEST = 16
"""Least side of a map that may be shifted, and the most pixels that it is shifted by."""

FEW_COLUMNS = 8
"""Columns of which each may have a scale of its own."""
UNSCALED = 0.02
"""A factor closer to 1, and a shift by less of the values' spread, is none."""

_NAMED = frozenset({"multilabel", "segmentation"})
"""Tasks whose columns are labels or classes."""

Rows = npt.NDArray[np.float64]
Order = npt.NDArray[np.intp]


@dataclass(frozen=True)
class _Sides:
    """What both models give on the images of experiments.

    The shape is that of one image's values without dimensions of size 1.
    """

    ours: Values
    theirs: Values
    shape: tuple[int, ...]


def reordered(bench: Bench) -> Cause | None:
    """Test whether the values are the baseline's in another order."""
    sides = _sides(bench)
    if len(bench.chosen) < MIN_IMAGES:
        return None
    for shape in _layouts(bench, sides.shape):
        order = column_order(*_for_order(bench, sides, shape))
        if (order == np.arange(order.size)).all():
            continue
        result = _tried(bench, partial(_put_back, shape=shape, order=order))
        if result is not None:
            return _of_order(bench, order, _columns(sides.ours.rows, shape), result)
    return _swapped_foreground(bench, sides)


def unnormalised(bench: Bench) -> Cause | None:
    """Test whether vectors have the baseline's directions, but were not scaled to its length."""
    sides = _sides(bench)
    lengths = np.linalg.norm(sides.ours.rows, axis=1)
    if len(sides.shape) != 1 or sides.shape[0] <= 1 or lengths.std() > CONSTANT * lengths.mean():
        return None
    own = np.linalg.norm(sides.theirs.rows, axis=1)
    if own.std() <= CONSTANT * own.mean():
        return None

    def scaled(rows: Rows) -> Rows:
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        directions: Rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
        return directions * float(lengths.mean())

    result = _tried(bench, scaled)
    if result is None:
        return None
    return _cause(
        bench,
        NOT_NORMALISED,
        f"its vectors have lengths from {own.min():.3g} to {own.max():.3g}, the baseline's "
        f"{lengths.mean():.3g}: scaled to that length",
        result,
    )


def moved(bench: Bench) -> Cause | None:
    """Test whether a map is the baseline's, shifted by some pixels."""
    sides = _sides(bench)
    if len(sides.shape) < 2 or min(sides.shape[:2]) < MIN_SIDE:  # no map
        return None
    height, width = sides.shape[:2]
    ours, theirs = (
        side.rows.reshape(-1, height, width, max(1, side.rows.shape[1] // (height * width)))
        for side in (sides.ours, sides.theirs)
    )
    down, right = map_shift(ours.mean(axis=3), theirs.mean(axis=3))
    if not (down or right):
        return None
    margin = max(abs(down), abs(right))
    inner = slice(margin, -margin), slice(margin, -margin)

    def inside(rows: Rows, by: tuple[int, int] = (0, 0)) -> Rows:
        maps = np.roll(rows.reshape(ours.shape), by, axis=(1, 2))[:, inner[0], inner[1]]
        return maps.reshape(len(rows), -1)

    result = _tried(bench, lambda rows: inside(rows, (-down, -right)), inside)
    if result is None:
        return None
    return _cause(
        bench,
        MAP_SHIFT,
        f"its map is the baseline's, {_shift(down, 'down', 'up')} and "
        f"{_shift(right, 'to the right', 'to the left')}: moved back",
        result,
        {"down": down, "right": right},
    )


def turned(bench: Bench) -> Cause | None:
    """Test whether a map is the baseline's, mirrored or with rows and columns exchanged."""
    sides = _sides(bench)
    if len(sides.shape) < 2 or min(sides.shape[:2]) < MIN_SIDE:  # no map
        return None
    height, width = sides.shape[:2]

    def undone(rows: Rows, turn: Callable[[Rows], Rows]) -> Rows:
        return turn(rows.reshape(len(rows), height, width, -1)).reshape(len(rows), -1)

    for phrase, turn in _TURNS:
        if height != width and phrase not in _MIRRORED:
            continue
        result = _tried(bench, partial(undone, turn=turn))
        if result is not None:
            head = f"its map is the baseline's, {phrase}: turned back"
            return _cause(bench, MAP_TURN, head, result)
    return None


_MIRRORED: dict[str, Callable[[Rows], Rows]] = {
    "mirrored from left to right": lambda maps: maps[:, :, ::-1],
    "upside down": lambda maps: maps[:, ::-1],
    "turned by 180 degrees": lambda maps: maps[:, ::-1, ::-1],
}
_TURNS: tuple[tuple[str, Callable[[Rows], Rows]], ...] = (
    *_MIRRORED.items(),
    ("with rows and columns exchanged", lambda maps: maps.swapaxes(1, 2)),
    ("turned by 90 degrees to the left", lambda maps: np.rot90(maps, -1, axes=(1, 2))),
    ("turned by 90 degrees to the right", lambda maps: np.rot90(maps, 1, axes=(1, 2))),
)
"""The ways to turn and mirror a map, with the change that undoes each, ``(n, h, w, c)``."""


def rescaled(bench: Bench) -> Cause | None:
    """Test whether the values are the baseline's times a factor, plus a constant."""
    sides = _sides(bench)
    if len(bench.chosen) < 2 * MIN_IMAGES:
        return None
    for shape in (*_layouts(bench, sides.shape), (sides.ours.rows.shape[1], 1)):
        if shape[-1] > FEW_COLUMNS:
            continue
        factors, shifts = factors_and_shifts(
            _columns(sides.ours.rows[::2], shape), _columns(sides.theirs.rows[::2], shape)
        )
        spread = _columns(sides.ours.rows, shape).std(axis=0)
        apart = np.abs(shifts) > UNSCALED * np.maximum(spread, 1e-12)
        if not ((np.abs(factors - 1) > UNSCALED) | apart).any():
            continue

        def undone(
            rows: Rows, shape: tuple[int, int] = shape, by: Rows = factors, plus: Rows = shifts
        ) -> Rows:
            return ((_columns(rows, shape) - plus) / by).reshape(len(rows), -1)

        result = _tried(bench, undone)
        if result is not None:
            pairs = zip(factors, shifts, strict=True)
            listed = ", ".join(f"{factor:.3g} and {shift:+.3g}" for factor, shift in pairs)
            return _cause(
                bench,
                OUTPUT_SCALE,
                f"its values are the baseline's times, and plus, {listed}: with that undone",
                result,
                {"factors": factors.tolist(), "shifts": shifts.tolist()},
            )
    return None


def column_order(ours: Rows, theirs: Rows) -> Order:
    """Return which of the baseline's columns each of the variant's columns is.

    Args:
        ours: The baseline's columns, shape ``(m, c)``.
        theirs: The variant's columns, of the same shape.
    """
    from scipy.optimize import linear_sum_assignment

    step = -(-len(ours) // MAX_ROWS)
    ours, theirs = (np.nan_to_num(side[::step]) for side in (ours, theirs))
    apart = (theirs**2).sum(axis=0)[:, None] + (ours**2).sum(axis=0) - 2 * theirs.T @ ours
    apart += 1e-9 * max(float(np.abs(apart).max()), 1e-30) * (1 - np.eye(len(apart)))
    _, order = linear_sum_assignment(apart)
    return np.asarray(order, np.intp)


def map_shift(ours: Rows, theirs: Rows) -> tuple[int, int]:
    """Return by how many pixels down and to the right maps are shifted, 0 and 0 if they are not.

    It is the peak of their circular cross-correlation, summed over the images.

    Args:
        ours: The baseline's maps, shape ``(n, h, w)``.
        theirs: The variant's maps, of the same shape.
    """
    first, second = (
        np.fft.rfft2(np.nan_to_num(side - side.mean(axis=(1, 2), keepdims=True)))
        for side in (ours, theirs)
    )
    height, width = ours.shape[1:]
    matching = np.fft.irfft2((first.conj() * second).sum(axis=0), s=(height, width))
    most = min(FARTHEST, min(height, width) // 4)
    places = [(down, right) for down in _around(most) for right in _around(most)]
    return max(places, key=lambda place: (matching[place], -abs(place[0]) - abs(place[1])))


def factors_and_shifts(ours: Rows, theirs: Rows) -> tuple[Rows, Rows]:
    """Return factor and shift with which each column of the baseline comes closest to the variant.

    A column that does not vary keeps the factor 1.

    Args:
        ours: The baseline's columns, shape ``(m, c)``.
        theirs: The variant's columns, of the same shape.
    """
    centred, other = (side - side.mean(axis=0) for side in (ours, theirs))
    varying = (centred**2).sum(axis=0)
    together = (centred * other).sum(axis=0)
    usable = (varying > 0) & (together != 0)
    factors = np.divide(together, varying, out=np.ones_like(varying), where=usable)
    shifts: Rows = theirs.mean(axis=0) - factors * ours.mean(axis=0)
    return factors, shifts


def _around(most: int) -> range:
    return range(-most, most + 1)


def _sides(bench: Bench) -> _Sides:
    ours, theirs = (part(side, bench.chosen) for side in (bench.reference, bench.own))
    if not isinstance(ours, Values) or not isinstance(theirs, Values):
        raise TypeError("the model has classes or boxes")
    return _Sides(ours, theirs, tuple(size for size in ours.output.shape if size > 1))


def _layouts(bench: Bench, shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield rows and columns of the tables that one image's values may be."""
    whole = int(np.prod(shape))
    if bench.variant.reading.task == "keypoints":
        each = options_of(bench.variant).values_per_point or VALUES_PER_POINT
        if whole % each == 0:
            yield whole // each, each
    is_plain_map = len(shape) == 2 and min(shape) >= MIN_SIDE  # no channels
    if len(shape) > 1 and shape[-1] <= MAX_COLUMNS and not is_plain_map:
        yield whole // shape[-1], shape[-1]
    if len(shape) == 1 and shape[0] <= MAX_COLUMNS:
        yield 1, shape[0]


def _for_order(bench: Bench, sides: _Sides, shape: tuple[int, int]) -> tuple[Rows, Rows]:
    """Return the tables of both models that an order is read from.

    Those of all images, because rare labels show in few, and every second image of experiments if
    so few rows could agree by chance.
    """
    ours, theirs = bench.reference, bench.own
    whole = (ours, theirs) if shape[0] == 1 else (sides.ours, sides.theirs)
    first, second = (_columns(side.rows, shape) for side in whole if isinstance(side, Values))
    return (first, second) if len(first) >= SURE_ROWS else (first[::2], second[::2])


def _columns(rows: Rows, shape: tuple[int, int]) -> Rows:
    """Return the values of all images as one table, ``(n * rows, columns)``."""
    return rows.reshape(-1, shape[1])


def _put_back(rows: Rows, shape: tuple[int, int], order: Order) -> Rows:
    table = _columns(rows, shape)
    result = np.empty_like(table)
    result[:, order] = table
    return result.reshape(len(rows), -1)


def _swapped_foreground(bench: Bench, sides: _Sides) -> Cause | None:
    if bench.variant.reading.task != "segmentation" or len(sides.shape) != 2:
        return None
    rows = sides.ours.rows
    whole = 1.0 if rows.min() >= 0 and rows.max() <= 1 else 0.0  # of probabilities, or of logits
    result = _tried(bench, lambda rows: whole - rows)
    if result is None:
        return None
    return _cause(bench, "label_order", "foreground and background are swapped: exchanged", result)


Change = Callable[[Rows], Rows]
Trials = tuple[Trial, Trial]
"""The variant as it is, and with its values changed."""


def _tried(bench: Bench, change: Change, plain: Change = lambda rows: rows) -> Trials | None:
    """Return the variant as it is and with its values changed, None if that explains nothing.

    ``plain`` is done to the values of all models in order to compare them, ``change`` to the
    variant's.
    """
    sides = _sides(bench)
    ours, theirs = (side.with_rows(plain(side.rows)) for side in (sides.ours, sides.theirs))
    before = trial(ours, theirs)
    after = trial(ours, sides.theirs.with_rows(change(sides.theirs.rows)))
    control = bench.of_control(bench.chosen)
    level = None
    if isinstance(control, Values):
        level = trial(ours, control.with_rows(plain(control.rows))).error
    if before.error <= max(CONTROLS * (level or 0.0), MIN_LEVEL):
        return None  # it is as close as its control, and whatever improves it explains nothing
    return (before, after) if bench.recovers(before, after, LEFT, level) else None


def _of_order(bench: Bench, order: Order, columns: Rows, trials: Trials) -> Cause:
    """Return the cause for values in another order, named by what the columns are."""
    count = order.size
    values, places = np.unique(offsets(np.arange(count), order, count), return_inverse=True)
    # What never varies has no place of its own.
    weights = np.bincount(places, columns.std(axis=0)[order])
    offset = int(values[weights.argmax()])
    named = bench.variant.reading.task in _NAMED
    noun = "classes" if named else "values"
    if named and offset and weights.max() >= OFFSET * weights.sum():
        head = f"its classes are off by {offset:+d}: moved back"
        return _cause(bench, "label_offset", head, trials, {"offset": offset})
    number = int((order != np.arange(count)).sum())
    head = f"{number:,} of its {count:,} {noun} are in another order: put back"
    name = "label_order" if named else COLUMN_ORDER
    return _cause(bench, name, head, trials, {"moved": number})


def _shift(pixels: int, forward: str, backward: str) -> str:
    return f"{plural(abs(pixels), 'pixel')} {forward if pixels >= 0 else backward}"


def _cause(
    bench: Bench,
    name: str,
    head: str,
    trials: Trials,
    facts: dict[str, object] | None = None,
) -> Cause:
    before, after = trials
    output = bench.variant.baseline.tensors[bench.output]
    images = len(bench.chosen)
    return Cause(
        name,
        f"{label_of(bench.output, output.name)}: {head}, the relative error is "
        f"{words.value('number', after.error)} in place of {words.value('number', before.error)} "
        f"on {plural(images, 'image')}",
        {
            **(facts or {}),
            "output": bench.output,
            "output_error": [round(before.error, 4), round(after.error, 4)],
            "images": images,
        },
    )
