"""Preprocessing presets: what the families of image models expect of a photograph.

Means and standard deviations are in pixel units (0 to 255) and RGB order, as
``edgeq.config.structs.Preprocessing`` defines them. The ``keras-*`` presets are the modes of
``keras.applications.imagenet_utils.preprocess_input``.
"""

from __future__ import annotations

from edgeq.config.structs import Preprocessing
from edgeq.registry import Registry

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
    ],
)


def find_preprocessing(chosen: str | Preprocessing, *, where: str) -> Preprocessing:
    """Return the preprocessing in a spec, given in full or as the name of a preset.

    Raises:
        SpecError: There is no preset of that name.
    """
    return chosen if isinstance(chosen, Preprocessing) else PREPROCESSING.get(chosen, where=where)
