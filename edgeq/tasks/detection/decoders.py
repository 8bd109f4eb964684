"""The table of decoders: how a detector's outputs become boxes, and how its recipe treats them.

Other packages add rows by entry points of the group ``edgeq.decoders``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeq.config.functions import load_function
from edgeq.registry import Extensible
from edgeq.tasks.detection import heads
from edgeq.tasks.detection.heads import Outputs, Size
from edgeq.tflite.image_input import only_image_size
from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.wiring import Wiring

Decode = Callable[[Outputs, Size], Any]
"""Returns ``Boxes``, or corners ``(n, 4)``, scores ``(n,)`` and classes ``(n,)``."""

OPERATING_SCORE = 0.25
SUPPRESSION_IOU = 0.45

_STRIDES = (8, 16, 32)
_FASTESTDET_STRIDE = 16
_LINEAR = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})


@dataclass(frozen=True)
class Evidence:
    """Why a model's outputs are those of a kind of detector, or of another task.

    Attributes:
        text: A clause that follows "judged as detection: ", or as another task.
        classes: Number of classes; 0 if the file does not show it.
        output: Index of the output that the task judges; a detector's decoder takes all of them.
    """

    text: str
    classes: int = 0
    output: int = 0


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """How a kind of detector's outputs become boxes: one row of the table.

    Attributes:
        name: Name in the spec.
        decode: Function of the outputs of one image, in the model's order and without the batch
            dimension, and of the input's height and width. It returns boxes before suppression.
        recognize: Function of a model's file that returns why its outputs are of this kind; None if
            they are not. A row without it must be named in the spec.
        operating_score: Score from which the recipe takes a box for an object.
        suppression_iou: IoU above which the recipe drops the less certain one of two boxes of a
            class; 1 drops none.
        preprocessing: Preset that the recipe uses; empty if it depends on the model.
    """

    name: str
    decode: Decode
    recognize: Callable[[ModelFile], Evidence | None] = lambda _: None
    operating_score: float = OPERATING_SCORE
    suppression_iou: float = SUPPRESSION_IOU
    preprocessing: str = ""


def recognized_decoder(model: ModelFile) -> tuple[Decoder, Evidence] | None:
    """Return the decoder that fits a model's outputs, with the evidence; None if none does."""
    for _, decoder in DECODERS:
        evidence = decoder.recognize(model)
        if evidence is not None:
            return decoder, evidence
    return None


def find_decoder(text: str, root: Path, *, where: str) -> Decoder:
    """Return a decoder by its name in the table, or a user's own function.

    Raises:
        SpecError: There is no such decoder, or the function can't be imported.
    """
    if ":" not in text:
        return DECODERS.get(text, where=where)
    return Decoder(name=text, decode=load_function(text, root, where=where))


def is_fastestdet(model: ModelFile) -> Evidence | None:
    """Recognize one map at a sixteenth of the input whose cells join a sigmoid and a softmax."""
    shape = _only_shape(model, 3)
    if shape is None or shape[2] <= 5:
        return None
    rows, columns, values = shape
    height, width = only_image_size(model)
    if (height, width) != (rows * _FASTESTDET_STRIDE, columns * _FASTESTDET_STRIDE):
        return None
    wiring = Wiring(model)
    joining = wiring.maker(model.outputs[0])
    makers = [] if joining is None else [wiring.maker(index) for index in joining.inputs]
    names = [None if maker is None else maker.name for maker in makers]
    if names[:1] != ["LOGISTIC"] or names[-1:] != ["SOFTMAX"]:
        return None
    text = (
        f"its output {list(shape)} joins an objectness, 4 box values and a softmax of "
        f"{values - 5} for each of {rows} x {columns} cells, as FastestDet's does"
    )
    return Evidence(text, values - 5)


def is_yolov5(model: ModelFile) -> Evidence | None:
    """Recognize ``(boxes, 5 + classes)`` with three boxes for each cell of three grids."""
    shape, cells = _only_shape(model, 2), _cells(model)
    if shape is None or shape[1] <= 5 or not cells or shape[0] != 3 * cells:
        return None
    values = shape[1]
    text = (
        f"its output {list(shape)} has 4 box values, an objectness and {values - 5} scores for "
        f"3 boxes in each of {cells:,} cells, as YOLOv5's does"
    )
    return Evidence(text, values - 5)


def is_yolov8(model: ModelFile) -> Evidence | None:
    """Recognize ``(4 + classes, boxes)`` with one box for each cell of three grids."""
    shape, boxes = _only_shape(model, 2), _cells(model)
    if shape is None or shape[0] <= 4 or not boxes or shape[1] != boxes:
        return None
    values = shape[0]
    text = (
        f"its output {list(shape)} has 4 box values and {values - 4} scores for each of "
        f"{boxes:,} cells, as YOLOv8's does"
    )
    return Evidence(text, values - 4)


def is_ssd(model: ModelFile) -> Evidence | None:
    """Recognize the four outputs of the runtime's own post-processing."""
    wiring = Wiring(model)
    if len(model.outputs) != 4 or not all(map(wiring.is_post_processed, model.outputs)):
        return None
    _, scores = wiring.detections[:2]
    values = model.tensors[scores].shape[-1]
    text = "TFLite_Detection_PostProcess gives its outputs"
    return Evidence(text, max(values - 1, 1))


def is_ultraface(model: ModelFile) -> Evidence | None:
    """Recognize four offsets from convolutions, and a softmax of 2, for UltraFace's priors.

    The file may leave the number of priors open.
    """
    wiring, size = Wiring(model), only_image_size(model)
    if len(model.outputs) != 2 or not all(size):
        return None
    by_width = {model.tensors[index].shape[-1]: index for index in model.outputs}
    if set(by_width) != {4, 2}:
        return None
    count = len(heads.ultraface_priors(size))
    for index in model.outputs:
        signature = model.tensors[index].shape_signature
        if len(signature) != 3 or signature[1] not in {-1, count}:
            return None
    joining, scoring = wiring.maker(by_width[4]), wiring.maker(by_width[2])
    if joining is None or scoring is None or scoring.name != "SOFTMAX":
        return None
    makers = [wiring.maker(index) for index in joining.inputs]
    if joining.name != "CONCATENATION" or any(m is None or m.name not in _LINEAR for m in makers):
        return None
    names = [model.tensors[by_width[width]].name for width in (4, 2)]
    text = (
        f"its outputs {names[0]!r} and {names[1]!r} have 4 offsets and a softmax of 2 for each "
        "prior, as UltraFace's do"
    )
    return Evidence(text, 1)


def is_mediapipe(model: ModelFile) -> Evidence | None:
    """Recognize a box with keypoints and a score without an activation for MediaPipe's anchors."""
    shapes = sorted(_shapes(model), key=lambda shape: -shape[-1] if shape else 0)
    if [len(shape) for shape in shapes] != [2, 2] or not all(only_image_size(model)):
        return None
    (count, values), scores = shapes
    if count not in heads.MEDIAPIPE_GRIDS or scores != (count, 1) or values <= 4 or values % 2:
        return None
    text = (
        f"its outputs have a box with {(values - 4) // 2} keypoints and a score for each of "
        f"{count:,} anchors, as MediaPipe's detectors do"
    )
    return Evidence(text, 1)


def _shapes(model: ModelFile) -> list[tuple[int, ...]]:
    """Return the shapes of a model's outputs without the batch dimension."""
    return [model.tensors[index].shape[1:] for index in model.outputs]


def _only_shape(model: ModelFile, rank: int) -> tuple[int, ...] | None:
    """Return the shape of a model's only output; None if there are several, or of another rank."""
    shapes = _shapes(model)
    return shapes[0] if len(shapes) == 1 and len(shapes[0]) == rank else None


def _cells(model: ModelFile) -> int:
    """Return the number of cells of the three grids; 0 if the input is not a multiple of them."""
    height, width = only_image_size(model)
    if height % _STRIDES[-1] or width % _STRIDES[-1]:
        return 0
    return sum((height // stride) * (width // stride) for stride in _STRIDES)


DECODERS: Extensible[Decoder] = Extensible(
    "decoder",
    Decoder,
    "edgeq.decoders",
    [
        Decoder(
            name="fastestdet",
            decode=heads.fastestdet,
            recognize=is_fastestdet,
            operating_score=0.65,  # `--thresh` of the repository's test.py
            suppression_iou=0.45,
            preprocessing="fastestdet",
        ),
        Decoder(
            name="yolov5",
            decode=heads.yolov5,
            recognize=is_yolov5,
            operating_score=0.25,  # `--conf-thres` of detect.py
            suppression_iou=0.6,  # `--iou-thres` of val.py
            preprocessing="yolo",
        ),
        Decoder(
            name="yolov8",
            decode=heads.yolov8,
            recognize=is_yolov8,
            operating_score=0.25,  # `conf` of predict mode
            suppression_iou=0.6,
            preprocessing="yolo",
        ),
        Decoder(
            name="ssd",
            decode=heads.ssd,
            recognize=is_ssd,
            operating_score=0.5,
            suppression_iou=1.0,  # the runtime has suppressed already
        ),
        Decoder(
            name="ultraface",
            decode=heads.ultraface,
            recognize=is_ultraface,
            operating_score=0.7,  # `--threshold` of detect_imgs.py
            suppression_iou=0.3,  # `iou_threshold` of fd_config.py
            preprocessing="ultraface",
        ),
        Decoder(
            name="mediapipe",
            decode=heads.mediapipe,
            recognize=is_mediapipe,
            operating_score=0.5,  # `min_score_thresh` of face_detection.pbtxt
            suppression_iou=0.3,  # `min_suppression_threshold` there
            preprocessing="mediapipe",
        ),
    ],
)
