"""False alarms on small models: ten good networks below 1 MB, the default gates, and no FAIL.

Run ``python -m benchmarks.small_models --folder FOLDER`` (the extra ``keras`` is needed; ten
minutes, most of it training); it prints the table of ``small_models.md``. The networks are of
different kinds (plain and depthwise convolutions, squeeze and excite with hard-swish, dense alone,
residual), have 2 to 100 classes, end in a softmax or in logits, and are trained on pictures that
are drawn by a seed. Each is converted by the default four methods and judged with the default gates
on ``--images`` pictures that neither training nor calibration saw. The exit code is 1 if a case
FAILs.

``--methods`` names other methods, and ``--only`` one network.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeq.io import structs
from edgeq.record.structs import RunRecord

METHODS = ("dynamic_range", "float16", "int8", "weight_only_int8")
CALIBRATION = 100
EVALUATION = 600
TRAINING = 60
"""Pictures of each class, at least ``MIN_TRAINING`` in all."""
MIN_TRAINING = 2400
NOISE = 25.0
JITTER = 0.28
"""Deviation of a picture's angle, as a share of what parts two classes: some 7 % are another's."""
FAILED = "FAIL"

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Network:
    """A network that is trained.

    Attributes:
        name: In the table.
        classes: Their number.
        side: Height and width of a picture.
        body: Makes features of what a Keras tensor holds.
        softmax: Whether it ends in one; else in logits.
        normalizes: Whether pixels become -1 to 1 in the network itself.
        epochs: Of the training.
    """

    name: str
    classes: int
    side: int
    body: Callable[[Any, Any], Any]
    softmax: bool = True
    normalizes: bool = True
    epochs: int = 8


def plain(layers: Any, x: Any) -> Any:
    """Three convolutions with batch normalization, and a mean."""
    for filters in (16, 32, 32):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return layers.GlobalAveragePooling2D()(x)


def tiny(layers: Any, x: Any) -> Any:
    """Two narrow convolutions: a file of some kB, of which little is weights."""
    for filters in (4, 8):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return layers.GlobalAveragePooling2D()(x)


def pooled(layers: Any, x: Any) -> Any:
    """Convolutions, pools and two dense layers, as in textbooks."""
    for filters in (16, 32):
        x = layers.MaxPooling2D()(layers.Conv2D(filters, 3, activation="relu")(x))
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    return layers.Dense(48, activation="relu")(x)


def depthwise(layers: Any, x: Any) -> Any:
    """MobileNet's pairs of depthwise and pointwise convolutions."""
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    for filters, stride in ((24, 1), (48, 2), (64, 1), (96, 2)):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = layers.Conv2D(filters, 1, use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    return layers.GlobalAveragePooling2D()(x)


def squeeze_and_excite(layers: Any, x: Any) -> Any:
    """MobileNetV3's blocks: hard-swish, and channels weighed by a hard sigmoid."""
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.Activation("hard_swish")(layers.BatchNormalization()(x))
    for filters in (24, 40):
        x = layers.Conv2D(filters * 2, 1, use_bias=False)(x)
        x = layers.Activation("hard_swish")(layers.BatchNormalization()(x))
        x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)
        x = layers.Activation("hard_swish")(layers.BatchNormalization()(x))
        weighed = layers.GlobalAveragePooling2D(keepdims=True)(x)
        weighed = layers.Conv2D(filters // 2, 1, activation="relu")(weighed)
        weighed = layers.Conv2D(filters * 2, 1, activation="hard_sigmoid")(weighed)
        x = layers.BatchNormalization()(layers.Conv2D(filters, 1)(layers.Multiply()([x, weighed])))
    return layers.GlobalAveragePooling2D()(x)


def dense(layers: Any, x: Any) -> Any:
    """No convolution at all."""
    x = layers.Dense(48, activation="relu")(layers.Flatten()(x))
    return layers.Dense(48, activation="relu")(x)


def residual(layers: Any, x: Any) -> Any:
    """ResNet's blocks with sums."""
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for filters, stride in ((16, 1), (32, 2), (48, 2)):
        y = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
        y = layers.BatchNormalization()(y)
        if stride > 1:
            x = layers.Conv2D(filters, 1, strides=stride)(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    return layers.GlobalAveragePooling2D()(x)


def joined(layers: Any, x: Any) -> Any:
    """SqueezeNet's fire modules, whose branches are joined."""
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    for squeezed, filters in ((8, 16), (12, 24)):
        s = layers.Conv2D(squeezed, 1, activation="relu")(x)
        left = layers.Conv2D(filters, 1, activation="relu")(s)
        right = layers.Conv2D(filters, 3, padding="same", activation="relu")(s)
        x = layers.MaxPooling2D()(layers.Concatenate()([left, right]))
    return layers.GlobalAveragePooling2D()(x)


def swish(layers: Any, x: Any) -> Any:
    """Inverted bottlenecks with SiLU and sums, as in EfficientNet."""
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.Activation("silu")(layers.BatchNormalization()(x))
    for _ in range(2):
        y = layers.Conv2D(64, 1, use_bias=False)(x)
        y = layers.Activation("silu")(layers.BatchNormalization()(y))
        y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
        y = layers.Activation("silu")(layers.BatchNormalization()(y))
        x = layers.Add()([x, layers.BatchNormalization()(layers.Conv2D(16, 1, use_bias=False)(y))])
    return layers.GlobalAveragePooling2D()(layers.Conv2D(64, 1, activation="silu")(x))


NETWORKS = (
    Network("plain-2", 2, 48, plain),
    Network("tiny-3", 3, 32, tiny, epochs=12),
    Network("pooled-5", 5, 32, pooled, normalizes=False),
    Network("dense-4", 4, 24, dense, epochs=14),
    Network("depthwise-10", 10, 48, depthwise, softmax=False),
    Network("se-hardswish-8", 8, 48, squeeze_and_excite),
    Network("residual-20", 20, 32, residual),
    Network("joined-16", 16, 48, joined, softmax=False, epochs=12),
    Network("swish-12", 12, 48, swish),
    Network("residual-100", 100, 32, residual, epochs=14),
)


def pictures(network: Network, count: int, seed: int) -> tuple[Pictures, npt.NDArray[np.int64]]:
    """Return pictures and their classes: stripes of an angle, in two of several colours.

    Args:
        network: Its classes and size; the class is the angle and the pair of colours.
        count: How many, the classes in turn.
        seed: Of all that is drawn.

    Returns:
        uint8 ``(count, side, side, 3)``, and int64 ``(count,)``.
    """
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % network.classes
    angles = min(network.classes, 10)
    tints = -(-network.classes // angles)
    y, x = np.mgrid[0 : network.side, 0 : network.side].astype(np.float32)
    drawn = []
    for label in labels:
        angle = np.pi * (label % angles + generator.normal(0, JITTER)) / angles
        wave = np.sin(
            (x * np.cos(angle) + y * np.sin(angle)) * generator.uniform(0.6, 0.9)
            + generator.uniform(0, 2 * np.pi)
        )
        hue = 2 * np.pi * (label // angles) / tints + np.array([0.0, 2.1, 4.2])
        dark, light = 60 + 40 * np.cos(hue), 170 + 60 * np.cos(hue)
        mix = ((wave + 1) / 2)[..., np.newaxis]
        drawn.append(light * mix + dark * (1 - mix))
    noisy = np.stack(drawn) + generator.normal(0, NOISE, (count, network.side, network.side, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8), labels


def write_pictures(folder: Path, network: Network, count: int, seed: int) -> None:
    """Write a set, a folder for each class."""
    from PIL import Image

    for number, (picture, label) in enumerate(zip(*pictures(network, count, seed), strict=True)):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{number:05d}.png")


def train(network: Network, path: Path) -> None:
    """Train a network and write it as a ``.keras`` file."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    given = keras.Input((network.side, network.side, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(given) if network.normalizes else given
    features = network.body(layers, x)
    end = "softmax" if network.softmax else None
    model = keras.Model(given, layers.Dense(network.classes, activation=end)(features))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not network.softmax)
    model.compile(keras.optimizers.Adam(3e-3), loss)
    shown, labels = pictures(network, max(TRAINING * network.classes, MIN_TRAINING), 1)
    values = shown.astype(np.float32) / np.float32(1 if network.normalizes else 255)
    model.fit(values, labels, batch_size=32, epochs=network.epochs, verbose=0)
    model.save(path)
    keras.backend.clear_session()


def judge(network: Network, folder: Path, methods: tuple[str, ...], images: int) -> RunRecord:
    """Return the record of a run of the default gates, but latency, on a trained network."""
    place = folder / network.name
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "net.keras").exists():
        write_pictures(place / "calibration", network, CALIBRATION, 2)
        write_pictures(place / "evaluation", network, images, 3)
        train(network, place / "net.keras")
    preprocessing = "keras-0-255" if network.normalizes else "unit"
    named = ", ".join(f'"{method}"' for method in methods)
    (place / "edgeq.toml").write_text(
        f"methods = [{named}]\n"
        f'[models.{network.name}]\nsource = "net.keras"\npreprocessing = "{preprocessing}"\n'
        'task = "classification"\n'
        '[images]\ncalibration = "calibration"\nevaluation = "evaluation"\n'
    )
    command = [sys.executable, "-m", "edgeq.cli", "gate", "-q", "-m", "not latency"]
    subprocess.run(command, cwd=place, check=False, stdout=subprocess.DEVNULL, env=os.environ)
    return structs.from_json((place / "reports" / "latest" / "run.json").read_bytes(), RunRecord)


def row(network: Network, record: RunRecord) -> str:
    """Return a line of the table: size, accuracy, and the verdicts of all cases."""
    (model,) = record.models
    counts = Counter(case.status.value for case in record.cases)
    size = model.baseline.bytes or 0
    right = [one.accuracy.baseline_top1 for one in model.variants if one.accuracy]
    saved = ", ".join(
        f"{case.variant} {100 * (case.value or 0):.0f} % (at least {100 * (case.limit or 0):.0f} %)"
        for case in record.cases
        if case.gate == "size_reduction"
    )
    top1 = f"{right[0].value:.3f}" if right else ""
    verdicts = f"{counts['PASS']} | {counts['INCONCLUSIVE']} | {counts[FAILED]}"
    ends = "softmax" if network.softmax else "logits"
    cells = (network.name, network.classes, ends, f"{size:,}", top1, verdicts, saved)
    return f"| {' | '.join(map(str, cells))} |"


def main(arguments: list[str] | None = None) -> int:
    """Train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="for networks and reports")
    parser.add_argument("--methods", nargs="+", default=METHODS, help="METHOD or METHOD@ENGINE")
    parser.add_argument("--images", type=int, default=EVALUATION, help="to evaluate")
    parser.add_argument("--only", help="the name of one network")
    chosen = parser.parse_args(arguments)
    print("| network | classes | ends in | bytes | top-1 | PASS | INCONCLUSIVE | FAIL | saved |")
    print("|---|--:|---|--:|--:|--:|--:|--:|---|")
    failures = []
    for network in NETWORKS:
        if chosen.only in {None, network.name}:
            record = judge(network, chosen.folder, tuple(chosen.methods), chosen.images)
            print(row(network, record), flush=True)
            failures += [case for case in record.cases if case.status.value == FAILED]
    for case in failures:
        print(f"\n{case.id}: {case.reason}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
