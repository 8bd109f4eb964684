"""The held-out faults of tasks: their networks, and what is drawn for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.held_out import panels
from benchmarks.held_out.draw import Drawn
from benchmarks.held_out.kinds import DEPTHS, FORMATS, Format, Kind, LayerKind, Spot
from benchmarks.held_out.meanings import MEANINGS, MEANT_FOR, general
from edgeq.config.structs import Task

SEED = 20261130
OWN = 7
GENERAL = 3
"""Faults of what the outputs mean, and of any network, that are tried with each network at most."""

GATES = """
[gates]
latency_ratio = false
max_peak_memory = false
size_reduction = false
"""

OWN_NETWORK = """
methods = ["int8_float_io", "float16", "dynamic_range", "weight_only_int8"]
[models.{name}]
source = "{network}"
preprocessing = "keras-0-255"
{model}
[images]
calibration = "{folder}/calibration"
evaluation = "{folder}/evaluation"
{labels}
"""

READY = """
methods = []
[models.{name}]
source = "{data}/{file}"
preprocessing = "{preprocessing}"
allow_quantized_weights = true
[images]
{calibration}
evaluation = "{data}/coco128/images"
max_evaluation = {images}
[variants.{variant}]
model = "{name}"
file = "{data}/{variant_file}"
method = "{method}"
"""

KEYWORDS = """
methods = []
[models.kws]
source = "{folder}/kws_float_file_as_published.tflite"
allow_quantized_weights = true
[models.kws.samples]
evaluation = "{folder}/features_int8.npy"
scale = 0.5847029
zero_point = 83
[variants.kws_int8]
model = "kws"
file = "{folder}/kws_int8.tflite"
method = "int8"
"""

ULTRAFACE = """
methods = ["int8_float_io", "float16", "weight_only_int8"]
[models.ultraface]
source = "{data}/ultraface_rfb_320_float.tflite"
preprocessing = "ultraface"
[images]
calibration = "{data}/../../imagenet/calibration"
evaluation = "{photographs}"
max_calibration = 32
max_evaluation = 40
"""


@dataclass(frozen=True)
class TaskNetwork:
    """A network that is judged as some task.

    Attributes:
        name: Its name.
        task: The task.
        model: Keys of its own in the spec.
        labels: The set's labels in the spec.
        few: At most so many faults, of a slow network.
        off: Gates that it can't be asked.
    """

    name: str
    task: Task
    model: str = ""
    labels: str = ""
    few: int = OWN + GENERAL
    off: tuple[str, ...] = ()

    def spec(self, folder: Path, data: Path) -> str:
        """Return the text of its spec, after preparing its files.

        Args:
            folder: Where what is prepared is kept.
            data: The folder that ``$EDGEQ_DATA`` names.
        """
        gates = GATES + "".join(f"{gate} = false\n" for gate in self.off)
        detection = data / "tasks" / "detection"
        if self.name == "kws":
            return KEYWORDS.format(folder=data / "tasks" / "keyword_spotting") + gates
        if self.name == "ultraface":
            # COCO's labels beside the photographs know no faces.
            photographs = folder / "photographs"
            if not photographs.exists():
                photographs.symlink_to(detection / "coco128" / "images")
            return ULTRAFACE.format(data=detection, photographs=photographs) + gates
        if self.name in FILES:
            return READY.format(name=self.name, data=detection, **FILES[self.name]) + gates
        network = panels.prepare(self.name, folder, data / "imagenet")
        own = network.parent
        return (
            OWN_NETWORK.format(
                name=self.name,
                network=network,
                folder=own,
                model=self.model,
                labels=self.labels.format(folder=own),
            )
            + gates
        )


FILES = {
    "fastestdet": {
        "file": "fastestdet_float.tflite",
        "preprocessing": "fastestdet",
        "variant": "litert_int8",
        "variant_file": "fastestdet/litert_int8.tflite",
        "method": "int8",
        "images": "32",
        "calibration": "",
    },
    "yolov5n": {
        "file": "yolov5n_fp16.tflite",
        "preprocessing": "yolo",
        "variant": "litert_dynamic",
        "variant_file": "yolov5n_litert_dynamic.tflite",
        "method": "dynamic_range",
        "images": "8",
        "calibration": "",
    },
}

NETWORKS = (
    TaskNetwork("shown", "multilabel", labels='labels = "{folder}/evaluation.csv"'),
    TaskNetwork("likeness", "embedding"),
    TaskNetwork("mask", "segmentation", labels='labels = "{folder}/masks/evaluation"'),
    TaskNetwork(
        "clean",
        "image_to_image",
        model='task = "image_to_image"',
        labels='labels = "{folder}/targets/evaluation"',
    ),
    TaskNetwork(
        "corners",
        "keypoints",
        model='task = "keypoints"\noutput = "1"',
        labels='labels = "{folder}/evaluation.csv"',
    ),
    TaskNetwork(
        "angle",
        "regression",
        model='task = "regression"',
        labels='labels = "{folder}/evaluation.csv"',
    ),
    TaskNetwork("kws", "classification"),
    TaskNetwork("ultraface", "detection", off=("map_drop",)),
    TaskNetwork("fastestdet", "detection"),
    TaskNetwork("yolov5n", "detection", few=6),
)
"""None of them is among those that causes were tuned on with faults of tasks, except that the
catalogue's faults of detectors were tried on FastestDet and YOLOv5n."""


def drawn(network: TaskNetwork, seed: int = SEED) -> Iterator[tuple[Drawn, bool]]:
    """Yield what may be tried with a network, in the order in which it is to be tried.

    Each comes with whether it is about what the outputs mean; ``OWN`` of those that can happen are
    tried, and ``GENERAL`` of the others.

    Args:
        network: The network.
        seed: Of the order, of the formats and of each fault's own random numbers.
    """
    at = [one.name for one in NETWORKS].index(network.name)
    generator = np.random.default_rng([seed, at])
    own = [
        kind
        for _, kind in MEANINGS
        if not MEANT_FOR[kind.name] or network.task in MEANT_FOR[kind.name]
    ]
    for kinds, about_meaning in ((own, True), (general(), False)):
        for place in generator.permutation(len(kinds)):
            kind = kinds[int(place)]
            form = _format(kind, generator)
            yield Drawn(network.name, form, kind, _spot(kind, generator)), about_meaning


def _format(kind: Kind, generator: np.random.Generator) -> Format:
    """Return int8 half of the time, and else one of the formats that can have it."""
    chosen = "int8" if generator.integers(2) else FORMATS[int(generator.integers(len(FORMATS)))]
    return chosen if chosen in kind.formats else kind.formats[0]


def _spot(kind: Kind, generator: np.random.Generator) -> Spot:
    depth = list(DEPTHS)[int(generator.integers(len(DEPTHS)))]
    layer: LayerKind = "dense" if generator.integers(4) == 0 else "conv"
    seed = int(generator.integers(2**31))
    return Spot(depth, layer, seed) if kind.by_depth else Spot(seed=seed)
