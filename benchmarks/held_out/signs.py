"""The smallest network of the held-out set: digits drawn over photographs, trained in a minute.

Its float file has 80 kB. Photographs of ``$EDGEQ_DATA`` lie behind the digits: those of the
calibration set in training and calibration, those of the evaluation set in evaluation alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

SIDE = 32
CLASSES = 10
TRAINED_ON = 6000
EPOCHS = 10
BATCH = 64
SEED = 14
NETWORK = "signs.keras"
SETS = {"calibration": 100, "evaluation": 500}


def prepare(folder: Path, photographs: Path) -> Path:
    """Return the trained network's file, with its two sets of images beside it.

    Args:
        folder: Where all of it is kept.
        photographs: A folder with the folders ``calibration`` and ``evaluation``.
    """
    for number, (role, count) in enumerate(SETS.items()):
        _write(folder / role, photographs / role, count, SEED + 1 + number)
    network = folder / NETWORK
    if not network.is_file():
        _train(network, photographs / "calibration")
    return network


def _write(folder: Path, photographs: Path, count: int, seed: int) -> None:
    """Write images into one folder per class, unless they are there."""
    if len(list(folder.glob("*/*.png"))) == count:
        return
    images, labels = draw(photographs, count, seed)
    for at, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / str(label) / f"{at:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def draw(
    photographs: Path, count: int, seed: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return images of digits, uint8 ``(n, 32, 32, 3)``, and the digits, ``(n,)``."""
    generator = np.random.default_rng(seed)
    behind = [_small(path) for path in sorted(photographs.glob("*.png"))]
    labels = np.arange(count) % CLASSES
    images = [
        _image(behind[int(generator.integers(len(behind)))], int(it), generator) for it in labels
    ]
    return np.stack(images), labels


def _small(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as photo:
        return np.asarray(photo.convert("RGB").resize((3 * SIDE, 3 * SIDE)))


def _image(
    behind: npt.NDArray[np.uint8], digit: int, generator: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Return a digit over a part of a photograph: turned, moved, in some colour."""
    top, left = generator.integers(0, 2 * SIDE, 2)
    part = behind[top : top + SIDE, left : left + SIDE].astype(np.float32)
    mask = Image.new("L", (2 * SIDE, 2 * SIDE))
    font = ImageFont.load_default(float(generator.uniform(34, 52)))
    place = (SIDE + float(generator.uniform(-3, 3)), SIDE + float(generator.uniform(-3, 3)))
    ImageDraw.Draw(mask).text(place, str(digit), 255, font, anchor="mm")
    turned = mask.rotate(float(generator.uniform(-12, 12)), Image.Resampling.BILINEAR)
    cover = np.asarray(turned.resize((SIDE, SIDE)), np.float32)[..., np.newaxis] / 255
    colour = generator.uniform(0, 255, 3).astype(np.float32)
    away = np.sign(colour.mean() - part.mean()) * 90  # so that people could read it too
    mixed = part * (1 - 0.95 * cover) + np.clip(colour + away, 0, 255) * 0.95 * cover
    image: npt.NDArray[np.uint8] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return image


def _train(path: Path, photographs: Path) -> None:
    import keras

    keras.utils.set_random_seed(SEED)
    images, labels = draw(photographs, TRAINED_ON, SEED)
    network = _network(keras)
    rate = keras.optimizers.schedules.CosineDecay(6e-3, EPOCHS * TRAINED_ON // BATCH)
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    network.fit(images.astype(np.float32), labels, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    network.save(path)


def _network(keras: Any) -> Any:
    layers = keras.layers

    def normal(given: Any) -> Any:
        return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(given))

    def block(given: Any, stride: int, channels: int) -> Any:
        wide = normal(layers.Conv2D(2 * channels, 1, use_bias=False)(given))
        made = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(wide)
        made = layers.Conv2D(channels, 1, use_bias=False)(normal(made))
        made = layers.BatchNormalization(momentum=0.9)(made)
        alike = stride == 1 and given.shape[-1] == channels
        return layers.Add()([given, made]) if alike else made

    given = layers.Input((SIDE, SIDE, 3))
    made = layers.Rescaling(1 / 127.5, -1.0)(given)
    made = normal(layers.Conv2D(12, 3, 2, padding="same", use_bias=False)(made))
    for stride, channels in ((1, 16), (1, 16), (2, 24), (1, 24), (2, 32), (1, 32)):
        made = block(made, stride, channels)
    made = normal(layers.Conv2D(64, 1, use_bias=False)(made))
    made = layers.GlobalAveragePooling2D()(made)
    return keras.Model(given, layers.Dense(CLASSES, activation="softmax")(made))
