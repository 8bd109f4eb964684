"""Comparison of the biases of a layer in the variant and in the baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.errors import ModelError
from edgeq.measure.stored.equivalents import range_of
from edgeq.measure.stored.finding import StoredModel, Tally, has_weights, places_of
from edgeq.measure.stored.folding import Affine
from edgeq.measure.stored.steps import (
    FLOAT32_STEP,
    NO_FACTOR,
    Doubles,
    are_float16,
    bias_distance,
    finite,
    float16_steps,
)
from edgeq.tflite.matching import Pair
from edgeq.tflite.model_file import Tensor
from edgeq.tflite.skeleton import CLAMPS, Node

MAX_STEPS = 1.5
"""Maximum distance in steps that rounding explains; plain rounding gives at most 0.5."""
FITTING_UNITS = 0.02
"""Greatest relative difference that runtimes allow between a bias's step and the product of the
input's and the weights' steps."""
HARMLESS = 64.0
"""Steps of an 8-bit output, a quarter of its range, by which a bias that overflows may be off.

litert-quantizer 0.11 stores such a bias as the lowest number of its type, whatever its sign. This
happens in channels with tiny weights, which give the same value for every image. In the visual wake
words model of MLPerf Tiny such biases were off by up to 28 steps, and the model gave the baseline's
class on 199 of 200 photographs. When a hard sigmoid's 3.0 was lost, it was the whole range.
"""
NEAR_DISTANCE = 0.1
"""Relative distance up to which biases are reported as near the baseline's."""
_WHOLE = ("int32", "int64")
_END = 2.0**31 - 2
"""Magnitude from which an integer may have been clipped; 16-bit kernels take no more, either."""
_TINY = 1e-30


@dataclass(frozen=True)
class Biases:
    """The biases of a layer in both files.

    Attributes:
        baseline: The baseline's bias tensor, None if it has none.
        variant: The variant's bias tensor, None if it has none.
        folds: The affine steps that follow each layer, to be folded in.
        channels: Number of channels c.
        steps: Factors by which the runtime multiplies the variant's integers: the input's step
            times the weights' steps, shape ``(c,)`` or ``(1,)``. None if the layer takes floats.
    """

    baseline: Tensor | None
    variant: Tensor | None
    folds: tuple[Affine, Affine]
    channels: int
    steps: Doubles | None


def compare_biases(
    files: tuple[StoredModel, StoredModel], pair: Pair, biases: Biases, tally: Tally
) -> None:
    """Compare the biases of a layer."""
    ours = _real(files[0], biases.baseline, biases.folds[0], biases.channels)
    theirs = _real(files[1], biases.variant, biases.folds[1], biases.channels)
    if ours is None or theirs is None:
        tally.unmatched.append(f"{pair.variant.label}: its biases can't be read")
        return
    tally.tensors += biases.variant is not None
    if biases.variant is not None and biases.variant.dtype in _WHOLE:
        _compare_whole(files, pair, biases, (ours, theirs), tally)
        return
    greatest = np.abs(ours).max(initial=0.0)
    if biases.variant is not None and biases.variant.dtype == "float16":
        steps = float16_steps(ours.astype(np.float32)).astype(np.float64)
    else:
        steps = np.full(ours.shape, FLOAT32_STEP * greatest)
    rounding = _rounding(files[0], biases.baseline, biases.folds[0]) + biases.folds[1].rounding
    apart = np.maximum(np.abs(theirs - ours) - rounding, 0) / np.maximum(steps, _TINY)
    _add(pair, (ours, theirs), apart, steps + rounding, tally)


def _rounding(file: StoredModel, tensor: Tensor | None, affine: Affine) -> Doubles | float:
    """Return the greatest rounding error of a baseline's biases: half a float16 step, or 0."""
    if tensor is None or tensor.dtype != "float32":
        return 0.0
    values = file.constants.real(tensor).ravel()
    if not are_float16(values):
        return 0.0
    return np.asarray(float16_steps(values).astype(np.float64) / 2 * np.abs(affine.factor))


def _compare_whole(
    files: tuple[StoredModel, StoredModel],
    pair: Pair,
    biases: Biases,
    values: tuple[Doubles, Doubles],
    tally: Tally,
) -> None:
    """Compare integer biases as the runtime reads them, ignoring their own scales."""
    stored, affine = biases.variant, biases.folds[1]
    if stored is None:
        return
    raw = files[1].constants.stored(stored).astype(np.float64).ravel()
    named = stored.scales.astype(np.float64)
    steps = named if biases.steps is None else biases.steps
    ours, theirs = values[0], raw * steps * affine.factor + affine.summand
    steps = np.broadcast_to(steps * np.abs(affine.factor), ours.shape)
    rounding = _rounding(files[0], biases.baseline, biases.folds[0]) + affine.rounding
    distance = bias_distance(ours, theirs, steps, rounding)
    cut_off = np.abs(raw) >= _END
    if cut_off.any():
        harmless = _effect(files[1], pair, (ours, theirs), cut_off) <= HARMLESS
        distance[cut_off & harmless] = 0.0
    bad = ~(distance <= MAX_STEPS)
    units = named.size and (np.abs(named - steps) > FITTING_UNITS * steps).any()
    how = None
    if units and not affine.nodes:
        how = "other units", "are stored in steps that are not those of input times weights"
    elif bad.any() and (cut_off & bad).sum() == bad.sum():
        how = "overflow", "do not fit their type and were cut off"
    _add(pair, (ours, theirs), distance, steps + rounding, tally, how)


def _add(  # noqa: PLR0917 - what is known of one layer's biases
    pair: Pair,
    values: tuple[Doubles, Doubles],
    distance: Doubles,
    steps: Doubles,
    tally: Tally,
    how: tuple[str, str] | None = None,
) -> None:
    """Add a finding for biases that rounding does not explain."""
    greatest = float(np.nan_to_num(distance, nan=np.inf).max(initial=0.0))
    tally.bias_distance = max(tally.bias_distance, min(greatest, 1e9))
    bad = ~(distance <= MAX_STEPS)
    if not bad.any():
        return
    ours, theirs = values[0], finite(values[1])
    word, detail = how or _change(ours[bad], theirs[bad], steps[bad])
    few = f" ({int(bad.sum())} of {len(bad)})" if not bad.all() else ""
    norm = max(float(np.linalg.norm(ours)), _TINY)
    tally.add(
        pair,
        "biases",
        (word, detail + few),
        distances=(greatest, float(np.linalg.norm(theirs - ours)) / norm),
        channels=(int(bad.sum()), len(bad)),
    )


def _real(
    file: StoredModel, tensor: Tensor | None, affine: Affine, channels: int
) -> Doubles | None:
    """Return biases with the following affine step folded in; None if they can't be read."""
    values = np.zeros(channels)
    if tensor is not None:
        try:
            values = file.constants.real(tensor).astype(np.float64).ravel()
        except ModelError:
            return None
    if values.size != channels:
        return None
    return np.asarray(values * affine.factor + affine.summand)


def _change(ours: Doubles, theirs: Doubles, steps: Doubles) -> tuple[str, str]:
    """Return what happened to biases, as a keyword and as a phrase for people."""
    near = 2 * steps + 1e-4 * np.abs(ours)
    if not theirs.any():
        return "zeroed", "are all 0"
    if (np.abs(theirs + ours) <= near).all():
        return "negated", "have the opposite sign"
    factor = float(np.vdot(ours, theirs) / max(float(np.vdot(ours, ours)), _TINY))
    scaled = (np.abs(theirs - factor * ours) <= max(1, abs(factor)) * near).all()
    if len(ours) > 1 and scaled and abs(factor - 1) > NO_FACTOR:
        return "scaled", f"are the baseline's times {factor:.3g}"
    relative = float(np.linalg.norm(theirs - ours) / max(float(np.linalg.norm(ours)), _TINY))
    if relative < NEAR_DISTANCE:
        return "near", f"differ from the baseline's by {100 * relative:.2g} %"
    if len(ours) > 1 and (np.abs(np.sort(theirs) - np.sort(ours)) <= near.max()).all():
        return "reordered", "are the baseline's in another order"
    return "other", "are not the baseline's"


def _effect(
    file: StoredModel,
    pair: Pair,
    values: tuple[Doubles, Doubles],
    chosen: npt.NDArray[np.bool_],
) -> Doubles:
    """Return how many steps of an 8-bit output the difference between biases moves.

    That is the lesser of the effects on the layer's own output, after its activation, and on the
    outputs of the layers that take it: an output with no effect does no harm.
    """
    low, high = CLAMPS.get(pair.baseline.activation, (-np.inf, np.inf))
    apart = np.abs(np.clip(values[1], low, high) - np.clip(values[0], low, high))
    own = apart / max(_output_step(file, pair.variant), _TINY)
    places, is_output = _next_layers(file, pair.variant.place)
    behind = np.full(apart.shape, np.inf if is_output else 0.0)
    for place in places:
        heard = _heard(file, file.skeleton.nodes[place], len(apart), chosen)
        with np.errstate(invalid="ignore"):
            behind = np.fmax(behind, apart * heard)
    return np.asarray(np.minimum(own, behind))


def _output_step(file: StoredModel, node: Node) -> float:
    """Return the step that an 8-bit output of the same range would have; 0 for floats."""
    ends = range_of(file.model.tensors[node.outputs[0]])
    return 0.0 if ends is None else (ends[1] - ends[0]) / 255


def _next_layers(file: StoredModel, place: int) -> tuple[tuple[int, ...], bool]:
    """Return the next layers that a node's values reach, and whether they also reach an output."""
    ends = {output.node for output in file.skeleton.outputs}
    layers, seen, waiting = set[int](), {place}, [place]
    while waiting:
        for taker, _, _ in file.skeleton.consumers[waiting.pop()]:
            if has_weights(file.skeleton.nodes[taker]):
                layers.add(taker)
            elif taker not in seen:
                waiting.append(taker)
            seen.add(taker)
    return tuple(sorted(layers)), bool(ends & (seen - layers))


def _heard(file: StoredModel, node: Node, channels: int, chosen: npt.NDArray[np.bool_]) -> Doubles:
    """Return how many steps of a layer's 8-bit output 1.0 in each input channel may move."""
    tensor, step = dict(node.constants)[places_of(node).weights], _output_step(file, node)
    if not step or not tensor.shape or tensor.shape[-1] != channels:
        return np.full(channels, np.inf)
    weights = np.abs(file.constants.real(tensor)[..., chosen].astype(np.float64))
    if node.operator.name == "DEPTHWISE_CONV_2D":
        sums = weights.sum(axis=tuple(range(weights.ndim - 1)))
    else:
        sums = weights.sum(axis=tuple(range(1, weights.ndim - 1))).max(axis=0)
    heard = np.zeros(channels)
    heard[chosen] = sums / step
    return heard
