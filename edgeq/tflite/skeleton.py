"""A model's graph reduced to what it computes, so that graphs of different writers are comparable.

Operators that only change a type or a shape, or exchange axes, are skipped. A separate activation
counts as fused into the operator before it, also one that is written as a maximum and a minimum.
Operators that nothing depends on are left out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from edgeq.errors import ModelError
from edgeq.tflite.constants import Constants
from edgeq.tflite.flatbuffer import damaged
from edgeq.tflite.model_file import ModelFile, Operator, Tensor
from edgeq.tflite.options import ACTIVATION, Options
from edgeq.tflite.wiring import COMPUTE, Wiring

COMMUTATIVE = frozenset({"ADD", "MUL", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"})
DENSE = "DENSE"
"""The kind of a FULLY_CONNECTED, of a convolution with a 1x1 kernel and stride 1, and of a
BATCH_MATMUL by a stored matrix."""

_INVERSE = {"DIV": "MUL", "SUB": "ADD"}
"""What an operator with a constant behind it computes with the constant's inverse."""
_THROUGH = frozenset(
    {
        *("QUANTIZE", "DEQUANTIZE", "DENSIFY"),
        *("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE"),
    }
)
_NONE, _TANH = "NONE", "TANH"
CLAMPS: Mapping[str, tuple[float, float]] = {
    _NONE: (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
"""Range that each clipping activation leaves."""
_ENDS = sorted({end for clamp in CLAMPS.values() for end in clamp if math.isfinite(end)})
_NAMES = {clamp: name for name, clamp in CLAMPS.items() if name != _NONE}
_GUARD = 1e-6
"""Distance from the end of an activation up to which a clip is that activation and a guard."""
_MATMUL, _ADJOINT = "BATCH_MATMUL", ("adj_x", "adj_y")
_CLAMPING = frozenset({"MAXIMUM", "MINIMUM"})
"""Operators that clip a tensor at a constant, as exporters of ONNX's Clip write it."""

Exchange = tuple[tuple[int, ...], tuple[int, ...]]
"""A shape and the new order of its axes, both without axes of size 1."""


@dataclass(frozen=True)
class Source:
    """Where an operator's input comes from.

    Attributes:
        node: Place of the node that computes it; None if none does.
        output: Index among the node's outputs, or among the model's inputs.
        constant: Its constant tensor; None if it is computed or an input of the model.
        exchanges: How axes are exchanged between the source and the operator.
    """

    node: int | None
    output: int = 0
    constant: Tensor | None = None
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class Node:
    """One operator that computes something, with its activation.

    Attributes:
        place: Index among the nodes, in the order of execution.
        kind: Name of the operator, or ``DENSE``; of a division by a constant and a subtraction of
            one, MUL and ADD, as converters write either.
        activation: The activation that follows it; ``"NONE"`` if there is none.
        ends: The range that the activation leaves as the file stores it, which guards such as a
            maximum with 1e-12 miss by a little.
        options: The operator's other options.
        sources: Where its inputs come from; None for absent inputs.
        outputs: Indices of the tensors that it computes, after the activation.
        inner: Indices of the tensors between the operator and a separate activation.
        name: A name for messages, taken from its weights or its output.
    """

    place: int
    operator: Operator
    kind: str
    activation: str
    ends: tuple[float, float]
    options: Options
    sources: tuple[Source | None, ...]
    outputs: tuple[int, ...]
    inner: tuple[int, ...]
    name: str

    @property
    def label(self) -> str:
        """The operator, its index in the file and its name, for messages."""
        return f"{self.operator.name} {self.operator.index} ({short(self.name)})"

    @property
    def turned(self) -> bool:
        """Whether it is a dense layer whose weights are stored with the inputs first."""
        if self.kind != DENSE:
            return False
        source = self.sources[COMPUTE[self.operator.name].weights]
        inputs_first = self.operator.name == _MATMUL and not dict(self.operator.options)["adj_y"]
        swapped = source is not None and any(order == (1, 0) for _, order in source.exchanges)
        return inputs_first != swapped

    def position(self, at: int) -> int:
        """Return the position of an input as far as it matters: -1 if the order does not."""
        return -1 if self.kind in COMMUTATIVE else at

    def constant(self, at: int | None) -> Tensor | None:
        """Return the constant input at a position; None if it is absent or not constant."""
        source = None if at is None or at >= len(self.sources) else self.sources[at]
        return None if source is None else source.constant

    @property
    def constants(self) -> tuple[tuple[int, Tensor], ...]:
        """Constant inputs with their positions."""
        return tuple(
            (at, source.constant)
            for at, source in enumerate(self.sources)
            if source is not None and source.constant is not None
        )


@dataclass(frozen=True)
class Skeleton:
    """What a model computes.

    Attributes:
        nodes: The nodes in the order of execution.
        outputs: Where the model's outputs come from.
    """

    model: ModelFile
    nodes: tuple[Node, ...]
    outputs: tuple[Source, ...]

    @cached_property
    def consumers(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """Consumers of each node: the node, the position of its input, the index of the output."""
        takers: list[list[tuple[int, int, int]]] = [[] for _ in self.nodes]
        for node in self.nodes:
            for at, source in enumerate(node.sources):
                if source is not None and source.node is not None:
                    takers[source.node].append((node.place, at, source.output))
        return tuple(tuple(taker) for taker in takers)


def short(name: str) -> str:
    """Return a tensor's name for messages: the first of several joined names, without its root."""
    parts = name.split(";", maxsplit=1)[0].split("/")
    return "/".join(parts[1:] if len(parts) > 2 else parts)  # root, layer, tensor


def squeezed(shape: Iterable[int]) -> tuple[int, ...]:
    """Return a shape without axes of size 1."""
    return tuple(size for size in shape if size != 1)


def skeleton(model: ModelFile, constants: Constants) -> Skeleton:
    """Return what the main graph of a model computes, given its stored data.

    Raises:
        ModelError: The order of axes of a TRANSPOSE can't be read.
    """
    return _Builder(model, constants).built()


@dataclass
class _Builder:
    model: ModelFile
    constants: Constants
    wiring: Wiring = field(init=False)
    producers: dict[int, tuple[int, int]] = field(default_factory=dict)
    through: dict[int, Operator] = field(default_factory=dict)
    takers: dict[int, list[Operator]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.wiring = Wiring(self.model)

    def built(self) -> Skeleton:
        needed = self.wiring.needed
        for operator in needed:
            for index in dict.fromkeys(operator.inputs):
                self.takers[index].append(operator)
        fused: set[int] = set()
        nodes: list[Node] = []
        for operator in needed:
            if operator.index in fused or not operator.outputs:
                continue
            if self._is_through(operator):
                self.through[operator.outputs[0]] = operator
                continue
            node = self._node(len(nodes), operator, fused)
            nodes.append(node)
            self.producers.update(
                {index: (node.place, at) for at, index in enumerate(node.outputs)}
            )
        outputs = tuple(self._source(index) for index in self.model.outputs)
        return Skeleton(self.model, tuple(nodes), outputs)

    def _is_through(self, operator: Operator) -> bool:
        if not operator.inputs or operator.inputs[0] < 0 or not operator.outputs:
            return False
        if operator.name == "CAST":
            # To integers it truncates values; of quantized steps it drops the scale.
            tensors = self.model.tensors
            source, result = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
            return result.dtype.startswith("float") and not source.scales.size
        return operator.name in _THROUGH or self.wiring.only_reshapes(operator)

    def _node(self, place: int, operator: Operator, fused: set[int]) -> Node:
        options = dict(operator.options)
        activation = str(options.pop(ACTIVATION, _NONE))
        outputs = operator.outputs
        inner: tuple[int, ...] = ()
        ends = CLAMPS.get(activation, CLAMPS[_NONE])
        if activation == _NONE and len(outputs) == 1 and ACTIVATION in dict(operator.options):
            activation, ends, alone = self._activation(outputs[0])
            if alone:
                fused.update(part.index for part in alone)
                inner = outputs + tuple(part.outputs[0] for part in alone[:-1])
                outputs = alone[-1].outputs
        sources = tuple(self._source(at) if at >= 0 else None for at in operator.inputs)
        weights = COMPUTE[operator.name].weights if operator.name in COMPUTE else 1
        source = sources[weights] if weights < len(sources) else None
        stored = None if source is None else source.constant
        name = self.model.tensors[outputs[0]].name if stored is None else stored.name
        kind = _kind(operator, stored)
        for name_of_option in _ADJOINT if kind == DENSE else ():
            options.pop(name_of_option, None)  # how the weights are stored, see ``turned``
        return Node(
            place=place,
            operator=operator,
            kind=kind,
            activation=activation,
            ends=ends,
            options=tuple(options.items()),
            sources=sources,
            outputs=outputs,
            inner=inner,
            name=name,
        )

    def _activation(self, tensor: int) -> tuple[str, tuple[float, float], tuple[Operator, ...]]:
        """Return the activation that follows a tensor, its ends, and the operators of it."""
        name, ends, parts, chosen = _NONE, CLAMPS[_NONE], list[Operator](), 0
        low, high = ends
        for _ in self.model.operators:  # a damaged graph may contain a cycle
            if tensor in self.model.outputs or len(self.takers[tensor]) != 1:
                break
            taker = self.takers[tensor][0]
            if not taker.outputs:
                break
            if taker.name == _TANH and not parts:
                return _TANH, ends, (taker,)
            clamp = self._clamp(taker, tensor)
            if clamp is not None:
                parts.append(taker)
                low, high = max(low, clamp[0]), min(high, clamp[1])
                known = _NAMES.get((_near(low), _near(high)))
                if known is not None:
                    name, ends, chosen = known, (low, high), len(parts)
            elif taker.name != "QUANTIZE":
                break
            tensor = taker.outputs[0]
        return name, ends, tuple(parts[:chosen])

    def _clamp(self, operator: Operator, tensor: int) -> tuple[float, float] | None:
        """Return the range that an operator leaves a tensor; None if it does anything else."""
        if operator.name in CLAMPS:
            return CLAMPS[operator.name]
        if operator.name not in _CLAMPING or len(operator.inputs) != 2:  # a pair
            return None
        stored = self.wiring.stored(operator, 1 - operator.inputs.index(tensor))
        if stored is None or math.prod(stored.tensor.shape) != 1:
            return None
        try:
            end = float(self.constants.real(stored.tensor).ravel()[0])
        except ModelError:
            return None
        step = float(stored.tensor.scales[0]) if stored.tensor.scales.size else 0.0
        end = _near(end, step / 2)
        return (end, math.inf) if operator.name == "MAXIMUM" else (-math.inf, end)

    def _source(self, tensor: int) -> Source:
        exchanges: list[Exchange] = []
        start = tensor
        for _ in range(len(self.model.operators) + 1):
            if self.model.tensors[tensor].data_bytes:
                stored = self.model.tensors[tensor]
                return Source(None, constant=stored, exchanges=_reduced(exchanges))
            if tensor in self.producers:
                node, output = self.producers[tensor]
                return Source(node, output, exchanges=_reduced(exchanges))
            operator = self.through.get(tensor)
            if operator is None:
                break
            if operator.name == "TRANSPOSE":
                exchanges.insert(0, self._exchange(operator))
            tensor = operator.inputs[0]
        inputs = self.model.inputs
        at = inputs.index(tensor) if tensor in inputs else -1
        # A tensor that no operator writes and that is not an input is left to the runtime.
        return Source(None, at, exchanges=_reduced(exchanges) if start != tensor else ())

    def _exchange(self, operator: Operator) -> Exchange:
        """Return how a TRANSPOSE exchanges axes."""
        shape = self.model.tensors[operator.inputs[0]].shape
        stored = self.wiring.stored(operator, 1)
        if stored is None:
            raise ModelError(
                f"operator TRANSPOSE {operator.index} gets the order of axes at run time",
                where=self.model.path,
            )
        order = [int(axis) for axis in self.constants.stored(stored.tensor).ravel()]
        if sorted(order) != list(range(len(shape))):
            raise damaged(self.model.path, f"operator TRANSPOSE {operator.index} has no such axes")
        axes = [axis for axis in order if shape[axis] != 1]
        rank = {axis: at for at, axis in enumerate(sorted(axes))}
        return squeezed(shape), tuple(rank[axis] for axis in axes)


def _near(end: float, most: float = _GUARD) -> float:
    """Return the end of a known activation if it is as near as this; otherwise the same end."""
    return next((known for known in _ENDS if abs(end - known) <= most), end)


def _reduced(exchanges: list[Exchange]) -> tuple[Exchange, ...]:
    """Return exchanges with consecutive ones combined, and without those that change nothing."""
    left: list[Exchange] = []
    for shape, order in exchanges:
        if left and _exchanged(*left[-1]) == shape:
            before, first = left.pop()
            left.append((before, tuple(first[axis] for axis in order)))
        else:
            left.append((shape, order))
        if left[-1][1] == tuple(range(len(left[-1][1]))):
            left.pop()
    return tuple(left)


def _exchanged(shape: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in order)


def _kind(operator: Operator, stored: Tensor | None) -> str:
    if operator.name == "FULLY_CONNECTED":
        return DENSE
    if operator.name in _INVERSE and stored is not None:
        return _INVERSE[operator.name]
    options = dict(operator.options)
    if operator.name == _MATMUL and stored is not None and not options["adj_x"]:
        return DENSE if len(stored.shape) > 1 and math.prod(stored.shape[:-2]) == 1 else _MATMUL
    looks_once = (
        operator.name == "CONV_2D"
        and stored is not None
        and stored.shape[1:3] == (1, 1)
        and options["stride_w"] == options["stride_h"] == 1
    )
    return DENSE if looks_once else operator.name
