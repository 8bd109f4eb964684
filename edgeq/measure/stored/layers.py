"""Comparison of a layer's weights and biases in the variant and in the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edgeq.errors import ModelError
from edgeq.measure.stored.biases import Biases, compare_biases
from edgeq.measure.stored.changes import what_happened
from edgeq.measure.stored.finding import StoredModel, Tally, places_of
from edgeq.measure.stored.folding import Affine
from edgeq.measure.stored.steps import (
    BITS,
    COARSEST,
    FLOAT32_STEP,
    HALF_A_STEP,
    MIN_CHANNEL,
    NO_FACTOR,
    Distance,
    Doubles,
    Reals,
    distance,
    finite,
    float16_steps,
    sensible_steps,
)
from edgeq.tflite.matching import Pair
from edgeq.tflite.model_file import Tensor
from edgeq.tflite.skeleton import DENSE, Exchange, Node, squeezed
from edgeq.tflite.wiring import Places

MAX_OF_A_CHANNEL = 2.2
"""Maximum distance of a channel. Plain rounding never exceeds sqrt(3) = 1.73; the rest is room for
a second rounding."""
MAX_OF_A_SMALL_CHANNEL = 2.9
"""Maximum distance of a small channel: one of nine weights rounded the other way moves it that
far."""
SMALL_CHANNEL = 32
MAX_OF_A_LAYER = 1.5
"""Maximum distance of a layer. Plain rounding gives 1.0, good files at most 1.1, truncation 2."""
MAX_OF_A_LAYER_OF_SMALL_CHANNELS = 1.75
"""The same with small channels: clipping the greatest of nine weights from 128 steps to 127 gives
1.5."""
STEPS_OF_FLOAT16 = 1.5
"""Maximum error of a float16 weight: truncation moves it by less than a step, double rounding by
at most this. No output reveals 1.5 steps of 1 in 2048."""
MAX_OF_FLOAT16 = 5.2
"""Distance of a channel in which every weight is off by ``STEPS_OF_FLOAT16``."""
MIN_WEIGHTS = 100
FEWEST_STEPS = 8.0
"""A channel whose greatest weight spans fewer steps has at most 4 bits left."""
MAX_COARSE_CHANNELS = 0.1
"""Share of a layer's channels that may keep so few steps if a single scale is usual."""
MAX_CHANNELS = 0.8
"""Share of the channels from which the whole layer counts as affected: the rest may be dead."""
FLOAT16_END = 65504.0
INT32_ROOM = 2.0**30
"""TensorFlow raises the step of weights until no bias, in its own steps, exceeds this."""

_DETAILS = {
    "zeroed": "are all 0",
    "negated": "have the opposite sign",
    "transposed": "have height and width swapped",
    "mirrored": "are rotated by 180 degrees",
    "rescaled": "are the baseline's with a different factor for each channel: wrong scales",
    "clipped": "are clipped: their scales hold less than the baseline's range",
    "truncated": "were truncated towards 0 instead of rounded",
    "reordered": "are the baseline's in another order",
    "foreign": "are unlike the baseline's",
    "other": "are not the baseline's",
}


@dataclass(frozen=True)
class _Weights:
    """The weights of a layer in both files, channels first.

    Attributes:
        baseline: The baseline's weights, shape ``(c, ...)``.
        variant: The variant's weights, dequantized, of the same shape.
        given: The variant's tensor.
        axis: Axis of the channels in the file.
        scales: The variant's steps; empty for floats. If the file has one for each block, each
            block is a channel here.
        least_steps: As in ``distance``.
        baseline_steps: As in ``distance``.
    """

    baseline: Reals
    variant: Reals
    given: Tensor
    axis: int
    scales: npt.NDArray[np.float32]
    least_steps: Doubles | None
    baseline_steps: npt.NDArray[np.float32] | None

    def distance(self, *, tensorwise: bool) -> Distance:
        """Return how far the variant's weights lie from the baseline's."""
        return distance(
            self.baseline,
            self.variant,
            dtype=self.given.dtype,
            scales=self.scales,
            zero_points=self.given.zero_points,
            tensorwise=tensorwise,
            least_steps=self.least_steps,
            baseline_steps=self.baseline_steps,
        )

    def bad(self, apart: Distance) -> npt.NDArray[np.bool_]:
        """Return which channels rounding does not explain; all if the layer as a whole is off."""
        bad = ~(apart.channels <= self.limit)
        if (
            not bad.any()
            and self.baseline.size >= MIN_WEIGHTS
            and not apart.whole <= self.limit_of_all
        ):
            return ~bad
        return bad

    @property
    def limit(self) -> float:
        """The greatest distance of a channel that rounding explains."""
        if self.is_nearly_float16:
            return MAX_OF_FLOAT16
        return MAX_OF_A_SMALL_CHANNEL if self.has_small_channels else MAX_OF_A_CHANNEL

    @property
    def limit_of_all(self) -> float:
        """The greatest distance of the layer as a whole that rounding explains."""
        if self.is_nearly_float16:
            return MAX_OF_FLOAT16
        return MAX_OF_A_LAYER_OF_SMALL_CHANNELS if self.has_small_channels else MAX_OF_A_LAYER

    @property
    def has_small_channels(self) -> bool:
        """Whether a single weight has much influence on its channel's distance."""
        return bool(self.baseline[0].size < SMALL_CHANNEL)

    @cached_property
    def is_nearly_float16(self) -> bool:
        """Whether every weight is stored as a float16 close to the baseline's."""
        if self.given.dtype != "float16":
            return False
        apart = np.abs(self.variant - self.baseline)
        most = (STEPS_OF_FLOAT16 + FLOAT32_STEP) * float16_steps(self.baseline)
        return bool((apart <= most).all())

    @property
    def one_scale(self) -> bool:
        """Whether several channels share one scale, stored once or once per channel."""
        if len(self.baseline) == 1 or not self.scales.size:
            return False
        return bool(np.ptp(self.scales) <= FLOAT32_STEP * self.scales.max())

    @property
    def rounded_to_own_steps(self) -> bool:
        """Whether rounding to the file's own steps explains the whole difference."""
        steps = np.maximum(self.scales, np.float32(1e-30))
        apart = np.abs(self.variant - self.baseline).reshape(len(self.baseline), -1)
        return bool((apart <= HALF_A_STEP * steps.reshape(-1, 1)).all())

    @property
    def steps_left(self) -> Doubles:
        """Steps that one scale leaves each channel, without channels of tiny weights."""
        alive = self._greatest > MIN_CHANNEL * self._greatest.max()
        return np.asarray(self._greatest[alive] / float(self.scales[0]), np.float64)

    @property
    def fewest_steps_left(self) -> float:
        """Steps that one scale leaves the channel with the smallest weights that are not 0."""
        return float(self._greatest[self._greatest > 0].min() / self.scales[0])

    @property
    def _greatest(self) -> Reals:
        return np.asarray(np.abs(self.baseline.reshape(len(self.baseline), -1)).max(axis=1))


def compare_layer(
    files: tuple[StoredModel, StoredModel],
    pair: Pair,
    folds: tuple[Affine, Affine],
    tally: Tally,
    *,
    other_colours: bool = False,
) -> None:
    """Compare a layer's weights and biases.

    ``other_colours`` says whether the variant's layer gets blue where the baseline's gets red.
    """
    places = places_of(pair.baseline), places_of(pair.variant)
    stored = dict(pair.baseline.constants)[places[0].weights]
    given = pair.variant.constant(places[1].weights)
    if given is None:
        tally.unmatched.append(f"{pair.baseline.label}: the variant computes its weights")
        return
    turned = pair.baseline.turned, pair.variant.turned
    orders = (
        _order(pair.baseline, places[0].weights),
        _order(pair.variant, places[1].weights),
    )
    if orders[0] != orders[1] and not any(turned):
        tally.unmatched.append(f"{pair.variant.label}: its weights are stored with swapped axes")
        return
    values = both(files, (stored, given), pair, tally, turned)
    if values is None:
        return
    if other_colours and pair.variant.operator.name == "CONV_2D":
        values = values[0][..., ::-1], values[1]
    tally.layers += 1
    usual = _usual_axis(pair.variant, places[1], given)
    axis = given.axis if given.scales.size > 1 else usual
    factors = [fold.factor for fold in folds]
    channels_at = int(axis != usual) if any(turned) else axis
    front = [np.moveaxis(value, channels_at, 0) for value in values]
    if any(fold.scales for fold in folds):
        front = [
            np.asarray(array * factor.reshape(-1, *([1] * (array.ndim - 1))), np.float32)
            for array, factor in zip(front, factors, strict=True)
        ]
    step = input_step(files[1], pair, places[1])
    channels, scales = len(front[0]), _scaled(given.scales, factors[1])
    if given.blocks is not None:
        if axis != 0:
            tally.unmatched.append(f"{pair.variant.label}: its blocks lie along other axes")
            return
        front = [array.reshape(-1, given.blocks.size) for array in front]
        scales = files[1].constants.block_scales(given)
        scales = _scaled(
            scales, np.repeat(np.resize(factors[1], channels), len(scales) // channels)
        )
    weights = _Weights(
        baseline=front[0],
        variant=front[1],
        given=given,
        axis=axis,
        scales=scales,
        least_steps=_raised_steps(files[1], pair, places[1], step),
        baseline_steps=_scaled(stored.scales, factors[0]) if stored.scales.size else None,
    )
    _compare_weights(files[1], pair, weights, tally)
    biases = Biases(
        baseline=pair.baseline.constant(places[0].bias),
        variant=pair.variant.constant(places[1].bias),
        folds=folds,
        channels=channels,
        steps=None
        if step is None or not given.scales.size
        else step * given.scales.astype(np.float64),
    )
    compare_biases(files, pair, biases, tally)


def both(
    files: tuple[StoredModel, StoredModel],
    tensors: tuple[Tensor, Tensor],
    pair: Pair,
    tally: Tally,
    turned: tuple[bool, bool] = (False, False),
) -> tuple[Reals, Reals] | None:
    """Return the real values that both files store, in the variant's shape.

    If one of the files stores a dense layer with the inputs first, as ``turned`` says, both are
    returned with a row for each output.

    Returns:
        None if the values can't be compared.
    """
    stored, given = tensors
    if given.dtype in BITS and not given.scales.size and given.blocks is None:
        tally.unmatched.append(f"{pair.variant.label}: its kind of scales is not supported")
        return None
    try:
        ours = files[0].constants.real(stored)
    except ModelError as error:
        tally.unmatched.append(f"{pair.baseline.label}: {error.what}")
        return None
    try:
        theirs = files[1].constants.real(given)
    except ModelError as error:
        tally.add(pair, "weights", ("unreadable", f"can't be read: {error.what}"))
        return None
    if any(turned):
        ours, theirs = (
            _rows(values, turned=side) for values, side in zip((ours, theirs), turned, strict=True)
        )
    if squeezed(ours.shape) != squeezed(theirs.shape):
        tally.unmatched.append(
            f"{pair.baseline.label}: shape {ours.shape}, in the variant {theirs.shape}"
        )
        return None
    tally.tensors += 1
    shape = theirs.shape or (1,)
    return ours.reshape(shape), theirs.reshape(shape)


def _compare_weights(file: StoredModel, pair: Pair, weights: _Weights, tally: Tally) -> None:
    # The specification gives old unsigned types a single scale.
    usual = weights.one_scale and weights.given.dtype == "uint8"
    apart = weights.distance(tensorwise=usual)
    bad = weights.bad(apart)
    if weights.one_scale and not usual and bad.any():
        plain = weights.distance(tensorwise=True)
        if not weights.bad(plain).any():
            _add_one_scale(pair, weights, apart, tally)
            return
        apart, bad = plain, weights.bad(plain)
    if apart.greatest / weights.limit > tally.farthest[0] / tally.farthest[1]:
        tally.farthest = (apart.greatest, weights.limit, pair.variant.label)
    if bad.any():
        chosen = np.flatnonzero(bad)
        few = f" in {len(chosen)} of {len(bad)} channels"
        word, detail = _named(file, weights, chosen, apart)
        tally.add(
            pair,
            "weights",
            (word, detail + (few if len(chosen) < MAX_CHANNELS * len(bad) else "")),
            distances=(apart.greatest, apart.relative),
            channels=(len(chosen), len(bad)),
        )
    elif usual and (weights.steps_left < FEWEST_STEPS).mean() > MAX_COARSE_CHANNELS:
        _add_one_scale(pair, weights, apart, tally)


def _add_one_scale(pair: Pair, weights: _Weights, apart: Distance, tally: Tally) -> None:
    left = weights.steps_left
    # TensorFlow Lite's specification of 8-bit quantization gives FULLY_CONNECTED one scale.
    dense = pair.variant.operator.name == "FULLY_CONNECTED" and weights.scales.size == 1
    usual = weights.given.dtype == "uint8" or dense
    steps = 2 ** (BITS[weights.given.dtype] - 1) - 1
    detail = (
        f"have one scale for {len(weights.baseline)} channels of different range, of which one "
        f"keeps {weights.fewest_steps_left:.2g} of {steps} steps"
    )
    tally.add(
        pair,
        "weights",
        ("one scale", detail),
        distances=(apart.greatest, apart.relative),
        channels=(int((left < FEWEST_STEPS).sum()), len(weights.baseline)),
        certain=not usual or bool((left < FEWEST_STEPS).mean() > MAX_COARSE_CHANNELS),
    )


def _named(
    file: StoredModel, weights: _Weights, chosen: npt.NDArray[np.intp], apart: Distance
) -> tuple[str, str]:
    """Return what happened to channels of weights, as a keyword and as a phrase for people."""
    given = weights.given
    ours = weights.baseline[chosen].astype(np.float64)
    theirs = finite(weights.variant[chosen])
    if given.dtype == "float16" and bool((np.abs(ours) > FLOAT16_END).any()):
        return "beyond float16", "are beyond the range of float16"
    if not np.isfinite(weights.variant[chosen]).all():
        return "other", "hold NaN or infinities"
    rows = weights.baseline.reshape(len(weights.baseline), -1)
    if given.dtype in BITS and weights.scales.size:
        steps = sensible_steps(
            rows,
            BITS[given.dtype],
            tensorwise=given.scales.size == 1,
            asymmetric=bool(given.zero_points.any()),
        )
    else:
        steps = float16_steps(rows).max(axis=1).astype(np.float64)
    stored = np.moveaxis(file.constants.stored(given).reshape(given.shape or (1,)), weights.axis, 0)
    stored = stored.reshape(weights.variant.shape)
    times = float(np.median(apart.coarseness[chosen]))
    if times > COARSEST and weights.rounded_to_own_steps:
        return "coarse", f"have steps {times:.1f} times as large as necessary"
    changed = what_happened(
        ours,
        theirs,
        steps[chosen].reshape(-1, *([1] * (ours.ndim - 1))),
        stored=stored[chosen],
    )
    if changed.change == "scaled" and abs(changed.factor - 1) > NO_FACTOR:
        return "scaled", f"are the baseline's times {changed.factor:.3g}"
    if changed.change in {"near", "scaled"}:
        error = float(np.linalg.norm(theirs - ours) / max(float(np.linalg.norm(ours)), 1e-30))
        return "near", f"differ from the baseline's by {100 * error:.2g} %"
    coarse = f"hold {changed.levels} different numbers: fewer bits than their type has"
    return changed.change, {**_DETAILS, "coarse": coarse}[changed.change]


def _raised_steps(
    file: StoredModel, pair: Pair, places: Places, step: float | None
) -> Doubles | None:
    """Return the weight steps that a layer's biases need to fit their type; None if unknown.

    If a bias does not fit its type because the input's step or the channel's weights are tiny,
    quantizers raise the step of the weights. That loses less of the weights than the rounding of
    the bias does.
    """
    bias = pair.variant.constant(places.bias)
    if bias is None or bias.dtype not in {"int32", "int64"} or step is None:
        return None
    try:
        values = np.abs(file.constants.real(bias).astype(np.float64).ravel())
    except ModelError:
        return None
    return np.asarray(values / (step * INT32_ROOM) * (1 + 1e-3))


def input_step(file: StoredModel, pair: Pair, places: Places) -> float | None:
    """Return the step of the input of the variant's layer; None if it takes floats."""
    index = pair.variant.operator.inputs[places.activation]
    scales = file.model.tensors[index].scales if index >= 0 else np.empty(0, np.float32)
    return float(scales[0]) if scales.size == 1 and scales[0] > 0 else None


def _order(node: Node, at: int) -> tuple[Exchange, ...]:
    """Return how the axes of a stored input are exchanged before the operator takes it."""
    source = node.sources[at]
    return () if source is None else source.exchanges


def _scaled(scales: npt.NDArray[np.float32], factor: Doubles) -> npt.NDArray[np.float32]:
    return np.asarray(scales * np.abs(factor), np.float32) if scales.size else scales


def _usual_axis(node: Node, places: Places, tensor: Tensor) -> int:
    """Return the axis of a layer's weights that its channels lie along, as the file stores them."""
    last = max(len(tensor.shape) - 1, 0)
    if node.kind == DENSE and node.operator.name == "BATCH_MATMUL":
        return last if node.turned else last - 1
    if node.kind == DENSE and node.turned:
        return last
    return places.channel_axis % (last + 1)


def _rows(values: Reals, *, turned: bool) -> Reals:
    """Return a dense layer's weights with a row for each output."""
    matrix = values.reshape(-1, values.shape[-1])
    return matrix.T if turned else matrix
