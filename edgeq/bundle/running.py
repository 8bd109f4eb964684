"""Describes how to run a packed model: inputs, outputs, preprocessing and labels. Pure."""

from __future__ import annotations

import msgspec

from edgeq.bundle.select import Chosen
from edgeq.config.structs import CLASSIFICATION, DETECTION, Preprocessing
from edgeq.record.structs import ModelRecord
from edgeq.samples.resize import GREY as PADDING
from edgeq.tasks.detection import heads
from edgeq.tasks.detection.decoders import DECODERS
from edgeq.tasks.recognition import further_heads
from edgeq.tflite.image_input import GREY, image_input
from edgeq.tflite.model_file import ModelFile, Tensor
from edgeq.tflite.wiring import Wiring

BACKGROUND = "background"
DECODED = (
    "decode the photograph to 8 bits, rotate it by its EXIF orientation, make transparent areas "
    "white, convert it to RGB"
)
LUMA = (
    "take the luma, (19595 R + 38470 G + 7471 B + 32768) >> 16, as the only channel, with the "
    "first of mean and std"
)
STORED = (
    "if the input has a scale: stored = round_half_to_even(x / scale) + zero_point, clipped to "
    "the range of its dtype"
)
_VALUE = "if an output has a scale: value = (stored - zero_point) * scale; "

_TENSORS = "the outputs were judged as tensors: what their values mean depends on the model"

_MEANING = {
    CLASSIFICATION: "the class is the index of the highest value, its name the corresponding line "
    "of the labels",
    DETECTION: "the decoder of `detection` turns the values into boxes, of which those whose IoU "
    "with a more certain box of their class exceeds `suppression_iou` are dropped",
    "multilabel": "labels whose value is at least `reading.threshold` apply; their names are the "
    "lines of the labels",
    "embedding": "two samples are compared by the cosine of their vectors",
    "segmentation": "the class of a pixel is the index of its highest channel if the values are "
    "`scores`, the value itself if they are `indices`, and otherwise 1 from `reading.threshold` on",
    "image_to_image": "`reading.range` are the values of black and white",
    "keypoints": "each point has `reading.values_per_point` values, the first two its x and y, "
    "from 0 to 1 of the input's width and height if `reading.relative`, otherwise in its pixels",
    "regression": "each value is a number in the unit of the model",
}
"""How the real values of the judged output are read, by task."""

_ONE_SIGMOID = (1, 2)
"""Values and classes of an output that is the probability of the second class."""


class UnusableError(Exception):
    """Private: not enough is known about a variant to run it from its package."""


def preprocessing_of(chosen: Chosen) -> Preprocessing:
    """Return the variant's own preprocessing, otherwise the model's.

    Raises:
        UnusableError: The record does not have it.
    """
    preprocessing = chosen.variant.preprocessing or chosen.model.preprocessing
    if preprocessing is None:
        raise UnusableError("the record has no preprocessing")
    return preprocessing


def tensor_facts(tensor: Tensor) -> dict[str, object]:
    """Return what a program needs to fill or read an input or output.

    ``scale`` and ``zero_point`` are None if the tensor is not quantized.
    """
    quantized = len(tensor.scales) > 0
    return {
        "name": tensor.name,
        "shape": tensor.shape,
        "shape_signature": tensor.shape_signature,
        "dtype": tensor.dtype,
        "scale": float(tensor.scales[0]) if quantized else None,
        "zero_point": int(tensor.zero_points[0]) if len(tensor.zero_points) else None,
    }


def preprocessing_facts(preprocessing: Preprocessing, model_file: ModelFile) -> dict[str, object]:
    """Return the complete preprocessing: every parameter, the size, and the steps in words.

    Raises:
        UnusableError: The file does not have a single photograph as input.
    """
    shapes = [model_file.tensors[index].shape for index in model_file.inputs]
    image = image_input(shapes[0]) if len(shapes) == 1 else None
    if image is None:
        raise UnusableError(
            f"its inputs have the shapes {list(shapes)}, not one photograph (N, height, width, 3), "
            "grey or with the channels first"
        )
    height, width, grey = image.height, image.width, image.channels == GREY
    channels = "grey" if grey else preprocessing.channels
    filter_name = preprocessing.filter.upper()
    resizing = _PADDED if preprocessing.resize == "letterbox" else "resize"
    crop = (
        f"before the resize, crop to the central square with a side of "
        f"int({preprocessing.crop_fraction} * shorter side), "
        "with its corner at ((width - side + 1) // 2, (height - side + 1) // 2)"
        if preprocessing.resize == "centre_crop"
        else "keep the whole image"
    )
    return {
        **msgspec.to_builtins(preprocessing),
        "channels": channels,
        "channels_first": image.channels_first,
        "height": height,
        "width": width,
        "steps": [
            DECODED,
            *_scaling(preprocessing, max(height, width)),
            crop,
            f"{resizing} to height {height}, width {width}, Pillow's {filter_name}",
            *((LUMA,) if grey else ()),
            "x = (pixel - mean) / std per channel in float32, pixels 0 to 255, all in RGB order",
            *(() if grey else (f"order the channels as {channels.upper()}",)),
            *(("put the channels before the rows",) if image.channels_first else ()),
            STORED,
        ],
    }


_PADDED = (
    "resize with its proportions kept, so that it just fits, and pad evenly with grey "
    f"{PADDING} on both sides"
)


def _scaling(preprocessing: Preprocessing, side: int) -> tuple[str, ...]:
    if not preprocessing.jpeg_scaling:
        return ()
    least = f"{preprocessing.jpeg_scaling * side:g}"
    step = (
        "a JPEG was decoded at 1/2, 1/4 or 1/8 of its size, the smallest that leaves its shorter "
        f"side (after the crop) {least} pixels; decoding at full size changes almost nothing"
    )
    return (step,)


def detection_facts(model: ModelRecord) -> dict[str, object] | None:
    """Return how a detector's outputs become boxes, None for other models.

    ``function`` is the name of the decoder's function in the package, None if the decoder is not
    one of edgeq's own.
    """
    if model.task != DETECTION:
        return None
    own = DECODERS.find(model.decoder)
    packed = own is not None and own.decode.__module__ == heads.__name__
    return {
        "decoder": model.decoder,
        "function": own.decode.__name__ if own is not None and packed else None,
        "operating_score": model.operating_score,
        "suppression_iou": model.suppression_iou,
        "classes": model.classes,
    }


def postprocessing(chosen: Chosen) -> str:
    """Return how the stored values of outputs become predictions."""
    task = chosen.model.task or CLASSIFICATION
    judged = task in {CLASSIFICATION, DETECTION} or reading_facts(chosen) is not None
    return _VALUE + (_MEANING.get(task, _TENSORS) if judged else _TENSORS)


def reading_facts(chosen: Chosen) -> dict[str, object] | None:
    """Return how the values of the output that a task judges are read, None if nothing says."""
    figures, model = chosen.variant.figures, chosen.model
    if figures is None or figures.reading is None:
        return None
    return {"output": model.output, **msgspec.to_builtins(figures.reading)}


def named_values(chosen: Chosen, model_file: ModelFile) -> int:
    """Return the number of names that a detector, multi-label classifier or map of classes needs.

    0 for other models.
    """
    figures, model = chosen.variant.figures, chosen.model
    reading = None if figures is None else figures.reading
    if model.task == DETECTION:
        return model.classes
    if reading is None or reading.values not in {"probabilities", "logits", "scores"}:
        return 0
    shape = model_file.tensors[model_file.outputs[model.output]].shape
    return 2 if model.task == "segmentation" and reading.threshold is not None else shape[-1]


def is_one_logit(model_file: ModelFile, scores: int) -> bool:
    """Return whether the class scores are one number, above 0 for the second of two classes."""
    index = model_file.outputs[scores]
    single = model_file.tensors[index].shape[-1:] == (1,)
    return single and Wiring(model_file).scores_maker(index) is None


def heads_of(chosen: Chosen, model_file: ModelFile) -> tuple[int, ...]:
    """Return the indices of a classifier's further outputs with class scores."""
    return further_heads(model_file, chosen.model.output) if chosen.model.heads else ()


def output_names(
    model_file: ModelFile, labels: tuple[str, ...] | None, scores: int
) -> tuple[str, ...] | None:
    """Return one name per class score, or None without labels.

    Raises:
        UnusableError: The number of labels is neither that of the scores nor one less.
    """
    if labels is None:
        return None
    outputs = model_file.tensors[model_file.outputs[scores]].shape[-1]
    if outputs == len(labels) or (outputs, len(labels)) == _ONE_SIGMOID:
        return labels
    if outputs == len(labels) + 1:
        return (BACKGROUND, *labels)
    raise UnusableError(f"it has {outputs} outputs but its label set has {len(labels)} names")
