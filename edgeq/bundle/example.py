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
    """Return an 8-bit photograph as (1, height, width, 3), as `preprocessing` says."""
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
    image = image.resize((how["width"], how["height"]), resampling)
    x = (np.asarray(image, np.float32) - np.float32(how["mean"])) / np.float32(how["std"])
    return (x if how["channels"] == "rgb" else x[..., ::-1])[np.newaxis]


def run(folder: Path, photograph: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the scores of a photograph, shape (outputs,)."""
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    entry, result = metadata["inputs"][0], metadata["outputs"][0]
    x = prepare(photograph, metadata["preprocessing"])
    if entry["scale"] is not None:
        limits = np.iinfo(entry["dtype"])
        stored = np.rint(x.astype(np.float64) / entry["scale"]) + entry["zero_point"]
        x = stored.clip(limits.min, limits.max)
    interpreter = Interpreter(str(folder / metadata["file"]["name"]))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x.astype(entry["dtype"]))
    interpreter.invoke()
    y = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    if result["scale"] is not None:
        y = (y.astype(np.float64) - result["zero_point"]) * result["scale"]
    return np.asarray(y, np.float32)


if __name__ == "__main__":
    where = Path(sys.argv[1])
    scores = run(where, Path(sys.argv[2]))
    names = where / "labels.txt"
    labels = names.read_text(encoding="utf-8").splitlines() if names.exists() else None
    for place in np.argsort(-scores, kind="stable")[:5]:
        sys.stdout.write(f"{scores[place]:.4f} {labels[place] if labels else place}\n")
