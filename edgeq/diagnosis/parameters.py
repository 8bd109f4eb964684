"""Hypotheses that the files alone decide: parameters, order of channels and order of classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeq.diagnosis.bench import Bench, Reals
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.compared import Pair, label, offsets
from edgeq.errors import ModelError
from edgeq.tflite.constants import along_axis
from edgeq.tflite.model_file import Tensor
from edgeq.tflite.skeleton import short

WHOLE = 2.0**31
SWAPPED = 0.1
"""Largest fraction of the difference between weights that a swap may leave."""
BESIDE_CLASSES = 5
"""Values of a YOLO box besides its classes: its place, its size and an objectness."""
ROWS = 0.9
ALIKE = 0.9


def broken_parameters(bench: Bench) -> Cause | None:
    """Test whether scales are not positive numbers or do not fit their tensor."""
    for tensor in bench.variant_file.tensors:
        scales = tensor.scales
        if not scales.size:
            continue
        if not (np.isfinite(scales) & (scales > 0)).all():
            bad = scales[~(np.isfinite(scales) & (scales > 0))]
            return _damaged(tensor, f"{bad.size} of its {scales.size} scales are {bad[0]:g}")
        try:
            along_axis(tensor, scales.astype(np.float64))
        except ModelError as error:
            return Cause("damaged_tensor", error.what, {"tensor": tensor.name})
    return None


def class_order(bench: Bench) -> Cause | None:
    """Test whether the layer of the classes gives the baseline's in another order.

    Biases must follow the rows of weights: exchanged rows alone are damage.
    """
    layer = _layer_of_classes(bench)
    if layer is None:
        return None
    last, own = layer
    ours, theirs = (weight.reshape(weight.shape[0], -1)[own] for weight in _weights(bench, last))
    classes = ours.shape[0]
    if classes < 3 or last.baseline.channel_axis != 0:  # two have no order
        return None
    likeness = _unit(theirs) @ _unit(ours).T
    match = likeness.argmax(axis=1)
    sure = likeness.max(axis=1) > ALIKE
    strangers = sure & (match != np.arange(classes)) & (np.diag(likeness) < ALIKE)
    several = sure.mean() >= ROWS and strangers.sum() >= 2  # one is no order
    if not several or not _biases_follow(bench, last, own, match, strangers):
        return None
    facts: dict[str, object] = {"tensor": last.variant.weights.name, "rows": int(sure.sum())}
    apart = offsets(np.arange(classes), match, classes)[sure]
    values, counts = np.unique(apart, return_counts=True)
    offset, share = int(values[counts.argmax()]), counts.max() / counts.sum()
    if offset and share > ROWS:
        return Cause(
            "label_offset",
            f"the variant's classes are off by {offset:+d}: the last layer's row for class n is "
            f"the baseline's for class n{-offset:+d}",
            {**facts, "offset": offset},
        )
    moved = int(strangers.sum())
    return Cause(
        "label_order",
        f"the variant's classes are in another order: {moved} of {classes} rows of the last layer "
        f"are the baseline's of another class",
        {**facts, "moved": moved},
    )


def _layer_of_classes(bench: Bench) -> tuple[Pair, slice] | None:
    """Return the layer that gives the classes, and which of its rows do; None if there is none."""
    pairs = bench.pairs
    if bench.variant.classifies:
        return (pairs[-1], slice(None)) if pairs else None
    if not bench.variant.detects:
        return None
    given = bench.variant.reading.classes  # other layers give boxes
    for pair in reversed(pairs):
        rows = _class_rows(pair, given)
        if rows is not None:
            return pair, rows
    return None


def _biases_follow(
    bench: Bench,
    pair: Pair,
    own: slice,
    match: npt.NDArray[np.intp],
    moved: npt.NDArray[np.bool_],
) -> bool:
    """Return whether the biases of moved rows are nearer to those of the rows that they match."""
    stored, given = pair.baseline.bias, pair.variant.bias
    if stored is None or given is None:
        return True
    ours = bench.baseline_constants.real(stored).ravel()[own]
    theirs = _real(bench, given).ravel()[own]
    followed, left = np.abs(theirs - ours[match])[moved], np.abs(theirs - ours)[moved]
    return bool(followed.sum() <= left.sum())


def _class_rows(pair: Pair, classes: int) -> slice | None:
    """Return the rows of a detector's layer that give class scores, for its first anchor."""
    rows, block = pair.baseline.weights.shape[0], BESIDE_CLASSES + classes
    if rows == classes:
        return slice(0, rows)
    return slice(BESIDE_CLASSES, block) if rows % block == 0 else None


def first_layer_order(bench: Bench) -> Cause | None:
    """Test whether the first layer takes the image's channels in the reverse order."""
    if not bench.pairs or bench.pairs[0].baseline.weights.shape[-1] != 3:  # RGB
        return None
    first = bench.pairs[0]
    # The squares of damaged floats are beyond float32.
    ours, theirs = (weights.astype(np.float64) for weights in _weights(bench, first))
    if ours.shape != theirs.shape or not ours.any():
        return None
    apart, swapped = (np.linalg.norm(kernel - ours) for kernel in (theirs, theirs[..., ::-1]))
    if swapped > SWAPPED * apart:
        return None
    return Cause(
        "channel_order",
        f"the weights of the first layer, {label(first.variant)}, are the baseline's with "
        "red and blue swapped",
        {"tensor": first.variant.weights.name},
    )


def _weights(bench: Bench, pair: Pair) -> tuple[Reals, Reals]:
    ours = bench.baseline_constants.real(pair.baseline.weights)
    return ours, _real(bench, pair.variant.weights)


def _real(bench: Bench, tensor: Tensor) -> Reals:
    return np.nan_to_num(bench.variant_constants.real(tensor), posinf=WHOLE, neginf=-WHOLE)


def _unit(rows: Reals) -> Reals:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1), np.float32)


def _damaged(tensor: Tensor, problem: str) -> Cause:
    return Cause(
        "damaged_tensor",
        f"tensor {short(tensor.name)} is damaged: {problem}",
        {"tensor": tensor.name},
    )
