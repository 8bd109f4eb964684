"""What a fault does to predictions, found without edgeq's own measuring: visible or not.

A fault is visible if, beside the good variant on the same photographs, its agreement with the
baseline is 1 point lower, its accuracy drop is 1 point higher, or its worst cosine of logits is .05
lower. Preprocessing, predictions and numbers are made here, with Pillow, numpy and the runtime; of
edgeq only the reader of files is used, to find the logits before a softmax.

``python -m benchmarks.visible JOB.json`` prints the answer about one job as JSON; a faulty file
that takes the interpreter down takes this process down with it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.unit.graphs import logits_edits

POINT = 0.01
COSINE = 0.05
ROUNDED = 1e-9
"""Rates are shares of whole images: a difference of one point may come out as .00999."""

Reals = npt.NDArray[np.float64]
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class Fed(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and how it is fed.

    Attributes:
        file: A ``.tflite`` file.
        photographs: Image files, in order.
        resize: ``"whole"``, or ``"centre_crop"`` of ``crop_fraction`` of the shorter side.
        filter: Of the resize.
        crop_fraction: See ``resize``.
        mean: Subtracted from pixels of 0 to 255.
        std: Divided by.
        channels: ``"rgb"`` or ``"bgr"``.
        kept: A file for its logits, so that they are computed once; None computes them.
    """

    file: str
    photographs: tuple[str, ...]
    resize: str = "whole"
    filter: str = "bicubic"
    crop_fraction: float = 0.875
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    channels: str = "rgb"
    kept: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Three files on the same scenes.

    Attributes:
        baseline: The float model.
        good: The good variant.
        faulty: The faulty one.
        labels: Class indices, None if unknown.
    """

    baseline: Fed
    good: Fed
    faulty: Fed
    labels: tuple[int, ...] | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How far a variant is from its baseline.

    Attributes:
        agreement: Share of images with the same class.
        drop: Accuracy that is lost, None without labels.
        cosine: The lowest cosine of centred logits; NaN counts as -1.
    """

    agreement: float
    drop: float | None
    cosine: float


class Visibility(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a fault is visible.

    Attributes:
        visible: Whether it is.
        why: What shows it, or that nothing does.
        images: How many were looked at.
        good: The good variant.
        faulty: The faulty one, None if it does not run.
        same: Whether its logits are the good variant's, bit by bit; None if nobody looked.
        of: Hash of what was compared; empty if nothing was run.
    """

    visible: bool
    why: str
    images: int = 0
    good: Seen | None = None
    faulty: Seen | None = None
    same: bool | None = None
    of: str = ""


def compare(job: Job) -> Visibility:
    """Return whether the fault of a job is visible."""
    labels = None if job.labels is None else np.array(job.labels)
    baseline, good = logits(job.baseline), logits(job.good)
    before = _seen(baseline, good, labels)
    try:
        given = logits(job.faulty)
    except (RuntimeError, ValueError) as error:
        why = f"it does not run: {str(error)[:80]}"
        return Visibility(visible=True, why=why, images=len(baseline), good=before)
    if given.shape != baseline.shape:
        why = f"it gives {given.shape[1]} values, the baseline {baseline.shape[1]}"
        return Visibility(visible=True, why=why, images=len(baseline), good=before)
    after = _seen(baseline, given, labels)
    shown = []
    if before.agreement - after.agreement >= POINT - ROUNDED:
        shown.append(f"agreement {before.agreement:.3f} -> {after.agreement:.3f}")
    worse = (after.drop or 0) - (before.drop or 0)
    if before.drop is not None and worse >= POINT - ROUNDED:
        shown.append(f"accuracy drop {before.drop:.3f} -> {after.drop:.3f}")
    if before.cosine - after.cosine >= COSINE:
        shown.append(f"worst cosine {before.cosine:.3f} -> {after.cosine:.3f}")
    why = "; ".join(shown) or "nothing shows it"
    return Visibility(
        visible=bool(shown),
        why=why,
        images=len(baseline),
        good=before,
        faulty=after,
        same=given.shape == good.shape and bool((given == good).all()),
    )


def _seen(baseline: Reals, other: Reals, labels: npt.NDArray[np.int64] | None) -> Seen:
    ours, theirs = baseline.argmax(1), np.nan_to_num(other, nan=-np.inf).argmax(1)
    drop = None
    if labels is not None:
        drop = float((ours == labels).mean() - (theirs == labels).mean())
    return Seen(agreement=float((ours == theirs).mean()), drop=drop, cosine=_worst(baseline, other))


def _worst(one: Reals, other: Reals) -> float:
    """Return the lowest cosine of rows, each without its mean; -1 if there is none."""
    one, other = one - one.mean(1, keepdims=True), other - other.mean(1, keepdims=True)
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        cosines = (one * other).sum(1) / lengths
    return float(np.nan_to_num(cosines, nan=-1.0, posinf=-1.0, neginf=-1.0).min())


def logits(fed: Fed) -> Reals:
    """Return what feeds the softmax, or the output if there is none, ``(n, classes)``.

    Raises:
        RuntimeError: The file does not run.
        ValueError: The same.
    """
    kept = None if fed.kept is None else Path(fed.kept)
    if kept is not None and kept.is_file():
        held: Reals = np.load(kept)
        return held
    found = _run(fed)
    if kept is not None:
        np.save(kept, found)
    return found


def _run(fed: Fed) -> Reals:
    from ai_edge_litert.interpreter import Interpreter

    path = Path(fed.file)
    content = bytearray(path.read_bytes())
    for start, data in _edits(path):
        content[start : start + len(data)] = data
    model = Interpreter(model_content=bytes(content), num_threads=1)
    model.allocate_tensors()
    (given,), made = model.get_input_details(), model.get_output_details()[-1]
    rows = []
    for photograph in fed.photographs:
        model.set_tensor(given["index"], _steps(pixels(photograph, fed, given["shape"]), given))
        model.invoke()
        rows.append(_reals(model.get_tensor(made["index"]).reshape(-1), made))
    return np.stack(rows)


def _edits(path: Path) -> Sequence[tuple[int, bytes]]:
    from edgeq.errors import ModelError

    try:
        return logits_edits(path)
    except ModelError as error:
        raise ValueError(error.what) from error


def pixels(photograph: str, fed: Fed, shape: Sequence[int]) -> Reals:
    """Return a photograph as a model takes it, ``(1, h, w, 3)``."""
    _, height, width, _ = shape
    with Image.open(photograph) as opened:
        picture = opened.convert("RGB")
    if fed.resize == "centre_crop":
        side = min(picture.size) * fed.crop_fraction
        left, top = (picture.width - side) / 2, (picture.height - side) / 2
        box = (left, top, left + side, top + side)
        small = picture.resize((int(width), int(height)), FILTERS[fed.filter], box=box)
    else:
        small = picture.resize((int(width), int(height)), FILTERS[fed.filter])
    real = (np.asarray(small, np.float64) - fed.mean) / fed.std
    return np.asarray(real[np.newaxis, ..., :: -1 if fed.channels == "bgr" else 1])


def _steps(values: Reals, given: dict[str, Any]) -> npt.NDArray[Any]:
    kind = np.dtype(given["dtype"])
    scale, point = given["quantization"]
    if kind.kind != "f":
        ends = np.iinfo(kind)
        values = np.clip(np.rint(values / scale) + point, ends.min, ends.max)
    return values.astype(kind)


def _reals(values: npt.NDArray[Any], made: dict[str, Any]) -> Reals:
    scale, point = made["quantization"]
    real = values.astype(np.float64)
    return np.asarray((real - point) * scale if scale else real)


def main() -> int:
    """Print the answer about a job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path)
    job = msgspec.json.decode(parser.parse_args().job.read_bytes(), type=Job)
    print(msgspec.json.encode(compare(job)).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
