"""A Keras model's float file, straight from one traced function, beside Keras's own export.

``python -m benchmarks.exports [NAME ...]`` makes both of applications with random weights, in one
process and in turns, and compares seconds, bytes, operators and the answers to noise. Exit code 1
where operators differ or an answer does by more than float32's rounding.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeq.models.applications import SIZES, USUAL_SIZE
from edgeq.models.frozen_graph import UnsuitedModelError, write_litert
from edgeq.tflite.model_file import read_model

NAMES = (
    "EfficientNetV2B0",
    "EfficientNetB0",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "ResNet50",
    "ResNet50V2",
    "DenseNet121",
    "InceptionV3",
    "Xception",
    "NASNetMobile",
    "ConvNeXtTiny",
)
ROUNDING = 1e-5
QUESTIONS = 3


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long a function takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def answers(path: Path, side: int) -> npt.NDArray[np.float32]:
    """Return what a file says of noise in -1..1, float32 ``(questions, classes)``."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    entry, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    noise = np.random.default_rng(0).uniform(-1, 1, (QUESTIONS, 1, side, side, 3))
    found = []
    for image in noise.astype(np.float32):
        interpreter.set_tensor(entry["index"], image)
        interpreter.invoke()
        found.append(interpreter.get_tensor(output["index"])[0])
    return np.array(found, np.float32)


def operators(path: Path) -> Counter[str]:
    """Return how many operators of each kind a file has."""
    return Counter(one.name for one in read_model(path).operators)


def compare(name: str, folder: Path) -> bool:
    """Print one application's row and return whether both files say the same."""
    import keras

    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None)
    side = SIZES.get(name, USUAL_SIZE)
    shape = (1, side, side, 3)
    direct, own = folder / "direct.tflite", folder / "own.tflite"
    signature = [keras.InputSpec(shape=shape, dtype="float32")]
    slow = seconds_of(
        lambda: model.export(str(own), format="litert", input_signature=signature, verbose=False)
    )
    try:
        fast = seconds_of(lambda: write_litert(model, shape, direct))
    except UnsuitedModelError as reason:
        print(f"| {name} | {slow:.1f} | by Keras's export: {reason} |")
        return True
    difference = float(np.abs(answers(direct, side) - answers(own, side)).max())
    same = operators(direct) == operators(own)
    print(
        f"| {name} | {slow:.1f} | {fast:.1f} | {slow / fast:.1f} | "
        f"{direct.stat().st_size - own.stat().st_size:+,} | {'same' if same else 'other'} | "
        f"{difference:.1e} |",
        flush=True,
    )
    return same and difference <= ROUNDING


def main(names: tuple[str, ...]) -> int:
    """Compare the applications and return 1 where an answer differs."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    print("| application | Keras s | direct s | ratio | bytes | operators | largest difference |")
    print("|---|--:|--:|--:|--:|---|--:|")
    with tempfile.TemporaryDirectory() as folder:
        found = [compare(name, Path(folder)) for name in names]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or NAMES))
