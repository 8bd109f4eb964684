"""EfficientNet-Lite0 in Keras; imported in the export child only.

The network is EfficientNet-B0 without squeeze-and-excite, with ReLU6 instead of SiLU, and with a
stem and head of fixed width: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from edgeq.errors import ModelError

SIZE = 224
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
CLASSES = 1000
EPSILON = 1e-3
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")

State = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class _Stage:
    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def build(state: State) -> Any:
    """Return the Keras model with trained weights; its input is ``(x - 127) / 128``.

    Args:
        state: Weights by their names in the checkpoint.

    Raises:
        ModelError: A tensor is missing or has another shape.
    """
    model = network()
    for layer, names in _places(model):
        try:
            values = [state[name] for name in names]
        except KeyError as error:
            raise ModelError(f"the weights have no tensor {error}") from error
        layer.set_weights([_keras_order(layer, value) for value in values])
    return model


def network() -> Any:
    """Return the network without trained weights; layers carry the checkpoint's names."""
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = _convolution(image, "conv_stem", STEM_CHANNELS, kernel=3, stride=2)
    x = layers.ReLU(6.0)(_normalised(x, "bn0"))
    for index, (stage, stride) in enumerate(_blocks()):
        x = _block(x, f"blocks.{index}.", stage, stride)
    x = layers.ReLU(6.0)(_normalised(_convolution(x, "conv_head", HEAD_CHANNELS), "bn1"))
    x = layers.GlobalAveragePooling2D()(x)
    logits = layers.Dense(CLASSES, name="fc")(x)
    return keras.Model(
        image, layers.Softmax(name="probabilities")(logits), name="efficientnet_lite0"
    )


def _blocks() -> Iterator[tuple[_Stage, int]]:
    for stage in STAGES:
        yield stage, stage.stride
        for _ in range(stage.repeats - 1):
            yield stage, 1


def _block(x: Any, prefix: str, stage: _Stage, stride: int) -> Any:
    entry, channels = x, x.shape[-1]
    if stage.expansion > 1:
        x = _convolution(x, f"{prefix}expand_conv", channels * stage.expansion)
        x = layers.ReLU(6.0)(_normalised(x, f"{prefix}bn0"))
    x = layers.DepthwiseConv2D(
        stage.kernel,
        stride,
        padding="same",
        use_bias=False,
        name=f"{prefix}depthwise_conv",
    )(x)
    x = layers.ReLU(6.0)(_normalised(x, f"{prefix}bn1"))
    x = _convolution(x, f"{prefix}project_conv", stage.channels)
    x = _normalised(x, f"{prefix}bn2")
    return layers.Add()([x, entry]) if stride == 1 and channels == stage.channels else x


def _convolution(x: Any, name: str, channels: int, *, kernel: int = 1, stride: int = 1) -> Any:
    return layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=name)(x)


def _normalised(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=EPSILON, name=name)(x)


def _places(model: Any) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Yield each layer that has weights with their names in the checkpoint, in Keras's order."""
    for layer in model.layers:
        if not layer.weights:
            continue
        prefix, _, own = layer.name.rpartition(".")
        name = f"_{prefix}._{own}" if prefix else f"_{own}"
        if isinstance(layer, layers.BatchNormalization):
            yield layer, tuple(f"{name}.{part}" for part in _BATCH_NORM)
        elif isinstance(layer, layers.Dense):
            yield layer, (f"{name}.weight", f"{name}.bias")
        else:
            yield layer, (f"{name}.weight",)


def _keras_order(layer: Any, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a PyTorch kernel in Keras's order of dimensions.

    PyTorch's order is (out, in, height, width) or (out, in); a depthwise kernel is (channels, 1,
    height, width).
    """
    if isinstance(layer, layers.DepthwiseConv2D):
        return value.transpose(2, 3, 0, 1)
    if isinstance(layer, layers.Conv2D):
        return value.transpose(2, 3, 1, 0)
    return value.T
