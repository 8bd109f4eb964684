"""What the proof `weights` finds in files that nothing is wrong with: it must find nothing.

Run ``EDGEQ_DATA=FOLDER python benchmarks/stored_weights.py`` (1 to 2 hours in a fresh store, most
of it conversions; 10 minutes in one that holds them). The files are those of ``$EDGEQ_DATA`` that
come with their float model, and what both engines make with every method of several Keras
applications. Nothing is run. It prints the table of ``stored_weights.md``; exit code 1 if a good
file has a finding, or a layer that was not compared. ``--networks NAME ...`` takes only some.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgeq.config.methods import METHODS, MethodChoice
from edgeq.config.presets import data_folder
from edgeq.config.structs import Model, Spec, StoredWeights
from edgeq.errors import EdgeqError
from edgeq.judge.verdict import Verdict
from edgeq.judge.weights import weights as judge
from edgeq.measure.stored.files import FileComparison, compare_files
from edgeq.models.float_model import load_float_model
from edgeq.quantize.engine import Calibration
from edgeq.quantize.make import make_variant
from edgeq.samples.decode import decode
from edgeq.samples.sets import NamedSet, load_set
from edgeq.store.content import Store
from edgeq.tflite.model_file import ModelFile, read_model

ENGINES = ("litert", "tensorflow")
CALIBRATION = 10
"""Photographs: ranges of activations are not what is looked at."""
HEADER = (
    "| network | file | layers | farthest weight | limit | farthest bias | findings | verdict | "
    "seconds |\n|---|---|---|---|---|---|---|---|---|"
)
RANDOM = (
    *("MobileNet", "MobileNetV2", "EfficientNetB0", "NASNetMobile", "DenseNet121"),
    *("ResNet50V2", "Xception", "ConvNeXtTiny"),
)
"""Applications with random weights. MobileNetV3Small is not among them: with random weights litert
stores some of its biases, which do not fit 32 bits, as the lowest number of their type, and that
is found."""
DETECTION = "tasks/detection"
BROUGHT = {
    "ResNet8": (
        "models/resnet8_cifar10_float.tflite",
        ("models/resnet8_cifar10_int8.tflite",),
    ),
    "keyword spotting": (
        "tasks/keyword_spotting/kws_float_file_as_published.tflite",
        ("tasks/keyword_spotting/kws_int8.tflite",),
    ),
    "visual wake words": (
        "tasks/visual_wake_words/vww_96_float.tflite",
        ("tasks/visual_wake_words/vww_96_int8.tflite",),
    ),
    "YOLOv5n": (
        f"{DETECTION}/yolov5n_fp16.tflite",
        (f"{DETECTION}/yolov5n_litert_dynamic.tflite", f"{DETECTION}/yolov5n_litert_int8.tflite"),
    ),
    "YOLOv8n": (
        f"{DETECTION}/yolov8n_dynamic.tflite",
        (f"{DETECTION}/yolov8n_full_integer_quant.tflite",),
    ),
    "FastestDet": (
        f"{DETECTION}/fastestdet_float.tflite",
        tuple(
            f"{DETECTION}/fastestdet/{name}.tflite"
            for name in (
                *("litert_dynamic", "litert_int16x8", "litert_int8", "litert_weight_only"),
                *("onnx2tf_float16", "tensorflow_dynamic", "tensorflow_int8"),
                "tensorflow_int8_per_tensor",
            )
        ),
    ),
}
"""Float models of ``$EDGEQ_DATA`` and files that were made from them, by others for the most part.
YOLOv8n's baseline holds 8-bit weights itself: the float file is not published."""
DECLARED: dict[str, StoredWeights] = {
    "tensorflow_int8_per_tensor": "per_tensor",
    "yolov8n_full_integer_quant": "per_tensor",
}
"""What the spec of files with one scale for each tensor has to say."""


@dataclass(frozen=True)
class Row:
    """A good file.

    Attributes:
        network: Its network.
        file: What it is called.
        baseline: The float model.
        path: The file.
        declared: What its weights are said to be.
    """

    network: str
    file: str
    baseline: ModelFile
    path: Path
    declared: StoredWeights


def brought(folder: Path, chosen: set[str]) -> Iterator[Row]:
    """Yield the pairs of ``$EDGEQ_DATA``."""
    for network, (baseline, variants) in BROUGHT.items():
        if not chosen or network in chosen:
            read = read_model(folder / baseline)
            for one in variants:
                file = Path(one).stem
                yield Row(network, file, read, folder / one, DECLARED.get(file, "quantized"))


def made(folder: Path, data: Path, chosen: set[str]) -> Iterator[Row]:
    """Yield what both engines make of several networks, with every method that they have."""
    models = {
        "EfficientNetV2B0": Model(source="keras:EfficientNetV2B0"),
        "EfficientNet-Lite0": Model(source="efficientnet-lite0"),
        "ResNet8": Model(source=str(data / "models/resnet8_cifar10_float.tflite")),
        "visual wake words": Model(
            source=str(data / "tasks/visual_wake_words/vww_96_float.tflite")
        ),
    }
    for name in RANDOM:
        models[name] = Model(source=f"keras:{name}", weights="random", allow_random_weights=True)
    store = Store(folder)
    for name, model in models.items():
        if chosen and name not in chosen:
            continue
        spec = Spec(root=folder, origin="benchmark", models={name: model})
        loaded = load_float_model(name, model, spec, store)
        images = load_set(NamedSet("data:imagenet", "calibration", folder))
        images = replace(images, photos=images.photos[:CALIBRATION])
        pixels = decode(images, loaded.preprocessing, loaded.input_size, store)
        calibration = Calibration(images, pixels, loaded.preprocessing)
        baseline = read_model(loaded.path)
        for method, described in METHODS:
            for engine in ENGINES:
                try:
                    found = make_variant(
                        MethodChoice(method, method, engine), loaded, calibration, store
                    )
                except EdgeqError as error:
                    print(f"{name}, {method}, {engine}: {error.what}", file=sys.stderr)
                    continue
                file = f"{method}, {engine}"
                yield Row(name, file, baseline, found.path, described.stored_weights)


def line(row: Row, found: FileComparison, verdict: Verdict, seconds: float) -> str:
    """Return a file's line of the table."""
    return (
        f"| {row.network} | {row.file} | {found.matched_layers} of {found.layers} | "
        f"{found.weights_distance:.2f} | {found.weights_limit:g} | {found.bias_distance:.2f} | "
        f"{len(found.findings)} | {verdict.value} | {seconds:.2f} |"
    )


def main() -> int:
    """Print the table; 1 if a good file is not proven."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    parser.add_argument("--networks", nargs="*", default=[])
    arguments = parser.parse_args()
    data = data_folder()
    if data is None:
        parser.error("EDGEQ_DATA is not set")
    arguments.store.mkdir(parents=True, exist_ok=True)
    chosen = set(arguments.networks)
    unproven = total = 0
    print(HEADER)
    for rows in (brought(data, chosen), made(arguments.store.resolve(), data, chosen)):
        for row in rows:
            start = time.perf_counter()
            found = compare_files(row.baseline, read_model(row.path))
            seconds = time.perf_counter() - start
            judged = judge(found, row.declared)
            print(line(row, found, judged.status, seconds), flush=True)
            total += 1
            if judged.status is not Verdict.PASS:
                unproven += 1
                print(f"{row.network}, {row.file}: {judged.reason}", file=sys.stderr)
    print(f"\n{total} good files, {unproven} of them not proven.")
    return int(unproven > 0 or total == 0)


if __name__ == "__main__":
    sys.exit(main())
