"""How the main graph of a file is wired: what makes a tensor, seen through what changes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from edgeq.tflite.model_file import POST_PROCESS, ModelFile, Operator

_SAME_VALUES = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"})

_INTEGERS = frozenset({"int8", "uint8", "int16"})


@dataclass(frozen=True)
class Wiring:
    """The main graph of a file.

    Attributes:
        model: The file.
    """

    model: ModelFile

    @cached_property
    def _makers(self) -> dict[int, Operator]:
        return {index: one for one in self.model.operators for index in one.outputs}

    def maker(self, tensor: int) -> Operator | None:
        """Return the operator that computes a tensor's values.

        Operators that change only their type or shape are looked through.

        Args:
            tensor: Index of a tensor.

        Returns:
            None for an input, a constant, or a graph that ends in a circle.
        """
        return next((one for one in self._upwards(tensor) if one.name not in _SAME_VALUES), None)

    def logits(self, tensor: int) -> int | None:
        """Return the index of the tensor that a softmax or sigmoid makes another one from.

        Returns:
            None if neither makes it.
        """
        maker = self.maker(tensor)
        if maker is None or maker.name not in {"SOFTMAX", "LOGISTIC"} or maker.inputs[0] < 0:
            return None
        feeding = self.model.tensors[maker.inputs[0]]
        # A softmax of a map whose cells were then chosen from feeds more than it gives.
        if math.prod(feeding.shape) != math.prod(self.model.tensors[tensor].shape):
            return None
        return maker.inputs[0]

    def step(self, tensor: int) -> float:
        """Return the real size of one step of a tensor's values, 0 if they are not quantized."""
        indices = [tensor]
        for one in self._upwards(tensor):
            if one.name not in _SAME_VALUES:
                break
            indices.append(one.inputs[0])
        for described in (self.model.tensors[index] for index in indices):
            if described.dtype in _INTEGERS and described.scales.size == 1:
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
        made = (self.maker(index) for index in self.model.outputs)
        steps = {one.index: one for one in made if one is not None and one.name == POST_PROCESS}
        return tuple(index for one in steps.values() for index in one.inputs[:2] if index >= 0)

    def _upwards(self, tensor: int) -> Iterator[Operator]:
        for _ in self.model.operators:
            maker = self._makers.get(tensor)
            if maker is None or not maker.inputs or maker.inputs[0] < 0:
                return
            yield maker
            tensor = maker.inputs[0]
