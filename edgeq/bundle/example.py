"""Run a packed model on a photograph, or on arrays if it takes those.

    python example.py MODEL/VARIANT photograph.jpg
    python example.py MODEL/VARIANT sample.npy
    python example.py MODEL/VARIANT first.jpg second.jpg

The last form compares two samples by a model that gives embeddings.

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
    """Return a photograph as the model's input with a batch of 1, following `preprocessing`."""
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
    pixels, mean, std = np.asarray(image, np.float32), how["mean"], how["std"]
    if how["channels"] == "grey":
        luma = np.asarray(image.convert("L"), np.float32)
        pixels, mean, std = luma[..., np.newaxis], mean[:1], std[:1]
    x = (pixels - np.float32(mean)) / np.float32(std)
    x = x[..., ::-1] if how["channels"] == "bgr" else x
    return (np.moveaxis(x, -1, 0) if how["channels_first"] else x)[np.newaxis]


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
    return places_on_photograph(corners.reshape(-1, 2), size, how).reshape(-1, 4)


def places_on_photograph(
    places: np.ndarray[Any, Any], size: tuple[int, int], how: dict[str, Any]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return places relative to the model's input, (n, 2), as pixels of a photograph."""
    places = places.astype(np.float64)
    if how["resize"] == "centre_crop":
        left, top, side = crop(size, how)
        return places * side + [left, top]
    if how["resize"] == "letterbox":
        left, top, width, height = letterbox(size, how)
        places = (places * [how["width"], how["height"]] - [left, top]) / [width, height]
    return places * size


def size_of(photograph: Path) -> tuple[int, int]:
    """Return width and height of a photograph, rotated as its EXIF data say."""
    with Image.open(photograph) as opened:
        return ImageOps.exif_transpose(opened).size


def run(
    folder: Path, metadata: dict[str, Any], photograph: Path
) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Run the model on a photograph, or on arrays; return the real values of each output."""
    how, entries = metadata["preprocessing"], metadata["inputs"]
    inputs = arrays(photograph, entries) if how is None else [prepare(photograph, how)]
    batch = 1 if how is None else entries[0]["shape"][0]
    inputs = [np.repeat(x, batch, axis=0) for x in inputs]
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
        y = y[:1] if batch > 1 and y.shape[:1] == (batch,) else y
        values.append(np.asarray(y, np.float32))
    return values


def names_in(where: Path, count: int) -> list[str]:
    """Return the names of classes or labels: their indices if no file names them."""
    names = where / "labels.txt"
    if names.exists():
        return names.read_text(encoding="utf-8").splitlines()
    return [str(at) for at in range(count)]


def show(
    values: list[np.ndarray[Any, np.dtype[np.float32]]], described: dict[str, Any], where: Path
) -> None:
    """Print the five best classes of a sample, and the best one of each further output."""
    for place in (described["class_scores"], *described["heads"]):
        scores = values[place].ravel()
        if scores.size == 1 and place == described["class_scores"] and described["logit"]:
            scores = 1 / (1 + np.exp(-scores.astype(np.float64)))
        if scores.size == 1:  # the probability of the second of two classes
            scores = np.concatenate([1 - scores, scores])
        best = np.argsort(-scores, kind="stable")
        if place == described["class_scores"]:
            labels = names_in(where, scores.size)
            sys.stdout.writelines(f"{scores[at]:.4f} {labels[at]}\n" for at in best[:5])
        else:
            name = described["outputs"][place]["name"]
            sys.stdout.write(f"{scores[best[0]]:.4f} {best[0]} ({name})\n")


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
    every = every.above(heads.MIN_SCORE)
    if kind["suppression_iou"] < 1:
        every = boxes.suppress(every, kind["suppression_iou"])
    edges = on_photograph(every.corners, size_of(photograph), how)
    labels = names_in(where, kind["classes"])
    for corners, score, at in zip(edges, every.scores, every.classes, strict=True):
        if score >= kind["operating_score"]:
            sides = " ".join(f"{edge:.1f}" for edge in corners)
            sys.stdout.write(f"{score:.4f} {labels[at]} {sides}\n")


def show_labels(y: np.ndarray[Any, Any], how: dict[str, Any], where: Path) -> None:
    """Print the labels that apply to a sample, the most certain first."""
    scores = y.ravel()
    applying = [at for at in np.argsort(-scores, kind="stable") if scores[at] >= how["threshold"]]
    names = names_in(where, scores.size)
    sys.stdout.writelines(f"{scores[at]:.4f} {names[at]}\n" for at in applying)
    if not applying:
        sys.stdout.write(f"no label reaches {how['threshold']:g}\n")


def show_embedding(y: np.ndarray[Any, Any], other: np.ndarray[Any, Any] | None) -> None:
    """Print how long an embedding is, and its cosine with another sample's."""
    lengths = [float(np.linalg.norm(vector)) for vector in (y, other) if vector is not None]
    text = " and ".join(f"{length:.4f}" for length in lengths)
    sys.stdout.write(f"{y.size} values, length {text}\n")
    if other is not None:
        sys.stdout.write(f"cosine {float(y.ravel() @ other.ravel()) / np.prod(lengths):.4f}\n")


def show_map(y: np.ndarray[Any, Any], how: dict[str, Any], where: Path, mask: Path) -> None:
    """Write the class of each pixel as a PNG file of the map's size, and print the shares."""
    if how["values"] == "indices":
        classes = np.rint(y).clip(0, 255).astype(np.uint8).reshape(y.shape[:2])
    elif how["values"] == "scores":
        classes = y.argmax(axis=-1).astype(np.uint8)
    else:
        classes = (y.reshape(y.shape[:2]) >= how["threshold"]).astype(np.uint8)
    two = how["values"] not in {"indices", "scores"} or y.shape[-1] == 2
    Image.fromarray(classes * np.uint8(255) if two else classes).save(mask)
    names = names_in(where, 2 if two else 256)
    for at, count in enumerate(np.bincount(classes.ravel())):
        if count:
            sys.stdout.write(f"{count / classes.size:.2%} {names[at]}\n")
    sys.stdout.write(f"{mask}: {'white is class 1' if two else 'values are class indices'}\n")


def show_picture(y: np.ndarray[Any, Any], how: dict[str, Any], picture: Path) -> None:
    """Write the picture that a model gives as a PNG file."""
    low, high = how["range"]
    pixels = np.rint((y - low) / (high - low) * 255).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(picture)
    sys.stdout.write(f"{picture}: {pixels.shape[1]} x {pixels.shape[0]} pixels\n")


def show_points(y: np.ndarray[Any, Any], described: dict[str, Any], photograph: Path) -> None:
    """Print each point: x and y in pixels of the photograph, and its further values."""
    how, reading = described["preprocessing"], described["reading"]
    points = y.reshape(-1, reading["values_per_point"]).astype(np.float64)
    places = points[:, :2]
    if how is not None:
        if not reading["relative"]:
            places = places / [how["width"], how["height"]]
        places = places_on_photograph(places, size_of(photograph), how)
    for place, others in zip(places, points[:, 2:], strict=True):
        numbers = [*(f"{number:.1f}" for number in place), *(f"{number:.4f}" for number in others)]
        sys.stdout.write(f"{' '.join(numbers)}\n")


def show_task(
    results: list[list[np.ndarray[Any, Any]]],
    described: dict[str, Any],
    where: Path,
    photograph: Path,
) -> None:
    """Print what an output means in the task that it was judged as."""
    reading, task = described["reading"], described["task"]
    y, *others = (values[reading["output"]][0] for values in results)
    if task == "multilabel":
        show_labels(y, reading, where)
    elif task == "embedding":
        show_embedding(y, others[0] if others else None)
    elif task == "segmentation":
        show_map(y, reading, where, Path(f"{photograph.stem}-mask.png"))
    elif task == "image_to_image":
        show_picture(y, reading, Path(f"{photograph.stem}-output.png"))
    elif task == "keypoints":
        show_points(y, described, photograph)
    else:
        sys.stdout.writelines(f"{number:.6g}\n" for number in y.ravel())


if __name__ == "__main__":
    where = Path(sys.argv[1])
    described = json.loads((where / "metadata.json").read_text(encoding="utf-8"))
    first = Path(sys.argv[2])
    results = [run(where, described, Path(sample)) for sample in sys.argv[2:]]
    outputs = results[0]
    if described["class_scores"] is not None:
        show(outputs, described, where)
    elif described["detection"] is not None and described["detection"]["function"] is not None:
        show_boxes(outputs, described, where, first)
    elif described["reading"] is not None:
        show_task(results, described, where, first)
    else:
        for output, fact in zip(outputs, described["outputs"], strict=True):
            shape = "x".join(map(str, output.shape))
            sys.stdout.write(f"{fact['name']} {shape} {output.min():.4f} to {output.max():.4f}\n")
