"""Detectors on 128 photographs: mAP and agreement of every file, and the coverage of the interval.

    EDGEQ_DATA=... python -m benchmarks.detection table
    python -m benchmarks.detection coverage

``table`` judges the ready-made variants of FastestDet, YOLOv5n and YOLOv8n in ``$EDGEQ_DATA`` with
their labels. ``coverage`` simulates sets of 128 images of a detector and its variant, and counts
how often the 95 % interval of the drop contains the drop of a large population.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import edgeq
from edgeq.measure.average_precision import (
    RESAMPLES,
    THRESHOLDS,
    ClassMatches,
    LabelledPrecision,
    mean,
    mean_precision,
    precisions,
    resampled,
)

CLASSES, IMAGES, POPULATION, TRIALS = 20, 128, 8192, 200
Found = tuple[float, float, float]
"""A value with its interval."""
MIN_QUALITY = -1.5

FASTESTDET = {
    "onnx2tf_float16": "float16",
    "litert_dynamic": "dynamic_range",
    "litert_weight_only": "weight_only_int8",
    "litert_int8": "int8",
    "tensorflow_dynamic": "dynamic_range",
    "litert_int16x8": "int16x8",
}
BUILT_IN = {"tensorflow_int8": "int8", "tensorflow_int8_per_tensor": "int8_per_tensor"}
YOLO = {
    "yolov5n_litert_dynamic": "dynamic_range",
    "yolov5n_litert_int8": "int8",
    "yolov8n_full_integer_quant": "int8",
}


def table() -> None:
    """Print a row for each variant."""
    folder = Path(os.environ["EDGEQ_DATA"]) / "tasks" / "detection"
    print(
        "| variant | mAP50-95 | mAP50 | drop, points | recall | precision | score shift | answer |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    fastestdet = {"source": f"{folder}/fastestdet_float.tflite", "preprocessing": "fastestdet"}
    files = {name: (f"{folder}/fastestdet/{name}.tflite", how) for name, how in FASTESTDET.items()}
    rows(folder, "FastestDet", fastestdet, files)
    files = {name: (f"{folder}/fastestdet/{name}.tflite", how) for name, how in BUILT_IN.items()}
    rows(folder, "FastestDet", fastestdet, files, kernels="builtin")
    yolo = {name: (f"{folder}/{name}.tflite", how) for name, how in YOLO.items()}
    for name, source in (("yolov5n", "yolov5n_fp16"), ("yolov8n", "yolov8n_dynamic")):
        model = {
            "source": f"{folder}/{source}.tflite",
            "preprocessing": "yolo",
            "allow_quantized_weights": True,
        }
        own = {key: file for key, file in yolo.items() if key.startswith(name)}
        rows(folder, name, model, own)


def rows(
    folder: Path,
    name: str,
    model: dict[str, Any],
    files: dict[str, tuple[str, str]],
    kernels: str = "xnnpack",
) -> None:
    """Print the rows of one model's variants."""
    record = edgeq.validate(
        {
            "methods": [],
            "without": ["latency", "memory"],
            "models": {name: model},
            "images": {"evaluation": f"{folder}/coco128/images"},
            "run": {"kernels": kernels},
            "variants": {
                key: {
                    "model": name,
                    "file": file,
                    "method": method,
                    "weights": "per_tensor" if "per_tensor" in key else "quantized",
                }
                for key, (file, method) in files.items()
            },
        }
    )
    for at, variant in enumerate(record.models[0].variants):
        found, boxes = variant.precision, variant.boxes
        if found is None or boxes is None:
            print(f"| {variant.name} | not measured: {variant.error} |")
            continue
        if at == 0 and kernels == "xnnpack":
            base = f"{found.baseline_map:.4f} | {found.baseline_map50:.4f}"
            print(f"| **{name}, float** | {base} | | | | | |")
        low, high = found.drop_interval
        shares = [
            "" if each is None else f"{each.value:.3f}"
            for each in (boxes.recall, boxes.precision, boxes.shift)
        ]
        answer = "" if variant.answer is None else variant.answer.value
        print(
            f"| {variant.name} | {found.variant_map:.4f} | {found.variant_map50:.4f} "
            f"| {100 * found.drop:.2f} ({100 * low:.2f} to {100 * high:.2f}) "
            f"| {' | '.join(shares)} | {answer} |"
        )


def population(generator: np.random.Generator) -> tuple[tuple[ClassMatches, ...], ...]:
    """Return the matches of a detector and its variant in a large population.

    Classes are as unequally frequent as COCO's: the rarest has a box in one of 40 images. Boxes of
    the variant mostly are the baseline's, with other scores and IoUs; some are lost.
    """
    rates = np.geomspace(0.6, 0.025, CLASSES)
    every: tuple[list[ClassMatches], list[ClassMatches]] = ([], [])
    for name in range(CLASSES):
        truth = generator.poisson(rates[name], POPULATION)
        of = np.repeat(np.arange(POPULATION), truth)
        wild = np.repeat(np.arange(POPULATION), generator.poisson(2 * rates[name], POPULATION))
        quality = generator.normal(0, 0.6, POPULATION)[of] + generator.normal(0.5, 0.8, len(of))
        false = generator.normal(-0.8, 1.0, len(wild))
        for side, noise in enumerate((0.0, 0.25)):
            true = quality + generator.normal(-0.3 * noise, noise + 1e-9, len(of))
            scores = np.concatenate([true, false + generator.normal(0, noise + 1e-9, len(wild))])
            overlap = 0.45 + 0.5 / (1 + np.exp(-true - 0.3))
            images = np.concatenate([of, wild])
            right = np.zeros((len(THRESHOLDS), len(images)), bool)
            right[:, : len(of)] = (overlap[None] >= THRESHOLDS[:, None]) & (true > MIN_QUALITY)
            order = np.argsort(-scores, kind="stable")
            every[side].append(
                ClassMatches(name, images[order], right[:, order], right[:, order] & False, truth)
            )
    return tuple(every[0]), tuple(every[1])


def drawn(classes: tuple[ClassMatches, ...], images: np.ndarray) -> tuple[ClassMatches, ...]:
    """Return the matches of a set of images of the population; classes without a label go."""
    place = np.full(POPULATION, -1)
    place[images] = np.arange(len(images))
    some = []
    for one in classes:
        stays = place[one.images] >= 0
        some.append(
            ClassMatches(
                one.class_index,
                place[one.images[stays]],
                one.right[:, stays],
                one.ignored[:, stays],
                one.truth[images],
            )
        )
    return tuple(one for one in some if one.truth.sum())


def coverage() -> None:
    """Print how often the interval contains the drop of the population."""
    generator = np.random.default_rng(7)
    sides = population(generator)
    whole = np.ones((1, POPULATION))
    truth = [float(mean(precisions(side, whole))[0]) for side in sides]
    print(f"population: mAP50-95 {truth[0]:.4f} and {truth[1]:.4f}, drop {truth[0] - truth[1]:.4f}")
    groups = list(range(IMAGES))
    weights = resampled(groups, RESAMPLES)
    drops, maps = list[Found](), list[Found]()
    for _ in range(TRIALS):
        images = generator.choice(POPULATION, IMAGES, replace=False)
        both = []
        for side in sides:
            classes = drawn(side, images)
            both.append(
                LabelledPrecision(
                    classes,
                    precisions(classes, np.ones((1, IMAGES)))[0],
                    mean(precisions(classes, weights)),
                )
            )
        found = mean_precision(both[0], both[1], groups)
        drops.append((found.drop, *found.drop_interval))
        maps.append((found.variant_map, *found.variant_interval))
    say("drop", drops, truth[0] - truth[1])
    say("variant's mAP", maps, truth[1])


def say(name: str, found: list[Found], truth: float) -> None:
    """Print how often intervals contain the mean of such sets, and the population's value."""
    values, low, high = np.array(found).T
    covered = [
        f"{100 * ((low <= target) & (target <= high)).mean():.1f} % contain {what} ({target:.4f})"
        for what, target in (
            ("what sets of as many images show on average", values.mean()),
            ("the population's", truth),
        )
    ]
    width = 100 * (high - low).mean()
    print(f"{name}, {len(found)} sets of {IMAGES}: {'; '.join(covered)}; {width:.2f} points wide")


if __name__ == "__main__":
    {"table": table, "coverage": coverage}[sys.argv[1]]()
