"""How the main graph of a file is wired: what makes a tensor, what takes it, what is stored.

Every question about the way from one operator to another is asked here, so that all rooms see the
same softmax, the same weights and the same layers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from edgeq.tflite.model_file import POST_PROCESS, ModelFile, Operator, Tensor

ACTIVATION_TYPES_INTEGER = frozenset({"int8", "uint8", "int16"})

_TYPE_CHANGES = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"})
_SHAPE_CHANGES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
_SAME_VALUES = _TYPE_CHANGES | _SHAPE_CHANGES
_SOFTMAX, _SIGMOID = "SOFTMAX", "LOGISTIC"


_ACTING = frozenset(
    {
        *("ASSIGN_VARIABLE", "CALL", "CALL_ONCE", "HASHTABLE", "HASHTABLE_IMPORT", "IF"),
        *("VAR_HANDLE", "WHILE"),
    }
)
"""Operators that change a state or run another graph, which may."""


@dataclass(frozen=True)
class Places:
    """Where a compute operator takes its parts from: positions among its inputs.

    Attributes:
        activation: What it computes with.
        weights: What the activation is multiplied with.
        bias: What is added, None if it adds nothing.
        channel_axis: The dimension of the weights that output channels lie along, from the end if
            it is negative.
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
"""The compute operators: those that multiply activations with weights, or with each other."""


@dataclass(frozen=True)
class Stored:
    """The constant behind an operator's input.

    Attributes:
        tensor: What is stored.
        dequantized: Whether a DEQUANTIZE lies between it and the operator.
        rearranged: Whether its shape or the order of its axes changes on the way, so that its axes
            are not those that the operator takes.
    """

    tensor: Tensor
    dequantized: bool
    rearranged: bool


@dataclass(frozen=True)
class Compute:
    """A compute operator with what is stored for it.

    Attributes:
        operator: The operator.
        output: The tensor that it computes.
        weights: Its stored weights, None if it multiplies activations with each other.
        bias: Its stored bias, None if there is none.
    """

    operator: Operator
    output: Tensor
    weights: Stored | None
    bias: Stored | None


@dataclass(frozen=True)
class Layer:
    """A compute operator with stored weights whose axes are those that the operator takes.

    Attributes:
        operator: Its place in the graph.
        name: The operator's name.
        input: Index of the activation that it takes, -1 if it has none.
        weights: The stored weights, before a DEQUANTIZE.
        bias: The stored bias, None if there is none.
        output: What it computes.
    """

    operator: int
    name: str
    input: int
    weights: Tensor
    bias: Tensor | None
    output: Tensor

    @property
    def channel_axis(self) -> int:
        """The dimension of the weights that output channels lie along."""
        axis = COMPUTE[self.name].channel_axis
        return axis if axis >= 0 else max(len(self.weights.shape) + axis, 0)


@dataclass(frozen=True)
class Wiring:
    """The main graph of a file.

    Attributes:
        model: The file.
    """

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

        Operators that change only their type or shape are looked through.

        Args:
            tensor: Index of a tensor.

        Returns:
            None for an input, a constant, or a graph that ends in a circle.
        """
        return next(
            (producer for producer in self._upwards(tensor) if not self._keeps(producer)), None
        )

    def consumers(self, tensor: int) -> tuple[Operator, ...]:
        """Return the operators that take a tensor as it is, in the order of execution."""
        return tuple(self._consumers.get(tensor, ()))

    def logits(self, tensor: int) -> int | None:
        """Return the index of the tensor that a softmax or sigmoid makes another one from.

        Its values lie in the same order as those of the other one: both are read place by place.

        Returns:
            None if neither makes it.
        """
        maker = self.maker(tensor)
        if maker is None or maker.name not in {_SOFTMAX, _SIGMOID} or maker.inputs[0] < 0:
            return None
        feeding = self.model.tensors[maker.inputs[0]]
        # A softmax of a map whose cells were then chosen from feeds more than it gives.
        if math.prod(feeding.shape) != math.prod(self.model.tensors[tensor].shape):
            return None
        return maker.inputs[0]

    @property
    def ends_in_softmax(self) -> bool:
        """Whether the first output holds a softmax's probabilities, in whatever order."""
        # Probabilities stay probabilities when their axes are exchanged. `logits` may not look
        # that far: what feeds the softmax of a map lies in another order than the output.
        if not self.model.outputs:
            return False
        for producer in self._upwards(self.model.outputs[0]):
            if not self._keeps(producer) and producer.name != "TRANSPOSE":
                return producer.name == _SOFTMAX
        return False

    def step(self, tensor: int) -> float:
        """Return the real size of one step of a tensor's values, 0 if they are not quantized."""
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
        """Return whether the runtime's own post-processing of detections makes a tensor."""
        maker = self.maker(tensor)
        return maker is not None and maker.name == POST_PROCESS

    @property
    def detections(self) -> tuple[int, ...]:
        """Indices of the boxes and scores that go into the post-processing of detections.

        What comes out of it are lists sorted by score, whose places mean nothing: two models are
        compared by what goes in.
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
        """Return the constant behind an operator's input, None if it is computed or absent.

        Args:
            operator: An operator of the graph.
            position: Of the input; None, and one that the operator does not have, is absent.
        """
        if position is None or position >= len(operator.inputs) or operator.inputs[position] < 0:
            return None
        index, dequantized, rearranged = operator.inputs[position], False, False
        for maker in self._upwards(index):
            if self.model.tensors[index].data_bytes:
                break
            # What bytes are does not depend on the order of their axes.
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
        """The compute operators with what is stored for them, in the order of execution."""
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
        """The compute operators whose weights can be looked at channel by channel.

        Stored weights that are rearranged on the way are left out, because their axes are not
        those of the operator.
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
                    # A bias has one axis, however it is wrapped.
                    bias=None if layer.bias is None else layer.bias.tensor,
                    output=layer.output,
                )
            )
        return tuple(classifiers)

    @cached_property
    def heads(self) -> tuple[Compute, ...]:
        """The dense layers whose results are outputs, or become one by a softmax or sigmoid."""
        compute = {layer.operator.index: layer for layer in self.compute}
        by_operator = {}
        for index in self.model.outputs:
            logits = self.logits(index)
            maker = self.maker(index if logits is None else logits)
            if maker is not None and maker.name == "FULLY_CONNECTED":
                by_operator[maker.index] = compute[maker.index]
        return tuple(layer for _, layer in sorted(by_operator.items()) if layer.weights is not None)

    def followers(self, tensor: int) -> tuple[Compute, ...]:
        """Return the compute operators that a tensor reaches before any other, in order.

        Args:
            tensor: Index of a tensor, for example of a layer's output.
        """
        compute = {layer.operator.index: layer for layer in self.compute}
        reached: set[int] = set()
        seen, waiting = {tensor}, [tensor]
        while waiting:
            for consumer in self.consumers(waiting.pop()):
                if consumer.index in compute:
                    reached.add(consumer.index)
                    continue
                waiting += [index for index in consumer.outputs if index not in seen]
                seen.update(consumer.outputs)
        return tuple(compute[index] for index in sorted(reached))

    @cached_property
    def needed(self) -> tuple[Operator, ...]:
        """The operators that an output depends on, and those that do more than compute."""
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

    def _keeps(self, operator: Operator) -> bool:
        """Return whether an operator leaves the values and their order as they are."""
        if operator.name in _SAME_VALUES:
            return True
        if operator.name != "TRANSPOSE":
            return False
        # There is nothing to exchange in a vector, whatever axis it lies along.
        return sum(size != 1 for size in self.model.tensors[operator.outputs[0]].shape) <= 1

    def _upwards(self, tensor: int) -> Iterator[Operator]:
        """Yield what makes a tensor, what makes its first input, and so on."""
        for _ in self.model.operators:  # a damaged graph may run in a circle
            maker = self._makers.get(tensor)
            if maker is None or not maker.inputs or maker.inputs[0] < 0:
                return
            yield maker
            tensor = maker.inputs[0]


def _acts(operator: Operator) -> bool:
    """Return whether an operator may do more than compute its outputs."""
    unknown = operator.name.startswith(("CUSTOM:", "FLEX:", "BUILTIN_", "STABLEHLO_"))
    return unknown or operator.name in _ACTING or not operator.outputs
