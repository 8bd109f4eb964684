"""Integer files on a processor of another architecture beside here, and kernels that round wrongly.

``EDGEQ_DATA=FOLDER python -m benchmarks.rounding [--target arm64] [--images N] [--store FOLDER]``
prints two tables. The first runs good integer files (edgeq's of three networks, and those that
others ship) on photographs on a target and here, and names the kinds of operators whose outputs
differ though their inputs are the same. ``--cpu`` emulates other processors of the target, one
after the other, and says how many values differ from those of the first one's. The second table
runs the files here by kernels of another kind, and with
convolutions that round half a step or a quarter too low, which no good kernel does: their biases
are that much smaller. ``MAX_ROUNDED`` and ``MAX_GROWN`` of ``edgeq/judge/elsewhere.py`` must lie
between the two. Exit code 1 if a good file is not PASS.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from benchmarks.processes import load_note
from edgeq.config.load import load_spec, parse
from edgeq.config.presets import data_folder
from edgeq.config.structs import Kernels
from edgeq.errors import EdgeqError
from edgeq.judge.elsewhere import same_as_local
from edgeq.judge.verdict import Verdict
from edgeq.measure.beside_here import BesideHere, Pair, beside_here
from edgeq.pipeline.run import Run
from edgeq.run.session import Session
from edgeq.run.targets import Target, local_target
from edgeq.targets.starting import declared, start
from edgeq.tflite.edits import apply_edits, outputs_edits
from edgeq.tflite.model_file import ModelFile, Operator, read_model
from edgeq.tflite.packing import packed, unpacked

FILES = {
    "MLPerf Tiny ResNet8": "models/resnet8_cifar10_int8.tflite",
    "MLPerf Tiny visual wake words": "tasks/visual_wake_words/vww_96_int8.tflite",
    "MLPerf Tiny keyword spotting": "tasks/keyword_spotting/kws_int8.tflite",
    "MobileNetV2, uint8": "models/mobilenet_v2_ptq_uint8.tflite",
    "FastestDet, litert-quantizer": "tasks/detection/fastestdet/litert_int8.tflite",
    "FastestDet, int16x8": "tasks/detection/fastestdet/litert_int16x8.tflite",
    "YOLOv5n, litert-quantizer": "tasks/detection/yolov5n_litert_int8.tflite",
    "YOLOv8n, as published": "tasks/detection/yolov8n_full_integer_quant.tflite",
}
SPANS = {
    "EfficientNet-Lite0, int16x8": (-127 / 128, 1.0),
    "UltraFace, int16x8": (-127 / 128, 1.0),
    "FastestDet, int16x8": (0.0, 1.0),
    "YOLOv8n, as published": (0.0, 1.0),
}
"""What pixels of 0 and of 255 are, for files whose input's steps are not those of pixels."""
MODELS: dict[str, dict[str, Any]] = {
    "EfficientNet-Lite0": {"source": "efficientnet-lite0", "methods": ["int8", "int16x8"]},
    "EfficientNetV2-B0": {"source": "keras:EfficientNetV2B0", "methods": ["int8"]},
    "UltraFace": {
        "source": "tasks/detection/ultraface_rfb_320_float.tflite",
        "preprocessing": {"mean": [127.0] * 3, "std": [128.0] * 3},
        "methods": ["int8", "int16x8"],
    },
}
LAYERS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
HEADS = "samples | live values | differ | by more than a step | largest | `same_as_local`"
WHOLE = 8
"""Most photographs on which every operator is compared, of those whose outputs differ."""

Array = Any


@dataclass(frozen=True)
class Served:
    """An integer file with samples in its input's steps.

    Attributes:
        name: Of the file.
        path: The file.
        samples: Shape ``(n, ...)``, of the input's type.
    """

    name: str
    path: Path
    samples: Array

    @property
    def model(self) -> ModelFile:
        """The file as it is read."""
        return read_model(self.path)

    def answers(
        self, target: Target, *, content: bytes | None = None, kernels: Kernels = "xnnpack"
    ) -> list[Array]:
        """Return each output in real numbers on every sample, of other content if it is given."""
        with tempfile.TemporaryDirectory() as folder:
            path = self.path
            if content is not None:
                path = Path(folder) / "changed.tflite"
                path.write_bytes(content)
            with Session(target, timeout_s=600.0, memory_limit=None, where=self.name) as session:
                loaded = session.load(path, threads=1, kernels=kernels)
                rows = [
                    session.infer_tensors(loaded.handle, [sample[np.newaxis]])
                    for sample in self.samples
                ]
        return [np.stack([row[at] for row in rows]) for at in range(len(rows[0]))]

    def compared(self, here: Sequence[Array], there: Sequence[Array]) -> BesideHere:
        """Return how far outputs lie from those here, as those of another architecture."""
        model = self.model
        count = len(self.samples)
        steps = [float(model.tensors[index].scales[0]) for index in model.outputs]
        pairs = [
            Pair(ours.reshape(count, -1), theirs.reshape(count, -1), step)
            for ours, theirs, step in zip(here, there, steps, strict=True)
        ]
        return beside_here(pairs, None, None, images=count, confidence=0.95, unlike=True)


def files(names: Sequence[str], data: Path, images: int, store: str) -> Iterator[Served]:
    """Yield files with their samples."""
    table = {
        "methods": ["int8"],
        "default_gates": False,
        "gates": {"max_bytes": "1 GB"},
        "models": {
            name: {**model, "source": str(data / model["source"])}
            if model["source"].endswith(".tflite")
            else model
            for name, model in MODELS.items()
        },
        "images": {"calibration": "data:imagenet", "evaluation": "data:imagenet"},
        "store": store,
    }
    run = Run(parse(table, root=Path.cwd(), origin=Path("benchmark")))
    photographs = sorted((data / "imagenet" / "evaluation").glob("*.png"))[:images]
    for variant in run.variants:
        method = "" if variant.method == "int8" else f", {variant.method}"
        if f"{variant.model}{method}" in names:
            yield _served(f"{variant.model}{method}", variant.path, photographs)
    for name, path in FILES.items():
        if name in names:
            yield _served(name, data / path, photographs)


def _served(name: str, path: Path, photographs: Sequence[Path]) -> Served:
    model = read_model(path)
    tensor = model.tensors[model.inputs[0]]
    ends = np.iinfo(tensor.dtype)
    if tensor.shape[3:] == (3,):
        size = tensor.shape[2], tensor.shape[1]
        pixels = np.stack(
            [np.asarray(Image.open(each).convert("RGB").resize(size)) for each in photographs]
        )
        if name in SPANS:
            low, high = SPANS[name]
            real = low + pixels * ((high - low) / 255)
            steps = np.rint(real / float(tensor.scales[0])) + tensor.zero_point
        else:  # these inputs hold the values of pixels from end to end
            steps = pixels.astype(np.int64) + ends.min
    else:
        drawn = np.random.default_rng(0).normal(0, 60, (len(photographs), *tensor.shape[1:]))
        steps = np.rint(drawn) + tensor.zero_point
    return Served(name, path, np.clip(steps, ends.min, ends.max).astype(tensor.dtype))


def sources(served: Served, target: Target, differing: Sequence[int]) -> str:
    """Return the kinds of operators that differ although their inputs are the same.

    Args:
        served: The file.
        target: The target.
        differing: The samples whose outputs differ.
    """
    if not differing:
        return ""
    model = served.model
    inner = [index for operator in model.operators for index in operator.outputs]
    content = apply_edits(served.path.read_bytes(), outputs_edits(served.path, inner))
    some = Served(served.name, served.path, served.samples[list(differing[:WHOLE])])
    sides = [some.answers(where, content=content) for where in (local_target(), target)]
    named = list(dict.fromkeys((*model.outputs, *inner)))
    same = {index: here == there for index, here, there in zip(named, *sides, strict=True)}
    kinds: dict[str, list[int]] = {}
    for operator in model.operators:
        fed = [same[index] for index in operator.inputs if index in same]
        alike = np.all([each.reshape(len(each), -1).all(axis=1) for each in fed], axis=0)
        for index in operator.outputs:
            values = same[index][alike] if fed else same[index]
            count = kinds.setdefault(operator.name, [0, 0])
            count[0] += int(np.count_nonzero(~values))
            count[1] += values.size
    return ", ".join(
        f"{name} ({count[0]:,} of {count[1]:,})" for name, count in kinds.items() if count[0]
    )


def shifted(path: Path, layers: Sequence[Operator], share: float) -> bytes:
    """Return a file whose layers round a share of a step of their output too low."""
    model, changed = read_model(path), unpacked(bytearray(path.read_bytes()), path)
    for operator in layers:
        given, weights, bias = (model.tensors[index] for index in operator.inputs[:3])
        output = model.tensors[operator.outputs[0]]
        unit = given.scales[0] * np.asarray(weights.scales, np.float64)
        buffer = changed.buffers[changed.subgraphs[0].tensors[bias.index].buffer]
        stored = np.frombuffer(bytes(buffer.data), bias.dtype)
        lower = stored - np.rint(share * output.scales[0] / np.where(unit > 0, unit, np.inf))
        buffer.data = np.frombuffer(lower.astype(bias.dtype).tobytes(), np.uint8)
    return packed(changed)


def wrong(served: Served, here: Sequence[Array]) -> Iterator[tuple[str, BesideHere]]:
    """Yield what kernels of another kind and wrong ones give, by their name."""
    layers = [each for each in served.model.operators if each.name in LAYERS and each.inputs[2:]]
    middle = layers[len(layers) // 2]
    for name, chosen, share in (
        ("first layer, half a step", layers[:1], 0.5),
        ("middle layer, half a step", [middle], 0.5),
        ("middle layer, a quarter", [middle], 0.25),
        ("last layer but one, half a step", layers[-2:-1], 0.5),
        ("every layer, half a step", layers, 0.5),
    ):
        content = shifted(served.path, chosen, share)
        yield name, served.compared(here, served.answers(local_target(), content=content))
    other = served.answers(local_target(), kernels="builtin")
    yield "LiteRT's own kernels, without XNNPACK", served.compared(here, other)


def _cells(beside: BesideHere) -> str:
    live = max(beside.live, 1)
    alike = BesideHere(images=1, values=1, differing=0, beyond=0, largest=0.0, in_steps=True)
    verdict = same_as_local(beside, alike, 0.0, arithmetic="integer", target="there").status
    return (
        f"{beside.images} | {beside.live:,} of {beside.values:,} | {beside.differing / live:.2%} "
        f"| {beside.beyond / live:.2%} | {beside.largest:.0f} | {verdict.value}"
    )


def _started(name: str, cpus: Sequence[str]) -> Iterator[tuple[str, Target]]:
    """Yield the target, or for each processor the one that emulates it, with its label."""
    target = declared(name, load_spec(Path()))
    for cpu in cpus:
        settings = msgspec.structs.replace(target.settings, cpu=cpu)
        yield cpu, start(name, msgspec.structs.replace(target, settings=settings), Path())
    if not cpus:
        yield name, start(name, target, Path())


def _good(every: Sequence[Served], targets: Sequence[tuple[str, Target]]) -> int:
    """Print how files answer on targets beside here; return how many are not the same."""
    failed = 0
    first: dict[str, list[Array]] = {}
    answers = {served.name: served.answers(local_target()) for served in every}
    for label, target in targets:
        last = f"unlike {targets[0][0]}" if first else "starts in"
        print(f"\n{label}; {load_note()}\n\n| file | {HEADS} | {last} |")
        print("|---|--:|--:|--:|--:|--:|---|---|", flush=True)
        for served in every:
            here, there = answers[served.name], served.answers(target)
            cells = _cells(served.compared(here, there))
            failed += not cells.endswith(Verdict.PASS.value)
            if target is targets[0][1]:
                first[served.name] = there
                note = sources(served, target, _rows(here, there))
            else:
                count = sum(
                    int(np.count_nonzero(a != b))
                    for a, b in zip(there, first[served.name], strict=True)
                )
                note = f"{count:,} values on {len(_rows(first[served.name], there))} samples"
            print(f"| {served.name} | {cells} | {note} |", flush=True)
    return failed


def _rows(ours: Sequence[Array], theirs: Sequence[Array]) -> list[int]:
    """Return the samples whose outputs differ."""
    unlike = [a != b for a, b in zip(ours, theirs, strict=True)]
    rows = np.any([each.reshape(len(each), -1).any(axis=1) for each in unlike], axis=0)
    return [int(row) for row in np.flatnonzero(rows)]


def main() -> int:
    """Print both tables; return 1 if a good file is not the same there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="arm64")
    parser.add_argument("--cpu", action="append", default=[], help="of an emulated target")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--store", default=".edgeq")
    parser.add_argument("--only", choices=("good", "wrong"))
    names = (*(f"{name}{end}" for name in MODELS for end in ("", ", int16x8")), *FILES)
    parser.add_argument("--file", action="append", choices=names)
    given = parser.parse_args()
    data = data_folder()
    if data is None:
        sys.exit("EDGEQ_DATA names no folder: weights and photographs are needed")
    every = list(files(given.file or names, data, given.images, given.store))
    failed = 0
    if given.only != "wrong":
        failed = _good(every, list(_started(given.target, given.cpu)))
    if given.only != "good":
        print(f"\n| file | kernels | {HEADS} |\n|---|---|--:|--:|--:|--:|--:|---|")
        for served in every:
            for name, beside in wrong(served, served.answers(local_target())):
                print(f"| {served.name} | {name} | {_cells(beside)} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeqError as error:
        sys.exit(f"rounding: {error}")
