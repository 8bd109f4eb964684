"""What a user would do without edgeq: one script, one process, one image at a time.

``versus_sequential.py`` starts it. It uses nothing of edgeq: Keras, TensorFlow's converter once
per method from the Keras model, and LiteRT's interpreter in a loop. Each photograph is read and
resized once and kept, nothing is converted or evaluated twice, and nothing is written that is not
needed: a careful author's program, without the tricks of a second process.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SIZE = (224, 224)
BASELINE = "float32"
stages: dict[str, float] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Add the seconds of a block to a stage."""
    start = time.perf_counter()
    yield
    stages[name] = stages.get(name, 0.0) + time.perf_counter() - start


def photographs(data: Path, split: str, count: int) -> list[Any]:
    """Return the first so many photographs as the model's inputs, float32 ``(1, h, w, 3)``."""
    import numpy as np
    from PIL import Image

    with (data / "imagenet" / "labels.csv").open(encoding="utf-8", newline="") as file:
        names = sorted(row["file"] for row in csv.DictReader(file) if row["split"] == split)
    found = []
    for name in names[:count]:
        with Image.open(data / "imagenet" / split / name) as image:
            resized = image.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)
        found.append(np.asarray(resized, np.float32)[np.newaxis])
    return found


def convert(model: Any, method: str, calibration: list[Any]) -> bytes:
    """Return the variant that TensorFlow's converter makes of a Keras model."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if method != BASELINE:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if method == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if method in {"int8", "int8_float_io"}:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([one] for one in calibration)
    if method == "int8":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def predict(content: bytes, images: list[Any]) -> list[int]:
    """Return the class of each photograph."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (entry,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = entry["quantization"]
    found = []
    for image in images:
        values = image
        if entry["dtype"] == np.int8:
            values = np.clip(np.rint(image / scale) + zero_point, -128, 127).astype(np.int8)
        interpreter.set_tensor(entry["index"], values)
        interpreter.invoke()
        found.append(int(np.argmax(interpreter.get_tensor(output["index"])[0])))
    return found


def main() -> None:
    """Convert, evaluate, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", required=True)
    parser.add_argument("--calibration", type=int, required=True)
    parser.add_argument("--evaluation", type=int, required=True)
    parser.add_argument("--batch", choices=("open", "1"), default="open")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="1", CUDA_VISIBLE_DEVICES="-1")
    with stage("import"):
        import keras
        import tensorflow as tf  # noqa: F401 - its import is part of the time
    with stage("model"):
        weights = arguments.data / "weights" / "efficientnetv2-b0.weights.h5"
        model = keras.applications.EfficientNetV2B0(weights=str(weights))
        if arguments.batch == "1":
            entry = keras.Input(batch_shape=(1, *SIZE, 3))
            model = keras.Model(entry, model(entry))
    with stage("decode"):
        calibration = photographs(arguments.data, "calibration", arguments.calibration)
        evaluation = photographs(arguments.data, "evaluation", arguments.evaluation)
    made = {}
    for method in (BASELINE, *arguments.methods):
        with stage(f"convert {method}"):
            made[method] = convert(model, method, calibration)
    classes = {}
    for method, content in made.items():
        with stage(f"evaluate {method}"):
            classes[method] = predict(content, evaluation)
    agreement = {
        method: sum(a == b for a, b in zip(found, classes[BASELINE], strict=True)) / len(found)
        for method, found in classes.items()
        if method != BASELINE
    }
    answer = {"stages": stages, "agreement": agreement}
    arguments.output.write_text(json.dumps(answer), "utf-8")


if __name__ == "__main__":
    main()
