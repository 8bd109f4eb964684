"""The units of a model: blocks of layers, with names from the model's own tensors.

`edgeq repair` and the key `units` of a variant treat a unit as a whole. If the names show no
blocks, every layer with weights is a unit.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from edgeq.errors import ModelError
from edgeq.tflite.model_file import ModelFile, Operator
from edgeq.tflite.wiring import Compute, Wiring

_PART = r"(?:blocks?|layers?|stages?|cells?|features|bottleneck|mixed)[._]?\d+[a-z]?(?:\.\d+)?"
_BLOCK = re.compile(
    # conv2_block1 of Keras's ResNets, layer1.0 of PyTorch's, stage_2_block_3 of ConvNeXt
    rf"(?:[a-z]+\d+_)?{_PART}(?:[._]{_PART})*(?![a-z0-9])",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r".+?(?P<ending>_\d+)")


@dataclass(frozen=True)
class Unit:
    """A block of layers, or one layer.

    Attributes:
        name: Name for people and the spec, unique in the model.
        operators: Indices of its operators in the graph, in the order of execution.
        scopes: Names of the tensors that each operator computes, as litert-quantizer joins them.
        weight_bytes: Bytes of its layers' float weights.
        is_dense: Whether all its layers are FULLY_CONNECTED.
    """

    name: str
    operators: tuple[int, ...]
    scopes: tuple[str, ...]
    weight_bytes: int
    is_dense: bool


def units_of(model: ModelFile) -> tuple[Unit, ...]:
    """Return the units of a float model, in the order of execution.

    An operator without weights whose name shows no block belongs to the unit before it.

    Raises:
        ModelError: Operators can't be told apart by name, or no layer has weights.
    """
    scopes = [_scope(model, operator) for operator in model.operators]
    repeated = [name for name, count in Counter(scopes).items() if count > 1 or not name.strip(";")]
    if repeated:
        raise ModelError(
            f"its layers can't be grouped: {len(repeated)} names stand for several operators or "
            f"are empty, such as {repeated[0].rstrip(';')!r}",
            where=model.path,
            remedy="Export it again with a converter that names tensors, one name for each",
        )
    layers = {
        layer.operator.index: layer for layer in Wiring(model).compute if layer.weights is not None
    }
    if not layers:
        raise ModelError("no layer has weights, so there are no units", where=model.path)
    members: dict[str, list[int]] = {}
    for index, key in _keyed(scopes, layers):
        members.setdefault(key, []).append(index)
    return tuple(_unit(name, operators, scopes, layers) for name, operators in members.items())


def _unit(name: str, operators: list[int], scopes: list[str], layers: dict[int, Compute]) -> Unit:
    own = [layers[index] for index in operators if index in layers]
    return Unit(
        name=name,
        operators=tuple(operators),
        scopes=tuple(scopes[index] for index in operators),
        weight_bytes=sum(
            4 * math.prod(layer.weights.tensor.shape) for layer in own if layer.weights
        ),
        is_dense=all(layer.operator.name == "FULLY_CONNECTED" for layer in own),
    )


def _keyed(scopes: list[str], layers: dict[int, Compute]) -> Iterator[tuple[int, str]]:
    """Yield every operator's index with the name of its unit; each unit has at least one layer."""
    blocks = [_block(scope) for scope in scopes]
    with_weights = {blocks[index] for index in layers} - {None}
    if len(with_weights) < 2:
        with_weights = set()
    names = dict(_layer_names(layers, {at for at in layers if blocks[at] not in with_weights}))
    key = next(blocks[at] if blocks[at] in with_weights else names[at] for at in layers)
    for index in range(len(scopes)):
        key = blocks[index] if blocks[index] in with_weights else names.get(index, key)
        yield index, key or ""


def _block(scope: str) -> str | None:
    """Return the block that a name mentions most often; the first if several tie."""
    counted = Counter(match.group() for match in _BLOCK.finditer(scope))
    return counted.most_common(1)[0][0] if counted else None


def _layer_names(layers: dict[int, Compute], single: set[int]) -> Iterator[tuple[int, str]]:
    """Yield the name of every single layer, without an ending that all layers share."""
    every = {at: _layer_name(layer) for at, layer in layers.items()}
    numbered = [_NUMBERED.fullmatch(name) for name in every.values()]
    endings = {match.group("ending") if match else "" for match in numbered}
    shared = endings.pop() if len(endings) == 1 else ""
    seen: Counter[str] = Counter()
    for at in sorted(single):
        name = every[at].removesuffix(shared)
        seen[name] += 1
        yield at, name if seen[name] == 1 else f"{name}#{seen[name]}"


def _layer_name(layer: Compute) -> str:
    """Return the model's name for a layer: the last but one part of its weights' name."""
    name = layer.weights.tensor.name if layer.weights is not None else ""
    parts = (name or layer.output.name).split(";", maxsplit=1)[0].split("/")
    return parts[-2] if len(parts) >= 2 else parts[0]


def _scope(model: ModelFile, operator: Operator) -> str:
    """Return the names of an operator's outputs, as litert-quantizer joins them."""
    outputs = (model.tensors[index].name for index in operator.outputs if index >= 0)
    return "".join(f"{name};" for name in outputs)
