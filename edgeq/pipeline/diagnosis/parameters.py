"""Hypotheses that the files alone decide: parameters, weights, biases, order of the classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgeq.errors import ModelError
from edgeq.pipeline.diagnosis.bench import Bench
from edgeq.pipeline.diagnosis.cause import Cause
from edgeq.pipeline.diagnosis.layers import Pair, label, short
from edgeq.pipeline.diagnosis.weights import Comparison, Reals, compare, steps
from edgeq.tflite.constants import along_axis
from edgeq.tflite.model_file import Tensor
from edgeq.tflite.wiring import Wiring

LARGEST = {"int2": 1, "int4": 7, "int8": 127, "uint8": 127, "int16": 32767}
WHOLE = 2.0**31
FOREIGN_SHARE = 0.25
COMMON_SHARE = 0.5
MOVED = 0.5
FINE = 32
"""Levels of stored values; fewer are a coarse copy of the same weights."""
ROWS = 0.9
ALIKE = 0.9
NAMED = 3
_HOW = {
    "zeroed": "all 0",
    "negated": "the baseline's with the other sign",
    "reordered": "the baseline's in another order",
    "transposed": "the baseline's with height and width swapped",
    "rescaled": "the baseline's with other factors per channel: its scales are wrong",
    "coarse": "a coarse copy of the baseline's",
    "foreign": "unlike the baseline's",
    "changed": "not the baseline's",
}


@dataclass(frozen=True)
class Difference:
    """A constant that rounding does not explain."""

    pair: Pair
    tensor: Tensor
    role: str
    found: Comparison


def broken_parameters(bench: Bench) -> Cause | None:
    """Scales that are not positive numbers, or do not fit their tensor."""
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
    """The last layer gives the baseline's classes in another order."""
    if not bench.pairs:
        return None
    last = bench.pairs[-1]
    ours, theirs = (one.reshape(one.shape[0], -1) for one in _weights(bench, last))
    classes = ours.shape[0]
    if classes < 3 or last.baseline.channel_axis != 0:  # noqa: PLR2004 - two have no order
        return None
    likeness = _unit(theirs) @ _unit(ours).T
    if np.median(np.diag(likeness)) > ALIKE:
        return None
    match = likeness.argmax(axis=1)
    sure = likeness.max(axis=1) > ALIKE
    if sure.mean() < ROWS:
        return None
    facts: dict[str, object] = {"tensor": last.variant.weights.name, "rows": int(sure.sum())}
    # The class that falls off one end comes back at the other.
    offsets = (np.arange(classes) - match + classes // 2)[sure] % classes - classes // 2
    values, counts = np.unique(offsets, return_counts=True)
    offset, share = int(values[counts.argmax()]), counts.max() / counts.sum()
    if share > ROWS:
        return Cause(
            "label_offset",
            f"the variant's classes are off by {offset:+d}: the last layer's row for class n is "
            f"the baseline's for class n{-offset:+d}",
            {**facts, "offset": offset},
        )
    moved = int((match != np.arange(classes))[sure].sum())
    return Cause(
        "label_order",
        f"the variant's classes are in another order: {moved} of {classes} rows of the last layer "
        f"are the baseline's of another class",
        {**facts, "moved": moved},
    )


def first_layer_order(bench: Bench) -> Cause | None:
    """The first layer takes the image's channels in the other order."""
    if not bench.pairs or bench.pairs[0].baseline.weights.shape[-1] != 3:  # noqa: PLR2004 - RGB
        return None
    first = bench.pairs[0]
    ours, theirs = _weights(bench, first)
    if _compared(first, ours, theirs).change is None:
        return None
    if _compared(first, ours, theirs[..., ::-1]).change is not None:
        return None
    return Cause(
        "channel_order",
        f"the weights of the first layer, {label(first.variant)}, are the baseline's with "
        "red and blue swapped",
        {"tensor": first.variant.weights.name},
    )


def stored_values(bench: Bench) -> Cause | None:
    """Weights or biases that are not the baseline's."""
    every = Wiring(bench.baseline_file).layers
    if not every:
        return None
    if len(bench.pairs) < COMMON_SHARE * len(every):
        return Cause(
            "wrong_checkpoint",
            f"the variant is another network: only {len(bench.pairs)} of the baseline's "
            f"{len(every)} layers are in it",
            {"layers": len(every), "common": len(bench.pairs)},
        )
    found = list(differences(bench))
    return (_checkpoint(bench, found) or _named(found, len(bench.pairs))) if found else None


def _checkpoint(bench: Bench, found: list[Difference]) -> Cause | None:
    """Return that the weights are another network's, None where they are damaged ones."""
    weights = [one for one in found if one.role == "weights"]
    foreign = [one for one in weights if one.found.change == "foreign"]
    turned = [one for one in weights if one.found.change == "transposed"]
    total = len(bench.pairs)
    if len(foreign) >= max(2, FOREIGN_SHARE * total):
        return Cause(
            "wrong_checkpoint",
            f"the weights of {len(foreign)} of {total} layers are unlike the baseline's, from "
            f"{label(foreign[0].pair.variant)} on: they come from another checkpoint",
            _facts(foreign, total),
        )
    if turned and len(turned) == len(weights) and len(turned) > 1:
        return Cause(
            "wrong_checkpoint",
            f"the kernels of {len(turned)} layers have height and width swapped, as in weights "
            "that were carried over from another framework",
            _facts(turned, total),
        )
    near = [one for one in weights if one.found.change in {"coarse", "changed", "foreign"}]
    if len(near) > COMMON_SHARE * total and _is_trained_anew(bench, near):
        return Cause(
            "wrong_checkpoint",
            f"the weights of {len(near)} of {total} layers are near the baseline's, but most of "
            "the single values are others: they come from another checkpoint of this network",
            _facts(near, total),
        )
    head = bench.pairs[-1]
    if foreign and all(one.pair is head for one in weights):
        return Cause(
            "wrong_checkpoint",
            f"the weights of the last layer, {label(head.variant)}, are unlike the "
            "baseline's, all others are its own: the head comes from another checkpoint",
            _facts(foreign, total),
        )
    return None


def differences(bench: Bench) -> Iterator[Difference]:
    """Yield the weights and biases that rounding does not explain, in order of execution."""
    for pair in bench.pairs:
        ours, theirs = _weights(bench, pair)
        found = _compared(pair, ours, theirs)
        if found.change is not None:
            yield Difference(pair, pair.variant.weights, "weights", found)
        our_bias, their_bias = pair.baseline.bias, pair.variant.bias
        if our_bias is None or their_bias is None or our_bias.shape != their_bias.shape:
            continue
        ours, theirs = bench.baseline_constants.real(our_bias), _real(bench, their_bias)
        # Channels whose weights are next to nothing have steps so small that engines let the
        # bias saturate; that is their rounding, and no damage.
        kept = np.abs(bench.variant_constants.stored(their_bias).astype(np.float64)) < WHOLE - 2
        if their_bias.scales.size and kept.mean() > COMMON_SHARE:
            ours, theirs = ours[kept], theirs[kept]
        scales = their_bias.scales.astype(np.float64)
        step = float(np.sqrt(np.mean(scales**2))) if scales.size else 0.0
        found = compare(ours, theirs, step=step, channel_axis=0)
        if found.change is not None:
            yield Difference(pair, their_bias, "biases", found)


def _is_trained_anew(bench: Bench, found: list[Difference]) -> bool:
    """Return whether weights moved as in training: most values a little, on as many levels."""
    moved = np.median([one.found.moved for one in found])
    levels = [np.unique(bench.variant_constants.stored(one.tensor)).size for one in found]
    return bool(moved > MOVED and np.median(levels) > FINE)


def _compared(pair: Pair, ours: Reals, theirs: Reals) -> Comparison:
    tensor = pair.variant.weights
    step = steps(ours, tensor.scales, LARGEST.get(tensor.dtype, 1))
    return compare(ours, theirs, step=step, channel_axis=pair.baseline.channel_axis)


def _weights(bench: Bench, pair: Pair) -> tuple[Reals, Reals]:
    ours = bench.baseline_constants.real(pair.baseline.weights)
    return ours, _real(bench, pair.variant.weights)


def _real(bench: Bench, tensor: Tensor) -> Reals:
    return np.nan_to_num(bench.variant_constants.real(tensor), posinf=WHOLE, neginf=-WHOLE)


def _unit(rows: Reals) -> Reals:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1), np.float32)


def _named(found: list[Difference], total: int) -> Cause:
    first = found[0]
    how = _HOW.get(first.found.change or "", "")
    if first.found.change == "scaled":
        how = f"the baseline's times {first.found.factor:.3g}"
    more = f"; {len(found)} tensors are damaged, this is the first" if len(found) > 1 else ""
    return Cause(
        "damaged_tensor",
        f"the {first.role} of layer {label(first.pair.variant)} are {how} (relative error "
        f"{first.found.error:.2g}, where rounding explains {first.found.allowed:.2g}){more}",
        _facts(found, total),
    )


def _facts(found: list[Difference], total: int) -> dict[str, object]:
    return {
        "tensor": found[0].tensor.name,
        "change": found[0].found.change,
        "relative_error": round(found[0].found.error, 4),
        "tensors": [one.tensor.name for one in found[:NAMED]],
        "damaged": len(found),
        "layers": total,
    }


def _damaged(tensor: Tensor, problem: str) -> Cause:
    return Cause(
        "damaged_tensor",
        f"tensor {short(tensor.name)} is damaged: {problem}",
        {"tensor": tensor.name},
    )
