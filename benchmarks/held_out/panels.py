"""Small networks of six tasks for the held-out set: digits over photographs, trained in minutes.

Photographs of ``$EDGEQ_DATA`` lie behind the digits: those of the calibration set in training and
calibration, those of the evaluation set in evaluation alone. Each network answers another question
about the same kind of picture: which digits it shows, where, how far they are turned, what it looks
like without noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

SIDE = 48
STORED = 2 * SIDE
"""Side of the photographs, which a network's input halves."""

CLASSES = 10
TRAINED_ON = 4000
EPOCHS = 14
BATCH = 64
SEED = 41
SETS = {"calibration": 48, "evaluation": 120}
MAX_TURNED = 40.0
EMPTY = 0.15
"""Share of the pictures without a digit that networks are trained on."""

Pixels = npt.NDArray[np.uint8]
Reals = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Panel:
    """One picture and everything that can be asked about it.

    Attributes:
        image: The picture, uint8 ``(96, 96, 3)``.
        clean: The same before noise was added.
        digit: The digit in the middle; -1 if there is none.
        digits: All digits, of which others stand in the corners.
        mask: Where the middle digit is: 0 for background, 1 for an even and 2 for an odd digit.
        corners: The corners of its box, turned like the digit, ``(4, 2)`` as shares of the side.
        angle: By how many degrees it is turned.
    """

    image: Pixels
    clean: Pixels
    digit: int
    digits: tuple[int, ...]
    mask: Pixels
    corners: Reals
    angle: float


def panels(photographs: Path, count: int, seed: int, empty: float = 0.0) -> list[Panel]:
    """Return pictures drawn with a seed, a share of them without a digit."""
    generator = np.random.default_rng(seed)
    behind = []
    for path in sorted(photographs.glob("*.png")):
        with Image.open(path) as photo:
            behind.append(photo.convert("RGB").resize((2 * STORED, 2 * STORED)))
    return [
        _panel(behind[int(generator.integers(len(behind)))], at % CLASSES, generator, empty)
        for at in range(count)
    ]


def _panel(behind: Image.Image, digit: int, generator: np.random.Generator, empty: float) -> Panel:
    left, top = (int(at) for at in generator.integers(0, STORED, 2))
    picture = behind.crop((left, top, left + STORED, top + STORED))
    if generator.random() < empty:
        digit = -1
    digits = {digit} - {-1}
    angle = float(generator.uniform(-MAX_TURNED, MAX_TURNED))
    centre = STORED / 2 + generator.uniform(-10, 10, 2)
    cover = Image.new("L", (STORED, STORED))
    size = float(generator.uniform(52, 72))
    font = ImageFont.load_default(size)
    if digit >= 0:
        ImageDraw.Draw(cover).text(tuple(centre), str(digit), 255, font, anchor="mm")
        cover = cover.rotate(angle, Image.Resampling.BILINEAR, center=tuple(centre))
        _paint(picture, cover, generator)
    for corner in ((16, 16), (STORED - 16, 16)):
        if generator.random() < 0.5:  # in half of the corners
            other = int(generator.integers(CLASSES))
            digits.add(other)
            small = Image.new("L", (STORED, STORED))
            ImageDraw.Draw(small).text(
                corner, str(other), 255, ImageFont.load_default(30), anchor="mm"
            )
            _paint(picture, small, generator)
    clean = np.asarray(picture, np.uint8)
    noisy = clean + generator.normal(0, 14, clean.shape)
    value = 0 if digit < 0 else 1 + digit % 2
    return Panel(
        image=np.clip(np.rint(noisy), 0, 255).astype(np.uint8),
        clean=clean,
        digit=digit,
        digits=tuple(sorted(digits)),
        mask=np.where(np.asarray(cover) > 127, value, 0).astype(np.uint8),
        corners=_corners(centre, size, angle),
        angle=angle,
    )


def _paint(picture: Image.Image, cover: Image.Image, generator: np.random.Generator) -> None:
    """Paint what a mask covers in a colour that stands out."""
    light = float(np.asarray(picture, np.float32).mean())
    colour = generator.uniform(0, 90, 3) + (150 if light < 128 else 0)
    picture.paste(tuple(int(part) for part in colour), mask=cover)


def _corners(centre: npt.NDArray[np.float64], size: float, angle: float) -> npt.NDArray[np.float32]:
    turn = np.deg2rad(-angle)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    box = np.array([[-0.3, -0.4], [0.3, -0.4], [0.3, 0.4], [-0.3, 0.4]]) * size
    corners: Reals = ((centre + box @ matrix.T) / STORED).astype(np.float32)
    return corners


def prepare(name: str, folder: Path, photographs: Path) -> Path:
    """Return the file of a trained network, with its pictures and labels beside it.

    Args:
        name: Of ``NETWORKS``.
        folder: Where all of it is kept.
        photographs: A folder with the folders ``calibration`` and ``evaluation``.
    """
    own = folder / name
    network = own / f"{name}.keras"
    for number, (role, count) in enumerate(SETS.items()):
        if len(list((own / role).rglob("*.png"))) != count:
            _write(name, own, role, panels(photographs / role, count, SEED + 1 + number))
    if not network.is_file():
        _train(name, network, photographs / "calibration")
    return network


def _write(name: str, folder: Path, role: str, drawn: list[Panel]) -> None:
    """Write pictures, and their labels in the way of a task."""
    rows = []
    for at, panel in enumerate(drawn):
        place = f"{panel.digit}/{at:03}.png" if name == "likeness" else f"{at:03}.png"
        _save(panel.image, folder / role / place)
        if name == "mask":
            _save(panel.mask, folder / "masks" / role / place)
        if name == "clean":
            _save(panel.clean, folder / "targets" / role / place)
        values = {
            "shown": " ".join(map(str, panel.digits)),
            "corners": ",".join(f"{value:.5f}" for value in panel.corners.ravel()),
            "angle": f"{panel.angle / MAX_TURNED:.5f}",
        }
        rows.append(f"{place},{values.get(name, '')}")
    columns = {
        "shown": "labels",
        "corners": ",".join(f"value_{at}" for at in range(8)),
        "angle": "value",
    }
    if name in columns:
        text = "\n".join([f"file,{columns[name]}", *rows])
        (folder / f"{role}.csv").write_text(text + "\n")


def _save(pixels: Pixels, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _train(name: str, path: Path, photographs: Path) -> None:
    import keras

    keras.utils.set_random_seed(SEED)
    drawn = panels(photographs, TRAINED_ON, SEED, EMPTY if name == "corners" else 0.0)
    images = np.stack([_small(panel.image) for panel in drawn]).astype(np.float32)
    network, losses, targets = NETWORKS[name](keras, drawn)
    rate = keras.optimizers.schedules.CosineDecay(4e-3, EPOCHS * TRAINED_ON // BATCH)
    network.compile(keras.optimizers.Adam(rate), losses)
    network.fit(images, targets, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    if name == "likeness":  # the classifier above the embedding has done its work
        network = keras.Model(network.input, network.get_layer("embedding").output)
    network.save(path)


def _small(pixels: Pixels) -> Pixels:
    with Image.fromarray(pixels) as picture:
        return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


Made = tuple[Any, Any, Any]
"""A network, its loss and its targets; lists of them if it has several outputs."""


def _trunk(keras: Any, activation: str) -> tuple[Any, Any, Any]:
    """Return an input, and what a small network makes of it at 1/2 and at 1/8 of its size."""
    layers = keras.layers

    def normal(given: Any, channels: int, stride: int = 1) -> Any:
        wide = layers.Conv2D(channels, 3, stride, padding="same", use_bias=False)(given)
        return layers.Activation(activation)(layers.BatchNormalization(momentum=0.9)(wide))

    given = layers.Input((SIDE, SIDE, 3))
    made = layers.Rescaling(1 / 255)(given)
    half = normal(made, 16, 2)
    quarter = normal(half, 24, 2)
    quarter = layers.Add()([quarter, normal(quarter, 24)])
    eighth = normal(quarter, 48, 2)
    eighth = layers.Add()([eighth, normal(eighth, 48)])
    return given, half, eighth


def _shown(keras: Any, drawn: list[Panel]) -> Made:
    given, _, deep = _trunk(keras, "relu6")
    made = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(deep))
    network = keras.Model(given, keras.layers.Dense(CLASSES, activation="sigmoid")(made))
    targets = np.zeros((len(drawn), CLASSES), np.float32)
    for row, panel in zip(targets, drawn, strict=True):
        row[list(panel.digits)] = 1
    return network, "binary_crossentropy", targets


def _likeness(keras: Any, drawn: list[Panel]) -> Made:
    given, _, deep = _trunk(keras, "silu")
    made = keras.layers.GlobalAveragePooling2D()(deep)
    made = keras.layers.Dense(24)(made)
    made = keras.layers.UnitNormalization(name="embedding")(made)
    scaled = keras.layers.Rescaling(12.0)(made)
    network = keras.Model(given, keras.layers.Dense(CLASSES, activation="softmax")(scaled))
    targets = np.array([panel.digit for panel in drawn])
    return network, "sparse_categorical_crossentropy", targets


def _mask(keras: Any, drawn: list[Panel]) -> Made:
    given, half, deep = _trunk(keras, "relu")
    layers = keras.layers
    made = layers.UpSampling2D(4, interpolation="bilinear")(deep)
    made = layers.Concatenate()([made, half])
    made = layers.Conv2D(24, 3, padding="same", activation="relu")(made)
    made = layers.Conv2D(3, 1)(made)
    made = layers.UpSampling2D(2, interpolation="bilinear")(made)
    network = keras.Model(given, layers.Softmax()(made))
    targets = np.stack([panel.mask[::2, ::2] for panel in drawn])
    return network, "sparse_categorical_crossentropy", targets


def _clean(keras: Any, drawn: list[Panel]) -> Made:
    layers = keras.layers
    given = layers.Input((SIDE, SIDE, 3))
    unit = layers.Rescaling(1 / 255)(given)
    made = layers.Conv2D(16, 5, padding="same", activation="relu")(unit)
    made = layers.Conv2D(24, 3, padding="same", activation="relu")(made)
    made = layers.Conv2D(3, 3, padding="same")(made)
    network = keras.Model(given, layers.Add()([unit, made]))
    targets = np.stack([_small(panel.clean) for panel in drawn]).astype(np.float32) / 255
    return network, "mean_squared_error", targets


def _corners_network(keras: Any, drawn: list[Panel]) -> Made:
    given, _, deep = _trunk(keras, "relu6")
    layers = keras.layers
    made = layers.Dense(64, activation="relu")(layers.Flatten()(deep))
    places = layers.Dense(8, name="places")(made)
    shows = layers.Dense(1, activation="sigmoid", name="shows")(made)
    network = keras.Model(given, [places, shows])
    corners = np.stack([panel.corners.ravel() for panel in drawn])
    present = np.array([[panel.digit >= 0] for panel in drawn], np.float32)
    return network, ["mean_squared_error", "binary_crossentropy"], [corners, present]


def _angle(keras: Any, drawn: list[Panel]) -> Made:
    given, _, deep = _trunk(keras, "silu")
    layers = keras.layers
    made = layers.Dense(48, activation="tanh")(layers.Flatten()(deep))
    network = keras.Model(given, layers.Dense(1)(made))
    targets = np.array([panel.angle for panel in drawn], np.float32) / MAX_TURNED
    return network, "mean_squared_error", targets


NETWORKS: dict[str, Callable[[Any, list[Panel]], Made]] = {
    "shown": _shown,
    "likeness": _likeness,
    "mask": _mask,
    "clean": _clean,
    "corners": _corners_network,
    "angle": _angle,
}
"""Multi-label classifier, embedding, segmentation, image to image, keypoints and regression."""
