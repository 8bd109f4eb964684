"""Decoders of detection heads: a model's outputs for one image become boxes.

Every function takes the outputs of one image in the model's order, as real values without the
batch dimension, and the input's height and width. It returns all boxes whose score is at least
``MIN_SCORE``, before suppression, with corners relative to the input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from edgeq.tasks.detection.boxes import Boxes, Floats, Integers, from_centres

MIN_SCORE = 0.01
"""Scores below this are not boxes. Average precision counts boxes far below an application's
threshold, and the recipes of these networks evaluate from here on."""

_PRIOR_SIDES = ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256)))
"""Stride in pixels and the sides of its priors, in pixels."""

MEDIAPIPE_GRIDS = {
    896: ((16, 2), (8, 6)),
    2016: ((24, 2), (12, 6)),
    2254: ((28, 2), (14, 2), (7, 6)),
    2304: ((48, 1),),
}
"""By the number of anchors: cells along each side of a grid, and anchors in each cell."""

_PIXELS = 2.0
"""Median of centres and sizes above which they are in pixels; relative ones are at most about 1."""

Outputs = Sequence[Floats]
Size = tuple[int, int]


def fastestdet(outputs: Outputs, _: Size) -> Boxes:
    """Decode FastestDet's head.

    Output ``(rows, columns, 5 + classes)``: objectness o, box (tx, ty, tw, th), class scores c. The
    box of the cell (x, y) has the centre ``((x + tanh tx) / columns, (y + tanh ty) / rows)`` and
    the size ``(sigmoid tw, sigmoid th)``; its score is ``o^0.6 * max(c)^0.4``.

    Source: ``handle_preds`` in ``utils/tool.py`` of github.com/dog-qiuqiu/FastestDet.
    """
    (head,) = outputs
    rows, columns = head.shape[:2]
    down, across = np.mgrid[:rows, :columns].astype(np.float32)
    cells = head.reshape(rows * columns, -1)
    classes = cells[:, 5:]
    scores = np.clip(cells[:, 0], 0, None) ** 0.6 * np.clip(classes.max(axis=1), 0, None) ** 0.4
    certain = scores >= MIN_SCORE
    cells, places = cells[certain], np.stack([across.ravel(), down.ravel()], axis=1)[certain]
    centres = (places + np.tanh(cells[:, 1:3])) / np.array([columns, rows], np.float32)
    sizes = (1 + np.tanh(cells[:, 3:5] / 2)) / 2  # the sigmoid, without an overflow
    return Boxes(
        from_centres(np.concatenate([centres, sizes], axis=1)),
        scores[certain],
        classes[certain].argmax(axis=1),
    )


def yolov5(outputs: Outputs, size: Size) -> Boxes:
    """Decode the head of YOLOv5 to v7, whose boxes the graph has already computed.

    Output ``(boxes, 5 + classes)``: centre x, centre y, width, height, objectness, class scores.
    The score of a class is ``objectness * class score``; a box counts once for its best class.

    Source: ``non_max_suppression`` in ``utils/general.py`` of github.com/ultralytics/yolov5.
    """
    (head,) = outputs
    hopeful = head[head[:, 4] >= MIN_SCORE]
    return _best_class(hopeful[:, :4], hopeful[:, 4:5] * hopeful[:, 5:], size)


def yolov8(outputs: Outputs, size: Size) -> Boxes:
    """Decode the one-tensor head of YOLOv8 to v11.

    Output ``(4 + classes, boxes)``: centre x, centre y, width, height, class scores.

    Source: ``non_max_suppression`` in ``ultralytics/utils/ops.py`` of
    github.com/ultralytics/ultralytics.
    """
    (head,) = outputs
    hopeful = head[:, head[4:].max(axis=0) >= MIN_SCORE].T
    return _best_class(hopeful[:, :4], hopeful[:, 4:], size)


def ssd(outputs: Outputs, _: Size) -> Boxes:
    """Read what ``TFLite_Detection_PostProcess`` returns, which has already suppressed boxes.

    Outputs: boxes ``(n, 4)`` as top, left, bottom, right; classes ``(n,)``; scores ``(n,)``; number
    of boxes ``(1,)``. Values beyond that number mean nothing.

    Source: ``tensorflow/lite/kernels/detection_postprocess.cc`` of
    github.com/tensorflow/tensorflow.
    """
    corners, classes, scores, count = outputs
    number = int(np.clip(np.nan_to_num(count.ravel()[0]), 0, len(scores.ravel())))
    boxes = Boxes(
        corners.reshape(-1, 4)[:number, [1, 0, 3, 2]],
        scores.ravel()[:number],
        classes.ravel()[:number].astype(np.int64),
    )
    return boxes.above(MIN_SCORE)


def ultraface(outputs: Outputs, size: Size) -> Boxes:
    """Decode UltraFace's head (version RFB and slim, any input size).

    Outputs in any order: offsets ``(n, 4)`` from n priors, and softmaxed scores ``(n, 2)`` of
    background and face. With the prior's centre c and size s, a box has the centre
    ``c + 0.1 * s * offset`` and the size ``s * exp(0.2 * offset)``.

    Source: ``vision/utils/box_utils.py`` and ``vision/ssd/config/fd_config.py`` of
    github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB.

    Raises:
        ValueError: The outputs do not have one row for each prior.
    """
    offsets, scores = sorted(outputs, key=lambda output: -output.shape[-1])
    priors = ultraface_priors(size)
    if not len(offsets) == len(scores) == len(priors):
        raise ValueError(
            f"{len(offsets)} offsets and {len(scores)} scores do not belong to the {len(priors)} "
            f"priors of an input of {size[0]} x {size[1]}"
        )
    certain = scores[:, 1] >= MIN_SCORE
    offsets, priors = offsets[certain], priors[certain]
    centres = priors[:, :2] + 0.1 * priors[:, 2:] * offsets[:, :2]
    sizes = priors[:, 2:] * np.exp(0.2 * offsets[:, 2:])
    corners = from_centres(np.concatenate([centres, sizes], axis=1))
    return Boxes(corners, scores[certain, 1], np.zeros(len(corners), np.int64))


@cache
def ultraface_priors(size: Size) -> Floats:
    """Return UltraFace's priors as centre x, centre y, width and height, relative, ``(n, 4)``."""
    height, width = size
    rows = []
    for stride, sides in _PRIOR_SIDES:
        for row in range(math.ceil(height / stride)):
            for column in range(math.ceil(width / stride)):
                x, y = (column + 0.5) * stride / width, (row + 0.5) * stride / height
                rows += [(x, y, side / width, side / height) for side in sides]
    priors: Floats = np.clip(np.array(rows, np.float32), 0, 1)
    return priors


def mediapipe(outputs: Outputs, size: Size) -> Boxes:
    """Decode the head of MediaPipe's detectors of faces, palms and people.

    Outputs in any order: ``(n, 4 + 2k)``, a box in pixels of the input (its centre relative to the
    anchor's, width, height) and k keypoints for each of n anchors; and logits ``(n, 1)``.

    Source: ``tensors_to_detections_calculator.cc`` and ``ssd_anchors_calculator.cc`` of
    github.com/google-ai-edge/mediapipe, with fixed anchors and ``reverse_output_order``.

    Raises:
        ValueError: The outputs do not have one row for each anchor.
    """
    values, logits = sorted(outputs, key=lambda output: -output.shape[-1])
    if len(values) != len(logits) or len(logits) not in MEDIAPIPE_GRIDS:
        raise ValueError(
            f"{len(values)} boxes and {len(logits)} scores do not belong to one set of anchors "
            f"({', '.join(map(str, MEDIAPIPE_GRIDS))})"
        )
    # The sigmoid, without an overflow.
    scores = ((1 + np.tanh(logits[:, 0] / 2)) / 2).astype(np.float32)
    certain = scores >= MIN_SCORE
    centres = (values[certain, :4] / np.array([size[1], size[0]] * 2)).astype(np.float32)
    centres[:, :2] += mediapipe_anchors(len(logits))[certain]
    return Boxes(from_centres(centres), scores[certain], np.zeros(len(centres), np.int64))


@cache
def mediapipe_anchors(count: int) -> Floats:
    """Return the centres of MediaPipe's anchors, relative, ``(n, 2)``."""
    parts = []
    for cells, each in MEDIAPIPE_GRIDS[count]:
        down, across = (np.mgrid[:cells, :cells] + 0.5) / cells
        parts.append(np.repeat(np.stack([across.ravel(), down.ravel()], axis=1), each, axis=0))
    anchors: Floats = np.concatenate(parts).astype(np.float32)
    return anchors


def _best_class(centres: Floats, scores: Floats, size: Size) -> Boxes:
    """Return one box per row, of its best class.

    Args:
        centres: Centre x, centre y, width and height, shape ``(n, 4)``: relative to the input as
            Ultralytics exports them for LiteRT, or in pixels as its other formats have them.
        scores: Score of each class, shape ``(n, c)``.
        size: Height and width of the input.
    """
    if not len(scores):
        return Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    classes: Integers = scores.argmax(axis=1)
    corners = from_centres(centres)
    if np.median(np.abs(centres)) > _PIXELS:
        corners = (corners / np.array([size[1], size[0]] * 2)).astype(np.float32)
    return Boxes(corners, scores[np.arange(len(scores)), classes], classes).above(MIN_SCORE)
