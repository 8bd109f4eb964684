"""Wiring of a file's main graph: which operators produce and take tensors, and what is stored.

All rooms ask here how operators are connected, so that they see the same softmax, the same weights
and the same layers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import POST_PROCESS, ModelFile, Operator, Tensor

ACTIVATION_TYPES_INTEGER = frozenset({"int8", "uint8", "int16"})

_TYPE_CHANGES = frozenset({"QUANTIZE", "DEQUANTIZE", "DENSIFY", "CAST"})
_SHAPE_CHANGES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
_JOINING = frozenset({"CONCATENATION", "PACK"})
_SELECTING = _JOINING | {"SLICE", "STRIDED_SLICE", "UNPACK"}
"""Operators that change at most the shape if they give as many values as they take."""
_SLICES = frozenset({"SLICE", "STRIDED_SLICE"})
_CLIPS = frozenset({"RELU", "RELU6", "RELU_0_TO_1"})
_CLIPS_AT = frozenset({"MAXIMUM", "MINIMUM"})
"""Operators that clip what they take, the second at a constant."""
_SOFTMAX, _SIGMOID = "SOFTMAX", "LOGISTIC"


_ACTING = frozenset(
    {
        *("ASSIGN_VARIABLE", "CALL", "CALL_ONCE", "HASHTABLE", "HASHTABLE_IMPORT", "IF"),
        *("VAR_HANDLE", "WHILE"),
    }
)
"""Operators that change a state, or run another graph, which may change one."""


@dataclass(frozen=True)
class Places:
    """Positions of a compute operator's parts among its inputs.

    Attributes:
        activation: Position of the activation.
        weights: Position of the weights.
        bias: Position of the bias; None if the operator has none.
        channel_axis: Axis of the output channels in the weights, counted from the end if negative.
    """

    activation: int
    weights: int
    bias: int | None
    channel_axis: int = 0


COMPUTE: Mapping[str, Places] = {
    "CONV_2D": Places(0, 1, 2),
    "DEPTHWISE_CONV_2D": Places(0, 1, 2, channel_axis=-1),
    "FULLY_CONNECTED": Places(0, 1, 2),
    "TRANSPOSE_CONV": Places(2, 1, 3),
    "CONV_3D": Places(0, 1, 2, channel_axis=-1),  # (depth, height, width, in, out)
    "CONV_3D_TRANSPOSE": Places(2, 1, 3, channel_axis=-2),  # (depth, height, width, out, in)
    "BATCH_MATMUL": Places(0, 1, None, channel_axis=-1),
}
"""The compute operators, which multiply activations by weights or by each other."""


@dataclass(frozen=True)
class Stored:
    """The constant that an operator's input comes from.

    Attributes:
        dequantized: Whether a DEQUANTIZE lies between it and the operator.
        rearranged: Whether its shape or the order of its axes changes before the operator takes it.
    """

    tensor: Tensor
    dequantized: bool
    rearranged: bool


@dataclass(frozen=True)
class Compute:
    """A compute operator with its stored weights and bias.

    Attributes:
        output: The tensor that it computes.
        weights: Its stored weights; None if it multiplies activations by each other.
        bias: Its stored bias; None if there is none.
    """

    operator: Operator
    output: Tensor
    weights: Stored | None
    bias: Stored | None


@dataclass(frozen=True)
class Layer:
    """A compute operator with stored weights that are not rearranged.

    Attributes:
        operator: Index of the operator in the graph.
        input: Index of the activation that it takes; -1 if it has none.
        weights: The stored weights, before any DEQUANTIZE.
        bias: The stored bias; None if there is none.
        output: The tensor that it computes.
    """

    operator: int
    name: str
    input: int
    weights: Tensor
    bias: Tensor | None
    output: Tensor

    @property
    def channel_axis(self) -> int:
        """Axis of the output channels in the weights."""
        axis = COMPUTE[self.name].channel_axis
        return axis if axis >= 0 else max(len(self.weights.shape) + axis, 0)


@dataclass(frozen=True)
class Wiring:
    """The main graph of a file."""

    model: ModelFile

    @cached_property
    def _makers(self) -> dict[int, Operator]:
        return {
            output: operator
            for operator in self.model.operators
            for output in operator.outputs
            if output >= 0
        }

    @cached_property
    def _consumers(self) -> dict[int, list[Operator]]:
        takers: defaultdict[int, list[Operator]] = defaultdict(list)
        for operator in self.model.operators:
            for index in dict.fromkeys(operator.inputs):
                takers[index].append(operator)
        return dict(takers)

    def maker(self, tensor: int) -> Operator | None:
        """Return the operator that computes a tensor's values.

        Operators that change only their type or shape are skipped.

        Returns:
            None for an input, a constant, or a cyclic graph.
        """
        return next(
            (producer for producer in self._upwards(tensor) if not self._keeps(producer)), None
        )

    def unclipped(self, tensor: int) -> Operator | None:
        """Return the operator that computes a tensor's values, before a clip of probabilities.

        Exporters clip a softmax or sigmoid to ``(epsilon, 1 - epsilon)``, which keeps its meaning.
        Otherwise the same as ``maker``.
        """
        for producer in self._upwards(tensor):
            if producer.name in {_SOFTMAX, _SIGMOID}:
                return producer
            if not self._keeps(producer) and not self._clips(producer):
                break
        return self.maker(tensor)

    def consumers(self, tensor: int) -> tuple[Operator, ...]:
        """Return the operators that take a tensor directly, in the order of execution."""
        return tuple(self._consumers.get(tensor, ()))

    def reals(self, tensor: int) -> tuple[int, ...]:
        """Return the tensors that an integer is turned into until it is a real number, in order.

        Returns:
            The tensor itself first and a float32 tensor last; only the tensor itself if it is one.
            Nothing if other operators than changes of type take it before.
        """
        chain = [tensor]
        while self.model.tensors[chain[-1]].dtype != "float32":
            takers = self.consumers(chain[-1])
            if len(takers) != 1 or takers[0].name not in _TYPE_CHANGES or not takers[0].outputs:
                return ()
            if takers[0].outputs[0] < 0 or takers[0].outputs[0] in chain:
                return ()
            chain.append(takers[0].outputs[0])
        return tuple(chain)

    def logits(self, tensor: int) -> int | None:
        """Return the index of the input of the softmax or sigmoid that produces a tensor.

        The values of both tensors are in the same order. A clip may follow.

        Returns:
            None if neither a softmax nor a sigmoid produces it.
        """
        maker = self.unclipped(tensor)
        if maker is None or maker.name not in {_SOFTMAX, _SIGMOID} or maker.inputs[0] < 0:
            return None
        feeding = self.model.tensors[maker.inputs[0]]
        # If cells of a map were selected after its softmax, the sizes differ.
        if math.prod(feeding.shape) != math.prod(self.model.tensors[tensor].shape):
            return None
        return maker.inputs[0]

    def scores_maker(self, tensor: int) -> Operator | None:
        """Return the softmax or sigmoid whose values, or some of them, a tensor holds.

        They may be clipped.

        Returns:
            None if neither produces them.
        """
        for producer in self._upwards(tensor):
            if producer.name in {_SOFTMAX, _SIGMOID}:
                return producer
            selects = producer.name in _SLICES or self._clips(producer)
            if not self._keeps(producer) and not selects:
                return None
        return None

    @property
    def ends_in_softmax(self) -> bool:
        """Whether the first output holds a softmax's probabilities, in any order."""
        # Probabilities stay probabilities if axes are exchanged. `logits` must not skip TRANSPOSE,
        # because the input of a map's softmax is then in another order than the output.
        if not self.model.outputs:
            return False
        for producer in self._upwards(self.model.outputs[0]):
            if not self._keeps(producer) and producer.name != "TRANSPOSE":
                return producer.name == _SOFTMAX
        return False

    def step(self, tensor: int) -> float:
        """Return the real size of one step of a tensor's values; 0 if they are not quantized."""
        indices = [tensor]
        for producer in self._upwards(tensor):
            if not self._keeps(producer):
                break
            indices.append(producer.inputs[0])
        for described in (self.model.tensors[index] for index in indices):
            if described.dtype in ACTIVATION_TYPES_INTEGER and described.scales.size == 1:
                return float(described.scales[0])
        return 0.0

    def is_post_processed(self, tensor: int) -> bool:
        """Return whether the runtime's own detection post-processing produces a tensor."""
        maker = self.maker(tensor)
        return maker is not None and maker.name == POST_PROCESS

    @property
    def detections(self) -> tuple[int, ...]:
        """Indices of the boxes and scores that go into the detection post-processing.

        Its outputs are lists sorted by score, in which positions mean nothing. So two models are
        compared by its inputs.
        """
        makers = (self.maker(index) for index in self.model.outputs)
        steps = {
            producer.index: producer
            for producer in makers
            if producer is not None and producer.name == POST_PROCESS
        }
        return tuple(
            index for decoder in steps.values() for index in decoder.inputs[:2] if index >= 0
        )

    def stored(self, operator: Operator, position: int | None) -> Stored | None:
        """Return the constant that an operator's input comes from; None if computed or absent."""
        if position is None or position >= len(operator.inputs) or operator.inputs[position] < 0:
            return None
        index, dequantized, rearranged = operator.inputs[position], False, False
        for maker in self._upwards(index):
            if self.model.tensors[index].data_bytes:
                break
            # A constant is the same constant whatever the order of its axes.
            if not self._keeps(maker) and maker.name != "TRANSPOSE":
                return None
            dequantized = dequantized or maker.name == "DEQUANTIZE"
            rearranged = rearranged or maker.name not in _TYPE_CHANGES
            index = maker.inputs[0]
        if not self.model.tensors[index].data_bytes:
            return None
        return Stored(self.model.tensors[index], dequantized, rearranged)

    @cached_property
    def compute(self) -> tuple[Compute, ...]:
        """The compute operators with their weights and biases, in the order of execution."""
        return tuple(
            Compute(
                operator=operator,
                output=self.model.tensors[operator.outputs[0]],
                weights=self.stored(operator, COMPUTE[operator.name].weights),
                bias=self.stored(operator, COMPUTE[operator.name].bias),
            )
            for operator in self.model.operators
            if operator.name in COMPUTE and operator.outputs and operator.outputs[0] >= 0
        )

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The compute operators whose weights can be examined channel by channel.

        Layers whose stored weights are rearranged are left out, because their axes are not those
        that the operator takes.
        """
        classifiers = []
        for layer in self.compute:
            if layer.weights is None or layer.weights.rearranged:
                continue
            place, inputs = COMPUTE[layer.operator.name].activation, layer.operator.inputs
            classifiers.append(
                Layer(
                    operator=layer.operator.index,
                    name=layer.operator.name,
                    input=inputs[place] if place < len(inputs) else -1,
                    weights=layer.weights.tensor,
                    # A bias has only one axis, so rearranging does not matter.
                    bias=None if layer.bias is None else layer.bias.tensor,
                    output=layer.output,
                )
            )
        return tuple(classifiers)

    @cached_property
    def last_layers(self) -> tuple[Layer, ...]:
        """The layers that no other layer follows on the way to an output."""
        by_output = {layer.output.index: layer for layer in self.layers}
        last, waiting, seen = set[int](), list(self.model.outputs), set[int]()
        while waiting:
            tensor = waiting.pop()
            maker = self._makers.get(tensor)
            if tensor in seen:
                continue
            seen.add(tensor)
            if tensor in by_output:
                last.add(tensor)
            elif maker is not None:
                waiting += maker.inputs
        return tuple(layer for layer in self.layers if layer.output.index in last)

    @cached_property
    def heads(self) -> tuple[Compute, ...]:
        """The dense layers that produce outputs, directly or through a softmax or sigmoid."""
        compute = {layer.operator.index: layer for layer in self.compute}
        by_operator = {}
        for index in self.model.outputs:
            logits = self.logits(index)
            maker = self.maker(index if logits is None else logits)
            if maker is not None and maker.name == "FULLY_CONNECTED":
                by_operator[maker.index] = compute[maker.index]
        return tuple(layer for _, layer in sorted(by_operator.items()) if layer.weights is not None)

    @cached_property
    def needed(self) -> tuple[Operator, ...]:
        """The operators that an output depends on, and those with side effects."""
        needed = {operator.index: operator for operator in self.model.operators if _acts(operator)}
        waiting = [
            *self.model.outputs,
            *(i for operator in needed.values() for i in operator.inputs),
        ]
        while waiting:
            maker = self._makers.get(waiting.pop())
            if maker is not None and maker.index not in needed:
                needed[maker.index] = maker
                waiting += maker.inputs
        return tuple(needed[index] for index in sorted(needed))

    def only_reshapes(self, operator: Operator) -> bool:
        """Return whether an operator changes at most the shape of its first input.

        Exporters write a new axis as a PACK of one tensor or as a STRIDED_SLICE of everything.
        """
        if operator.name in _SHAPE_CHANGES:
            return True
        if operator.name not in _SELECTING or len(operator.outputs) != 1:
            return False
        if operator.name in _JOINING and len(operator.inputs) != 1:
            return False
        both = [self.model.tensors[at] for at in (*operator.inputs[:1], *operator.outputs)]
        if any(-1 in tensor.shape_signature[1:] for tensor in both):
            return False
        if len({math.prod(tensor.shape) for tensor in both}) > 1:
            return False
        return operator.name != "STRIDED_SLICE" or self._strides_forwards(operator)

    def _strides_forwards(self, operator: Operator) -> bool:
        strides = self.stored(operator, 3)
        if strides is None:
            return False
        return bool((Constants(self.model).stored(strides.tensor).astype(np.int64) > 0).all())

    def _keeps(self, operator: Operator) -> bool:
        """Return whether an operator preserves the values and their order."""
        if operator.name in _TYPE_CHANGES or self.only_reshapes(operator):
            return True
        if operator.name != "TRANSPOSE":
            return False
        # A TRANSPOSE of a vector exchanges nothing, whatever axis it lies along.
        return sum(size != 1 for size in self.model.tensors[operator.outputs[0]].shape) <= 1

    def _clips(self, operator: Operator) -> bool:
        """Return whether an operator clips its first input at constants."""
        if operator.name in _CLIPS:
            return True
        stored = self.stored(operator, 1) if operator.name in _CLIPS_AT else None
        return stored is not None and math.prod(stored.tensor.shape) == 1

    def _upwards(self, tensor: int) -> Iterator[Operator]:
        """Yield the operator that produces a tensor, then that of its first input, and so on."""
        for _ in self.model.operators:  # a damaged graph may contain a cycle
            maker = self._makers.get(tensor)
            if maker is None or not maker.inputs or maker.inputs[0] < 0:
                return
            yield maker
            tensor = maker.inputs[0]


def _acts(operator: Operator) -> bool:
    """Return whether an operator may have side effects."""
    unknown = operator.name.startswith(("CUSTOM:", "FLEX:", "BUILTIN_", "STABLEHLO_"))
    return unknown or operator.name in _ACTING or not operator.outputs
