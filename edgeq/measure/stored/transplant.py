"""Experiments that transplant differences between a variant's file and its baseline's.

If a difference between the files explains the variant's outputs, the baseline gives the same
outputs with that difference in it. Changing the baseline is more reliable than repairing the
variant, because floats have no scales that depend on each other.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.measure.stored.finding import Finding, Part, StoredModel, has_weights, places_of
from edgeq.measure.stored.layers import INT32_ROOM, input_step
from edgeq.measure.stored.steps import BITS, Doubles, sensible_steps
from edgeq.tflite.edits import Edit
from edgeq.tflite.flatbuffer import Table
from edgeq.tflite.matching import Matching, Pair, match
from edgeq.tflite.model_file import ModelFile, Tensor, open_model
from edgeq.tflite.options import ACTIVATION, option_number, option_place
from edgeq.tflite.skeleton import Node
from edgeq.tflite.wiring import COMPUTE

_FLOATS = {"float32": np.float32, "float16": np.float16}
_WHOLE = ("int32", "int64")
_MISSING, _ADDED = "missing operator", "added operator"


@dataclass(frozen=True)
class Transplant:
    """Changes to a file's bytes."""

    edits: tuple[Edit, ...]
    done: tuple[Finding, ...]
    left_out: tuple[Finding, ...]


def transplant(
    baseline: ModelFile, variant: ModelFile, findings: Collection[Finding]
) -> Transplant:
    """Return the edits that put a variant's differences into its baseline.

    Raises:
        ModelError: A file is damaged.
    """
    surgeon = _Surgeon(StoredModel.of(baseline), StoredModel.of(variant))
    edits: list[Edit] = []
    done: list[Finding] = []
    left_out: list[Finding] = []
    for finding in findings:
        own_edits = surgeon.edits_of(
            finding.baseline_operator, finding.part, surplus=finding.change == _MISSING
        )
        (left_out if own_edits is None else done).append(finding)
        edits += own_edits or ()
    return Transplant(tuple(dict.fromkeys(edits)), tuple(done), tuple(left_out))


class _Surgeon:
    """Changes one of two files, here called the baseline, into the other."""

    def __init__(self, baseline: StoredModel, variant: StoredModel) -> None:
        self._baseline = baseline
        self._variant = variant
        self._matching: Matching = match(baseline.skeleton, variant.skeleton)
        self._pairs = {pair.baseline.operator.index: pair for pair in self._matching.pairs}
        self._tables = open_model(baseline.model.path).root().tables(2)[0].tables(3)

    def edits_of(self, operator: int, part: Part, *, surplus: bool = False) -> list[Edit] | None:
        """Return the edits that make a part of the file that of the other one; None if impossible.

        With ``surplus``, only this file has the operator, which is then bypassed.
        """
        if surplus:
            return self._bypass(operator)
        pair = self._pairs.get(operator)
        if pair is None:
            return None
        if part in {"weights", "biases"}:
            return self._layer(pair, part)
        if part in {"constant", "parameter"}:
            return self._constants(pair)
        return self._options(pair)

    def _layer(self, pair: Pair, part: str) -> list[Edit] | None:
        if not has_weights(pair.baseline) or pair.variant.operator.name not in COMPUTE:
            return None
        ours, theirs = places_of(pair.baseline), places_of(pair.variant)
        at = (ours.weights, theirs.weights) if part == "weights" else (ours.bias, theirs.bias)
        stored = pair.baseline.constant(at[0])
        given = pair.variant.constant(at[1])
        if stored is None or given is None:
            return None
        values = self._variant.constants.real(given).astype(np.float64)
        if part == "biases" and given.dtype in _WHOLE:
            values = self._whole_biases(pair, given)
        return self._write(stored, values)

    def _whole_biases(self, pair: Pair, given: Tensor) -> Doubles:
        """Return biases as the runtime reads them: in steps of input times weights."""
        places = places_of(pair.variant)
        raw = self._variant.constants.stored(given).astype(np.float64).ravel()
        step = input_step(self._variant, pair, places)
        weights = pair.variant.constant(places.weights)
        if step is None or weights is None or not weights.scales.size:
            return raw * given.scales.astype(np.float64)
        return np.asarray(raw * step * weights.scales.astype(np.float64))

    def _constants(self, pair: Pair) -> list[Edit] | None:
        edits: list[Edit] = []
        given = dict(pair.variant.constants)
        for at, stored in pair.baseline.constants:
            if at not in given:
                return None
            values = self._variant.constants.real(given[at])
            written = self._write(stored, values.astype(np.float64))
            if written is None:
                return None
            edits += written
        return edits

    def _write(self, tensor: Tensor, values: Doubles) -> list[Edit] | None:
        """Return the edit that replaces a constant of the baseline with values."""
        kind = _FLOATS.get(tensor.dtype) or (
            np.dtype(tensor.dtype) if tensor.dtype in _WHOLE else None
        )
        start, size = self._baseline.constants.place(tensor)
        if kind is None or tensor.scales.size:
            return None
        content = np.nan_to_num(values, posinf=np.inf, neginf=-np.inf).astype(kind).tobytes()
        return [(start, content)] if len(content) == size else None

    def _options(self, pair: Pair) -> list[Edit] | None:
        """Return the edits that give an operator the variant's options and activation."""
        node, other = pair.baseline, pair.variant
        given = {**dict(other.options), ACTIVATION: other.activation}
        own = {
            **dict(node.options),
            ACTIVATION: dict(node.operator.options).get(ACTIVATION, "NONE"),
        }
        table = self._tables[node.operator.index].table(4)
        edits: list[Edit] = []
        for name, value in own.items():
            expected = given.get(name, value)
            if expected == value:
                continue
            place = option_place(node.operator.name, name, table)
            if place is None:
                return None
            number = option_number(node.operator.name, name, expected)
            packed = number if place[1] == "f" else int(number)
            edits.append((place[0], struct.pack(f"<{place[1]}", packed)))
        return edits or None

    def _bypass(self, operator: int) -> list[Edit] | None:
        """Return the edits that bypass an operator that the variant lacks.

        Its consumers take the tensor that their counterparts in the variant take instead.
        """
        node = next(
            (
                candidate
                for candidate in self._matching.missing
                if candidate.operator.index == operator
            ),
            None,
        )
        if node is None:
            return None
        places = {pair.baseline.place: pair.variant for pair in self._matching.pairs}
        back = {pair.variant.place: pair.baseline for pair in self._matching.pairs}
        edits: list[Edit] = []
        for taker, at, _ in self._baseline.skeleton.consumers[node.place]:
            if taker not in places:
                continue  # the consumer is missing too
            source = places[taker].sources[at] if at < len(places[taker].sources) else None
            if source is None or source.constant is not None:
                return None
            if source.node is None:
                tensor = self._baseline.model.inputs[source.output]
            elif source.node in back:
                tensor = back[source.node].outputs[source.output]
            else:
                return None
            edits += self._rewired(self._baseline.skeleton.nodes[taker], node, tensor)
        return edits or None

    def _rewired(self, taker: Node, missing: Node, tensor: int) -> Iterator[Edit]:
        """Yield the edits that give an operator another tensor in place of a missing operator's."""
        table: Table = self._tables[taker.operator.index]
        start, count = table.vector(1, 4)
        for at in range(count):
            if taker.operator.inputs[at] in missing.outputs:
                yield start + 4 * at, struct.pack("<i", tensor)


def mend(baseline: ModelFile, variant: ModelFile, findings: Collection[Finding]) -> Transplant:
    """Return the edits that restore the baseline's layers and operators in the variant.

    Restored are weights, biases and options, and operators that only the variant has are bypassed.
    If a damaged layer exceeds the ranges that activations were calibrated for, the float baseline
    with that damage gives other outputs than the variant, whose activations are clipped.

    Raises:
        ModelError: A file is damaged.
    """
    files = StoredModel.of(baseline), StoredModel.of(variant)
    pairs = {
        pair.baseline.operator.index: pair
        for pair in match(files[0].skeleton, files[1].skeleton).pairs
    }
    tensors = open_model(variant.path).root().tables(2)[0].tables(0)
    surgeon = _Surgeon(files[1], files[0])
    layers: dict[int, list[Edit] | None] = {}
    others: list[Edit] = []
    done: list[Finding] = []
    left_out: list[Finding] = []
    for finding in findings:
        layer = finding.baseline_operator
        if finding.part == "operator":
            own_edits = surgeon.edits_of(
                finding.operator, finding.part, surplus=finding.change == _ADDED
            )
        elif layer not in pairs or finding.part not in {"weights", "biases"}:
            own_edits = None
        else:
            if layer not in layers:
                layers[layer] = _requantized(files, pairs[layer], tensors)
            is_restored = layers[layer] is not None  # weights and biases at once
            own_edits = [] if is_restored else surgeon.edits_of(finding.operator, finding.part)
        (left_out if own_edits is None else done).append(finding)
        others += own_edits or ()
    edits = tuple(edit for layer in layers.values() for edit in layer or ())
    return Transplant((*edits, *dict.fromkeys(others)), tuple(done), tuple(left_out))


def _requantized(
    files: tuple[StoredModel, StoredModel], pair: Pair, tensors: Sequence[Table]
) -> list[Edit] | None:
    """Return the edits that requantize a layer of the variant from the baseline's numbers."""
    if not has_weights(pair.baseline) or pair.variant.operator.name not in COMPUTE:
        return None
    ours, theirs = places_of(pair.baseline), places_of(pair.variant)
    stored = dict(pair.baseline.constants)[ours.weights]
    given = pair.variant.constant(theirs.weights)
    if given is None or given.dtype != "int8" or given.zero_points.any() or not given.scales.size:
        return None
    values = files[0].constants.real(stored).astype(np.float64)
    if values.size != np.prod(given.shape):
        return None
    axis = given.axis if given.scales.size > 1 else theirs.channel_axis % len(given.shape)
    rows = np.moveaxis(values.reshape(given.shape), axis, 0)
    biases = _constant_of(files[0], pair.baseline, ours.bias)
    step = input_step(files[1], pair, theirs)
    least = None if biases is None or step is None else np.abs(biases) / (step * INT32_ROOM)
    steps = _weight_steps(rows, least, BITS[given.dtype], tensorwise=given.scales.size == 1)
    wide = steps.reshape(-1, *([1] * (rows.ndim - 1)))
    whole = np.moveaxis(np.clip(np.rint(rows / wide), -127, 127), 0, axis).astype(np.int8)
    edits = [(files[1].constants.place(given)[0], np.ascontiguousarray(whole).tobytes())]
    edits += _scale_edits(tensors, given, steps)
    bias = pair.variant.constant(theirs.bias)
    if bias is None or biases is None:
        return edits
    start, _ = files[1].constants.place(bias)
    if bias.dtype in _WHOLE and step is not None:
        units = steps * step
        edits.append((start, np.rint(biases / units).astype(bias.dtype).tobytes()))
        edits += _scale_edits(tensors, bias, units)
    elif bias.dtype in _FLOATS:
        edits.append((start, biases.astype(bias.dtype).tobytes()))
    return edits


def _weight_steps(rows: Doubles, least: Doubles | None, bits: int, *, tensorwise: bool) -> Doubles:
    """Return the steps in which to store a layer's weights, one per output channel.

    Args:
        rows: The weights, shape ``(c, ...)``, channels first.
        least: Steps below which the biases do not fit into their integers, shape ``(c,)``.
        bits: Bits of a stored weight.
        tensorwise: Whether all channels have the same step.
    """
    flat = rows.reshape(len(rows), -1).astype(np.float32)
    steps = sensible_steps(flat, bits, tensorwise=tensorwise)
    if least is not None:
        steps = np.maximum(steps, least)
    return np.full_like(steps, steps.max()) if tensorwise else steps


def _constant_of(file: StoredModel, node: Node, at: int | None) -> Doubles | None:
    tensor = node.constant(at)
    return None if tensor is None else file.constants.real(tensor).astype(np.float64).ravel()


def _scale_edits(tensors: Sequence[Table], tensor: Tensor, steps: Doubles) -> list[Edit]:
    """Return the edit that gives a tensor other scales; empty if their number differs."""
    described = tensors[tensor.index].table(4)
    start, count = (0, 0) if described is None else described.vector(2, 4)
    chosen = steps[:1] if count == 1 else steps
    return [(start, chosen.astype("<f4").tobytes())] if count == len(chosen) else []
