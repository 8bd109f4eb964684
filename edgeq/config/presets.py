"""Presets as data: measured default limits, preprocessing, the spec without a configuration.

The limits come from ``benchmarks/engines.md``: each leaves room below what its method reaches on
EfficientNetV2-B0 and EfficientNet-Lite0 with 500 photographs, and none lets a collapsed variant
pass. How much worse than edgeq's own variant of the same method a good one may be comes from
``benchmarks/control.md``: what good files from both engines and from others reach on eight models,
with some room beyond the worst of them.

The presets of preprocessing say what the families of image models expect of a photograph. Means and
standard deviations are in pixel units (0 to 255) and RGB order, as
``edgeq.config.structs.Preprocessing`` defines them. The ``keras-*`` presets are the modes of
``keras.applications.imagenet_utils.preprocess_input``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edgeq.config.structs import Gates, Images, Limits, Model, Preprocessing, Spec
from edgeq.registry import Registry

MAX_ERROR = 0.5
"""Relative error of the logits, or of another output, above which an output no longer says the same
as the baseline's, whatever the method and model. Good int8 variants reach 0.36 (classifiers) or
0.27 (detectors and an embedding); collapsed ones are at 0.62 and above. edgeq's own variant of the
method may set a tighter limit (see ``allowances``)."""

MAX_DRIFT = 0.25
"""Mean total variation distance above which the probabilities no longer say the same as the
baseline's, whatever the method and model. Good int8 variants reach 0.11."""

_EXACT: Limits = {
    "top1_agreement": 0.98,
    "worst_cosine": 0.99,
    "relative_error": 0.05,
    "probability_drift": 0.05,
    "accuracy_drop": 0.01,
    "box_recall": 0.95,
    "box_precision": 0.95,
    "score_shift": 0.02,
    "map_drop": 0.01,
    "head_agreement": 0.98,
    "label_overlap": 0.95,
    "f1_drop": 0.01,
    "low_cosine": 0.99,
    "neighbour_recall": 0.95,
    "verification_drop": 0.01,
    "mean_iou": 0.97,
    "iou_drop": 0.01,
    "psnr": 40.0,
    "ssim": 0.94,
    "psnr_drop": 0.2,
    "point_error": 0.01,
    "point_error_rise": 0.005,
    "value_error": 0.05,
    "value_error_rise": 0.02,
}
_LIKE: Limits = {
    "top1_agreement": 0.95,
    "worst_cosine": 0.90,
    "relative_error": MAX_ERROR,
    "probability_drift": MAX_DRIFT,
    "accuracy_drop": 0.02,
    "box_recall": 0.80,
    "box_precision": 0.80,
    "score_shift": 0.05,
    "map_drop": 0.03,
    "head_agreement": 0.95,
    "label_overlap": 0.85,
    "f1_drop": 0.03,
    "low_cosine": 0.90,
    "neighbour_recall": 0.75,
    "verification_drop": 0.03,
    "mean_iou": 0.90,
    "iou_drop": 0.03,
    "psnr": 30.0,
    "ssim": 0.90,
    "psnr_drop": 0.5,
    "point_error": 0.03,
    "point_error_rise": 0.01,
    "value_error": 0.25,
    "value_error_rise": 0.05,
}
_ROUGH: Limits = {
    "top1_agreement": 0.93,
    "worst_cosine": 0.75,
    "relative_error": MAX_ERROR,
    "probability_drift": MAX_DRIFT,
    "accuracy_drop": 0.03,
    "box_recall": 0.70,
    "box_precision": 0.70,
    "score_shift": 0.10,
    "map_drop": 0.05,
    "head_agreement": 0.93,
    "label_overlap": 0.75,
    "f1_drop": 0.05,
    "low_cosine": 0.80,
    "neighbour_recall": 0.60,
    "verification_drop": 0.05,
    "mean_iou": 0.80,
    "iou_drop": 0.05,
    "psnr": 25.0,
    "ssim": 0.80,
    "psnr_drop": 1.0,
    "point_error": 0.05,
    "point_error_rise": 0.02,
    "value_error": 0.5,
    "value_error_rise": 0.10,
}
"""Limits of what predictions may lose, for methods that lose next to nothing, little, or more.

Those of detectors are from ``benchmarks/detection.md``, those of the other tasks from
``benchmarks/tasks.md``: the exact ones leave room for sets of 80 images.
"""

_STATIC_INT8: Limits = {
    "size_reduction": 0.68,
    **_ROUGH,
    "latency_ratio": 1.1,  # a third with int8 dot products (VNNI), as slow as float32 without
}

DEFAULT_LIMITS: dict[str, Limits] = {
    "dynamic_range": {
        "size_reduction": 0.70,
        **_LIKE,
        "worst_cosine": 0.85,
        "accuracy_drop": 0.03,
        "latency_ratio": 3.0,
    },
    "float16": {"size_reduction": 0.48, **_EXACT, "latency_ratio": 1.1},
    "int8": _STATIC_INT8,
    "int8_float_io": _STATIC_INT8,
    "int8_uint8_io": _STATIC_INT8,
    "int8_per_tensor": _STATIC_INT8,
    "weight_only_int8": {"size_reduction": 0.70, **_LIKE, "latency_ratio": 1.1},
    "int16x8": {"size_reduction": 0.67, **_LIKE},
    "weight_only_int4": {"size_reduction": 0.80, **_ROUGH},
    "dynamic_int2": {"size_reduction": 0.85, **_ROUGH},
}
"""Limits by method that apply if the spec neither sets them nor switches them off.

Dynamic range's latency depends on how many of its operators a delegate takes: 0.6 of the float
model's time on EfficientNetV2-B0, 1.8 on EfficientNet-Lite0. Its default only catches absurd
values; a tighter limit is up to the user. int16x8 and weights of 4 and 2 bits are not meant for
speed and have none.
"""

UNCLAIMED_LIMITS: Limits = {gate: limit for gate, limit in _ROUGH.items() if gate != "worst_cosine"}
"""Limits of a ready-made variant that claims no method."""

DATA_VARIABLE = "EDGEQ_DATA"
SAMPLE_IMAGES = "sample:imagenet"
DATA_IMAGES = "data:imagenet"
PREPROCESSING: Registry[Preprocessing] = Registry(
    "preprocessing",
    [
        # (x - 127) / 128 on the central 224/256 of the shorter side: constants and crop of
        # EfficientNet-Lite's own evaluation.
        (
            "efficientnet-lite",
            Preprocessing(
                resize="centre_crop",
                crop_fraction=0.875,
                mean=(127.0, 127.0, 127.0),
                std=(128.0, 128.0, 128.0),
            ),
        ),
        # The model rescales by itself (EfficientNet, EfficientNetV2, MobileNetV3), or was trained
        # on pixel values (the CIFAR-10 ResNet of MLPerf Tiny).
        ("keras-0-255", Preprocessing()),
        # -1 to 1: mode "tf" (MobileNet, MobileNetV2, Inception, Xception, NASNet, ResNetV2).
        ("keras-tf", Preprocessing(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))),
        # ImageNet's mean 0.485, 0.456, 0.406 and deviation 0.229, 0.224, 0.225, times 255:
        # mode "torch" (DenseNet).
        (
            "keras-torch",
            Preprocessing(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)),
        ),
        # Mode "caffe" (ResNet, VGG).
        ("keras-caffe", Preprocessing(mean=(123.68, 116.779, 103.939), channels="bgr")),
        # 0 to 1.
        ("unit", Preprocessing(std=(255.0, 255.0, 255.0))),
        # YOLOv5 to v11 as Ultralytics evaluates them: letterboxed, 0 to 1.
        (
            "yolo",
            Preprocessing(resize="letterbox", filter="bilinear", std=(255.0, 255.0, 255.0)),
        ),
        # FastestDet as its repository evaluates it: the whole picture, BGR, 0 to 1.
        (
            "fastestdet",
            Preprocessing(filter="bilinear", std=(255.0, 255.0, 255.0), channels="bgr"),
        ),
        # UltraFace as its repository runs it: the whole picture, (x - 127) / 128.
        (
            "ultraface",
            Preprocessing(filter="bilinear", mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0)),
        ),
        # MediaPipe's detectors of faces and people: letterboxed, -1 to 1.
        (
            "mediapipe",
            Preprocessing(
                resize="letterbox",
                filter="bilinear",
                mean=(127.5, 127.5, 127.5),
                std=(127.5, 127.5, 127.5),
            ),
        ),
    ],
)


def data_folder() -> Path | None:
    """Return the folder that ``$EDGEQ_DATA`` names, or None if it is unset or not a folder."""
    value = os.environ.get(DATA_VARIABLE)
    folder = Path(value) if value else None
    return folder.resolve() if folder is not None and folder.is_dir() else None


def built_in(root: Path) -> Spec:
    """Return the spec of a run with no configuration.

    It validates EfficientNet-Lite0 with its real weights on the built-in photographs, and
    EfficientNetV2-B0 on what is available: trained weights and 600 photographs in ``$EDGEQ_DATA``,
    otherwise Keras's download, otherwise random weights, for which verdicts on predictions are
    MISSING by declaration.
    """
    data = data_folder()
    photographs = DATA_IMAGES if data and (data / "imagenet").is_dir() else SAMPLE_IMAGES
    return Spec(
        root=root,
        origin="built-in",
        models={
            "efficientnet-lite0": Model(
                source="efficientnet-lite0",
                images=Images(calibration=SAMPLE_IMAGES, evaluation=SAMPLE_IMAGES),
            ),
            "efficientnetv2-b0": Model(source="keras:EfficientNetV2B0", allow_random_weights=True),
        },
        images=Images(calibration=photographs, evaluation=photographs),
        gates=Gates(
            every={"max_peak_memory": 250_000_000, "max_partitions": 1},
            by_method={"dynamic_range": {"max_partitions": 40}},
        ),
    )


def find_preprocessing(chosen: str | Preprocessing, *, where: str) -> Preprocessing:
    """Return the preprocessing in a spec, given in full or as the name of a preset.

    Raises:
        SpecError: There is no preset of that name.
    """
    return chosen if isinstance(chosen, Preprocessing) else PREPROCESSING.get(chosen, where=where)


@dataclass(frozen=True)
class Allowance:
    """How much worse than its control a variant may be, on the same samples.

    Attributes:
        error: Multiple of the control's mean relative error.
        least_error: Mean relative error that is good whatever the control reaches, because the
            control of a small network may be nearly exact.
        drift: Multiple of the control's mean total variation distance of the probabilities.
        least_drift: Distance that is good whatever the control reaches.
        agreement: Share of the images by which agreement may be lower than the control's.
        accuracy: Share of the images by which the loss of accuracy may exceed the control's.
    """

    error: float
    least_error: float
    drift: float
    least_drift: float
    agreement: float
    accuracy: float


_WEIGHTS = Allowance(
    error=4.0, least_error=0.05, drift=3.0, least_drift=0.01, agreement=0.03, accuracy=0.03
)
_STATIC = Allowance(
    error=2.25, least_error=0.15, drift=2.0, least_drift=0.02, agreement=0.05, accuracy=0.03
)

ALLOWANCES: dict[str, Allowance] = {
    "float16": Allowance(
        error=3.0,
        least_error=0.002,
        drift=3.0,
        least_drift=0.002,
        agreement=0.02,
        accuracy=0.01,
    ),
    "dynamic_range": _WEIGHTS,
    "weight_only_int8": _WEIGHTS,
    "int8": _STATIC,
    "int8_float_io": _STATIC,
    "int8_uint8_io": _STATIC,
}

WIDEST = Allowance(
    error=4.0, least_error=0.15, drift=3.0, least_drift=0.02, agreement=0.05, accuracy=0.03
)
"""For methods without measured files from other makers: the widest value of each allowance."""


def allowance_of(method: str) -> Allowance:
    """Return how much worse than its control a variant of a method may be."""
    return ALLOWANCES.get(method, WIDEST)
