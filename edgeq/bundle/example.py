"""Run a packed model on a photograph.

    python example.py MODEL/VARIANT photograph.jpg

Needs numpy, Pillow and ai-edge-litert. Everything else is in the variant's metadata.json.
Part of edgeq; licence Apache-2.0.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps


def prepare(photograph: Path, how: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a photograph as (1, height, width, 3), following `preprocessing`."""
    with Image.open(photograph) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours)
    image = image.convert("RGB")
    if how["resize"] == "centre_crop":
        side = max(1, int(how["crop_fraction"] * min(image.size)))
        left, top = (image.width - side + 1) // 2, (image.height - side + 1) // 2
        image = image.crop((left, top, left + side, top + side))
    resampling = Image.Resampling[how["filter"].upper()]
    if how["resize"] == "letterbox":
        scale = min(how["width"] / image.width, how["height"] / image.height)
        inner = [max(1, round(side * scale)) for side in image.size]
        left, top = (how["width"] - inner[0]) / 2, (how["height"] - inner[1]) / 2
        padded = Image.new("RGB", (how["width"], how["height"]), (114, 114, 114))
        padded.paste(
            image.resize((inner[0], inner[1]), resampling), (round(left - 0.1), round(top - 0.1))
        )
        image = padded
    else:
        image = image.resize((how["width"], how["height"]), resampling)
    x = (np.asarray(image, np.float32) - np.float32(how["mean"])) / np.float32(how["std"])
    return (x if how["channels"] == "rgb" else x[..., ::-1])[np.newaxis]


def run(
    folder: Path, metadata: dict[str, Any], photograph: Path
) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Run the model on a photograph; return the real values of each output."""
    entry = metadata["inputs"][0]
    x = prepare(photograph, metadata["preprocessing"])
    if entry["scale"] is not None:
        limits = np.iinfo(entry["dtype"])
        stored = np.rint(x.astype(np.float64) / entry["scale"]) + entry["zero_point"]
        x = stored.clip(limits.min, limits.max)
    interpreter = Interpreter(str(folder / metadata["file"]["name"]))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x.astype(entry["dtype"]))
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


if __name__ == "__main__":
    where = Path(sys.argv[1])
    described = json.loads((where / "metadata.json").read_text(encoding="utf-8"))
    outputs = run(where, described, Path(sys.argv[2]))
    if described["class_scores"] is not None:
        show(outputs, where, described["class_scores"])
    else:
        for output, fact in zip(outputs, described["outputs"], strict=True):
            shape = "x".join(map(str, output.shape))
            sys.stdout.write(f"{fact['name']} {shape} {output.min():.4f} to {output.max():.4f}\n")
