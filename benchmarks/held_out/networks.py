"""The networks of the held-out set, with the photographs that they are judged on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.held_out.kinds import LayerKind
from benchmarks.held_out.signs import prepare
from edgeq.config.structs import Gates, Images, Model, Spec

OFF = ("latency_ratio", "max_peak_memory", "size_reduction")
"""Gates that are not asked: time and memory say nothing about what is in a file, and a network of
80 kB need not become 68 % smaller."""

DATA = "data:imagenet"
SMALL_SIDE = 96
METHODS = ("int8", "float16", "dynamic_range", "weight_only_int8")


@dataclass(frozen=True)
class Network:
    """A float model with its images.

    Attributes:
        name: Its name in the spec.
        model: Returns the model, given a folder for what is prepared and ``$EDGEQ_DATA``.
        layers: The kinds of layers that it has.
        traits: What some kinds of faults need, see ``Kind.needs``.
        off: Gates that it can't be asked, beside ``OFF``.
        large: Whether harmless changes are dealt over its formats, each to one of them.
    """

    name: str
    model: Callable[[Path, Path], Model]
    layers: tuple[LayerKind, ...]
    traits: frozenset[str]
    off: tuple[str, ...] = ()
    large: bool = False

    def spec(
        self, folder: Path, data: Path, images: int | None = None, *, labelled: bool = True
    ) -> Spec:
        """Return a spec of it alone.

        Args:
            folder: Where what is prepared is kept.
            data: The folder that ``$EDGEQ_DATA`` names.
            images: At most so many evaluation images, None for all.
            labelled: Whether gates that need labels are asked.
        """
        off = (*OFF, *self.off, *(() if labelled else ("accuracy_drop",)))
        return Spec(
            root=folder,
            origin="held out",
            models={self.name: self.model(folder, data)},
            methods=METHODS,
            images=Images(max_evaluation=images),
            gates=Gates(off={"": off}),
        )


def _v2_b0(folder: Path, data: Path) -> Model:
    del folder, data
    return Model(source="keras:EfficientNetV2B0", images=Images(calibration=DATA, evaluation=DATA))


def _lite0(folder: Path, data: Path) -> Model:
    del folder, data
    return Model(source="efficientnet-lite0", images=Images(calibration=DATA, evaluation=DATA))


def _resnet8(folder: Path, data: Path) -> Model:
    sets = {role: folder / "small" / role for role in ("calibration", "evaluation")}
    for role, target in sets.items():
        _shrink(data / "imagenet" / role, target)
    return Model(
        source=str(data / "models" / "resnet8_cifar10_float.tflite"),
        preprocessing="keras-0-255",
        labels="cifar10",
        images=Images(calibration=str(sets["calibration"]), evaluation=str(sets["evaluation"])),
    )


def _shrink(photographs: Path, target: Path) -> None:
    """Write photographs of three times the input's side, without labels."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(photographs.glob("*.png")):
        small = target / path.name
        if not small.is_file():
            with Image.open(path) as photo:
                photo.convert("RGB").resize((SMALL_SIDE, SMALL_SIDE)).save(small)


def _signs(folder: Path, data: Path) -> Model:
    network = prepare(folder / "signs", data / "imagenet")
    return Model(
        source=str(network),
        preprocessing="keras-0-255",
        images=Images(
            calibration=str(network.parent / "calibration"),
            evaluation=str(network.parent / "evaluation"),
        ),
    )


NETWORKS = (
    Network(
        "signs",
        _signs,
        ("conv", "depthwise", "dense"),
        frozenset(
            {"bias", "square", "strided", "valid", "fused", "residual", "mean", "normalises"}
            | {"softmax", "twins", "labelled"}
        ),
    ),
    Network(
        "resnet8",
        _resnet8,
        ("conv", "dense"),
        frozenset(
            {"bias", "square", "strided", "fused", "residual", "mean", "softmax", "twins"}
            | {"resized"}
        ),
        off=("accuracy_drop",),
    ),
    Network(
        "efficientnet-lite0",
        _lite0,
        ("conv", "depthwise", "dense"),
        frozenset(
            {"bias", "square", "strided", "valid", "fused", "residual", "mean", "softmax"}
            | {"twins", "resized", "labelled"}
        ),
        large=True,
    ),
    Network(
        "efficientnetv2-b0",
        _v2_b0,
        ("conv", "depthwise", "dense"),
        frozenset(
            {"bias", "square", "strided", "valid", "residual", "mean", "softmax", "twins"}
            | {"resized", "labelled", "silu", "gates", "normalises"}
        ),
        large=True,
    ),
)
"""The smallest first."""
