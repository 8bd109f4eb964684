"""Mean average precision of FastestDet's files on the photographs of coco128.

Run ``python -m benchmarks.detection_map FILE...``: it prints mAP50-95 and mAP50 of each file, on
the photographs after the 64 that calibrate and on all 128, by the recipe of ``tasks/README.md`` in
the data. A file that XNNPACK refuses runs on the built-in kernels. Needs EDGEQ_DATA and Pillow.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

SIZE, CELLS = 352, 22
MIN_SCORE, MAX_OVERLAP = 0.01, 0.45
CALIBRATION = 64
THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Boxes = tuple[Reals, Reals, Integers]
"""Corners ``(n, 4)`` relative to the picture, scores ``(n,)`` and classes ``(n,)``."""


def overlaps(box: Reals, others: Reals) -> Reals:
    """Return the intersection over union of a box with others, shape ``(n,)``."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.clip(high - low, 0.0, None).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return np.asarray(common / np.maximum(areas - common, 1e-9))


def decoded(head: Reals) -> Boxes:
    """Return the boxes of a head ``(22, 22, 85)``: objectness, box and classes of each cell."""
    score = np.clip(head[..., 0], 0, None) ** 0.6 * np.clip(head[..., 5:].max(-1), 0, None) ** 0.4
    y, x = np.mgrid[:CELLS, :CELLS]
    centre = (np.stack([x, y], -1) + np.tanh(head[..., 1:3])) / CELLS
    half = 0.5 / (1.0 + np.exp(-head[..., 3:5]))
    corners = np.concatenate([centre - half, centre + half], -1)
    chosen = score > MIN_SCORE
    boxes, scores, classes = corners[chosen], score[chosen], head[..., 5:].argmax(-1)[chosen]
    order, left = np.argsort(-scores), []
    while order.size:
        best, order = order[0], order[1:]
        left.append(best)
        near = overlaps(boxes[best], boxes[order]) > MAX_OVERLAP
        hides = near & (classes[order] == classes[best])
        order = order[~hides]
    return boxes[left], scores[left], classes[left]


def interpreter(path: Path) -> Any:
    """Return a ready interpreter, without XNNPACK if that refuses the file."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        made = Interpreter(model_path=str(path), num_threads=1)
        made.allocate_tensors()
    except RuntimeError:
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        made = Interpreter(model_path=str(path), num_threads=1, experimental_op_resolver_type=plain)
        made.allocate_tensors()
    return made


def detections(path: Path, photographs: Sequence[Path]) -> Iterator[Boxes]:
    """Yield what a file finds in each photograph."""
    runtime = interpreter(path)
    (entry,), (output,) = runtime.get_input_details(), runtime.get_output_details()
    for photograph in photographs:
        resized = (
            Image.open(photograph).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        )
        pixels = np.asarray(resized, np.float32)[np.newaxis, :, :, ::-1] / 255.0
        if entry["dtype"] is not np.float32:
            scale, zero = entry["quantization"]
            limits = np.iinfo(entry["dtype"])
            pixels = np.clip(np.round(pixels / scale + zero), limits.min, limits.max)
        runtime.set_tensor(entry["index"], np.ascontiguousarray(pixels).astype(entry["dtype"]))
        runtime.invoke()
        head = runtime.get_tensor(output["index"])[0].astype(np.float64)
        if output["dtype"] is not np.float32:
            scale, zero = output["quantization"]
            head = (head - zero) * scale
        yield decoded(head)


def labels(photograph: Path) -> tuple[Reals, Integers]:
    """Return the corners and classes of a photograph's labelled boxes."""
    path = photograph.parent.parent / "labels" / f"{photograph.stem}.txt"
    lines = path.read_text("utf-8").split("\n") if path.exists() else []
    rows = np.array([line.split() for line in lines if line.strip()], np.float64).reshape(-1, 5)
    centre, half = rows[:, 1:3], rows[:, 3:5] / 2.0
    return np.concatenate([centre - half, centre + half], 1), rows[:, 0].astype(np.int64)


def average_precision(
    found: Sequence[Boxes], truth: Sequence[tuple[Reals, Integers]], kind: int, least: float
) -> float:
    """Return the average precision of one class at one overlap, over 101 recalls."""
    own = [boxes[classes == kind] for boxes, classes in truth]
    every = [
        (score, at, box)
        for at, (boxes, scores, classes) in enumerate(found)
        for box, score, which in zip(boxes, scores, classes, strict=True)
        if which == kind
    ]
    used = [np.zeros(len(boxes), np.bool_) for boxes in own]
    right = np.zeros(len(every))
    for place, (_, at, box) in enumerate(sorted(every, key=lambda entry: -entry[0])):
        if not len(own[at]):
            continue
        near = np.where(used[at], -1.0, overlaps(box, own[at]))
        if near.max() >= least:
            used[at][near.argmax()], right[place] = True, 1.0
    sums = np.cumsum(right)
    precision = sums / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(sums / sum(map(len, own)), RECALLS)
    return float(np.append(precision, 0.0)[np.minimum(places, len(right))].mean())


def main() -> None:
    """Print the figures of each file."""
    folder = Path(os.environ["EDGEQ_DATA"]) / "tasks" / "detection" / "coco128" / "images"
    photographs = sorted(folder.iterdir())
    truth = [labels(photograph) for photograph in photographs]
    for name in sys.argv[1:]:
        found = list(detections(Path(name), photographs))
        figures = []
        for part in (slice(CALIBRATION, None), slice(None)):
            kinds = sorted({int(kind) for _, classes in truth[part] for kind in classes})
            scores = np.array(
                [
                    [average_precision(found[part], truth[part], kind, least) for kind in kinds]
                    for least in THRESHOLDS
                ]
            )
            figures += [scores.mean(), scores[0].mean()]
        print(name, *(f"{figure:.4f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
