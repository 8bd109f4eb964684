"""Run a packed model on a photograph, or on arrays if it takes those.

    python example.py MODEL/VARIANT photograph.jpg
    python example.py MODEL/VARIANT sample.npy

Needs numpy and ai-edge-litert, and Pillow for photographs. Everything else is in the variant's
metadata.json.
Part of edgeq; licence Apache-2.0.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

try:
    from PIL import Image, ImageOps
except ImportError:  # a model that takes arrays needs none
    Image = ImageOps = None  # type: ignore[assignment]


def prepare(photograph: Path, how: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a photograph as (1, height, width, 3), following `preprocessing`."""
    with Image.open(photograph) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours)
    image = image.convert("RGB")
    if how["resize"] == "centre_crop":
        left, top, side = crop(image.size, how)
        image = image.crop((left, top, left + side, top + side))
    resampling = Image.Resampling[how["filter"].upper()]
    if how["resize"] == "letterbox":
        left, top, width, height = letterbox(image.size, how)
        padded = Image.new("RGB", (how["width"], how["height"]), (114, 114, 114))
        padded.paste(image.resize((width, height), resampling), (left, top))
        image = padded
    else:
        image = image.resize((how["width"], how["height"]), resampling)
    x = (np.asarray(image, np.float32) - np.float32(how["mean"])) / np.float32(how["std"])
    return (x if how["channels"] == "rgb" else x[..., ::-1])[np.newaxis]


def arrays(sample: Path, entries: list[dict[str, Any]]) -> list[np.ndarray[Any, Any]]:
    """Return one array per input from a .npy or .npz file: by name, or as they come."""
    loaded = np.load(sample)
    several = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    names = [entry["name"] for entry in entries]
    ordered = [several[name] for name in (names if set(names) == set(several) else several)]
    return [x.reshape(entry["shape"]) for x, entry in zip(ordered, entries, strict=True)]


def crop(size: tuple[int, int], how: dict[str, Any]) -> tuple[int, int, int]:
    """Return left and top edge and side of the central square of a photograph, in its pixels."""
    side = max(1, int(how["crop_fraction"] * min(size)))
    return (size[0] - side + 1) // 2, (size[1] - side + 1) // 2, side


def letterbox(size: tuple[int, int], how: dict[str, Any]) -> tuple[int, int, int, int]:
    """Return left and top edge, width and height of a photograph within its padding, in pixels."""
    scale = min(how["width"] / size[0], how["height"] / size[1])
    width, height = (max(1, round(side * scale)) for side in size)
    left, top = (how["width"] - width) / 2, (how["height"] - height) / 2
    return round(left - 0.1), round(top - 0.1), width, height


def on_photograph(
    corners: np.ndarray[Any, np.dtype[np.float32]], size: tuple[int, int], how: dict[str, Any]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return edges relative to the model's input, (n, 4), as pixels of a photograph."""
    edges = corners.astype(np.float64)
    if how["resize"] == "centre_crop":
        left, top, side = crop(size, how)
        return edges * side + [left, top] * 2
    if how["resize"] == "letterbox":
        left, top, width, height = letterbox(size, how)
        edges = (edges * ([how["width"], how["height"]] * 2) - [left, top] * 2) / (
            [width, height] * 2
        )
    return edges * (size * 2)


def run(
    folder: Path, metadata: dict[str, Any], photograph: Path
) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Run the model on a photograph, or on arrays; return the real values of each output."""
    how, entries = metadata["preprocessing"], metadata["inputs"]
    inputs = arrays(photograph, entries) if how is None else [prepare(photograph, how)]
    interpreter = Interpreter(str(folder / metadata["file"]["name"]))
    interpreter.allocate_tensors()
    for detail, entry, x in zip(interpreter.get_input_details(), entries, inputs, strict=True):
        if entry["scale"] is not None:
            limits = np.iinfo(entry["dtype"])
            stored = np.rint(x.astype(np.float64) / entry["scale"]) + entry["zero_point"]
            x = stored.clip(limits.min, limits.max)  # noqa: PLW2901
        interpreter.set_tensor(detail["index"], x.astype(entry["dtype"]))
    interpreter.invoke()
    values = []
    for detail, result in zip(interpreter.get_output_details(), metadata["outputs"], strict=True):
        y = interpreter.get_tensor(detail["index"])
        if result["scale"] is not None:
            y = (y.astype(np.float64) - result["zero_point"]) * result["scale"]
        values.append(np.asarray(y, np.float32))
    return values


def show(values: list[np.ndarray[Any, np.dtype[np.float32]]], where: Path, place: int) -> None:
    """Print the five best classes of a photograph."""
    scores = values[place].ravel()
    if scores.size == 1:  # the probability of the second of two classes
        scores = np.concatenate([1 - scores, scores])
    names = where / "labels.txt"
    labels = names.read_text(encoding="utf-8").splitlines() if names.exists() else None
    for at in np.argsort(-scores, kind="stable")[:5]:
        sys.stdout.write(f"{scores[at]:.4f} {labels[at] if labels else at}\n")


def show_boxes(
    values: list[np.ndarray[Any, np.dtype[np.float32]]],
    described: dict[str, Any],
    where: Path,
    photograph: Path,
) -> None:
    """Print the boxes of a photograph: score, class, and edges in pixels of the photograph."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    boxes, heads = (importlib.import_module(f"detection.{name}") for name in ("boxes", "heads"))
    how, kind = described["preprocessing"], described["detection"]
    decode = getattr(heads, kind["function"])
    every = decode([output[0] for output in values], (how["height"], how["width"]))
    every = every.above(heads.LEAST_SCORE)
    if kind["suppression_iou"] < 1:
        every = boxes.suppress(every, kind["suppression_iou"])
    with Image.open(photograph) as opened:
        edges = on_photograph(every.corners, ImageOps.exif_transpose(opened).size, how)
    names = where / "labels.txt"
    labels = names.read_text(encoding="utf-8").splitlines() if names.exists() else None
    for corners, score, at in zip(edges, every.scores, every.classes, strict=True):
        if score >= kind["operating_score"]:
            sides = " ".join(f"{edge:.1f}" for edge in corners)
            sys.stdout.write(f"{score:.4f} {labels[at] if labels else at} {sides}\n")


if __name__ == "__main__":
    where = Path(sys.argv[1])
    described = json.loads((where / "metadata.json").read_text(encoding="utf-8"))
    outputs = run(where, described, Path(sys.argv[2]))
    if described["class_scores"] is not None:
        show(outputs, where, described["class_scores"])
    elif described["detection"] is not None and described["detection"]["function"] is not None:
        show_boxes(outputs, described, where, Path(sys.argv[2]))
    else:
        for output, fact in zip(outputs, described["outputs"], strict=True):
            shape = "x".join(map(str, output.shape))
            sys.stdout.write(f"{fact['name']} {shape} {output.min():.4f} to {output.max():.4f}\n")
