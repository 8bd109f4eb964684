"""A small float network with every kind of weights, and a calibration set for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeq.config.structs import Preprocessing
from edgeq.io.files import sha256_file
from edgeq.models.float_model import FloatModel
from edgeq.quantize.engine import Calibration
from edgeq.samples.decode import Pixels
from edgeq.samples.sets import ImageSet, Photo
from tests.unit.tiny_model import Op, Tensor, build

SIZE = (8, 8)
WIDTH = 64  # gives the convolution over 1,024 weights; with fewer they may stay in float32
CLASSES = 256  # makes the dense layer outweigh the depthwise one, which 4 and 2 bits leave alone
SIGNED_UNIT = Preprocessing(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))


def network(*, seed: int = 0, classes: int = CLASSES) -> bytes:
    """Return convolution, depthwise convolution, mean, dense layer and softmax as a file."""
    generator = np.random.default_rng(seed)

    def constant(name: str, *shape: int) -> Tensor:
        data = generator.normal(0, 0.3, shape).astype(np.float32)
        return Tensor(name, shape, data=data)

    image, features = (1, *SIZE, 3), (1, *SIZE, WIDTH)
    tensors = [
        Tensor("image", image),
        constant("conv_weights", WIDTH, 3, 3, 3),
        constant("conv_bias", WIDTH),
        Tensor("conv", features),
        constant("depthwise_weights", 1, 3, 3, WIDTH),
        constant("depthwise_bias", WIDTH),
        Tensor("depthwise", features),
        Tensor("axes", (2,), "int32", np.array([1, 2], np.int32)),
        Tensor("pooled", (1, WIDTH)),
        constant("dense_weights", classes, WIDTH),
        constant("dense_bias", classes),
        Tensor("logits", (1, classes)),
        Tensor("probabilities", (1, classes)),
    ]
    ops = [
        Op("CONV_2D", ("image", "conv_weights", "conv_bias"), ("conv",)),
        Op("DEPTHWISE_CONV_2D", ("conv", "depthwise_weights", "depthwise_bias"), ("depthwise",)),
        Op("MEAN", ("depthwise", "axes"), ("pooled",)),
        Op("FULLY_CONNECTED", ("pooled", "dense_weights", "dense_bias"), ("logits",)),
        Op("SOFTMAX", ("logits",), ("probabilities",)),
    ]
    return build(tensors, ops, ["image"], ["probabilities"])


def float_model(folder: Path, content: bytes | None = None) -> FloatModel:
    """Return the network as a float model whose file is in a folder."""
    path = folder / "float.tflite"
    path.write_bytes(network() if content is None else content)
    return FloatModel(
        name="tiny",
        source="float.tflite",
        path=path,
        sha256=sha256_file(path),
        trained=True,
        notes=(),
        input_size=SIZE,
        preprocessing=SIGNED_UNIT,
        labels=None,
        licence=None,
        attribution=None,
        export=None,
    )


def calibration(folder: Path, *, count: int = 6, seed: int = 0, source: str = "set") -> Calibration:
    """Return a calibration set of noise, its pixels in a folder."""
    shape = (count, *SIZE, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    path = folder / "pixels.npy"
    np.save(path, pixels)
    photos = tuple(
        Photo(str(folder / f"{index}.png"), f"{index}.png", f"{seed}-{index}", None)
        for index in range(count)
    )
    images = ImageSet("calibration", source, photos)
    return Calibration(images, Pixels(path, shape, f"pixels-{seed}-{count}"), SIGNED_UNIT)
