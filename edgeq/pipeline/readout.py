"""What a file must hand out to be judged: its outputs, and tensors inside it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.config.structs import CLASSIFICATION
from edgeq.tasks.recognition import Reading
from edgeq.tflite.edits import Edit, outputs_edits
from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.wiring import Wiring


@dataclass(frozen=True)
class Place:
    """One of the tensors that a worker hands out.

    Attributes:
        at: Its place among them.
        name: Its name in the file.
        step: Real size of one step of its values, 0 if they are not quantized. An output that is
            dequantized at the end of the graph has the steps that it had before.
    """

    at: int
    name: str
    step: float = 0.0


@dataclass(frozen=True)
class Readout:
    """What a worker hands out of one file, and where it lies.

    Attributes:
        places: How many tensors a worker hands out.
        inside: Indices of the tensors inside it that are handed out too.
        edits: Of the file's bytes, that make them outputs.
        scores: Place of the class scores, None if the model is not judged by classes.
        logits: Place of the tensor that the class scores are made from, None if there is none.
        sigmoid: Whether the class scores are one sigmoid.
        judged: What is judged as tensors: every output of a model that is not judged by classes,
            and every output, the class scores among them, of a model that has several.
    """

    places: int
    inside: tuple[int, ...]
    edits: tuple[Edit, ...]
    scores: int | None
    logits: int | None
    sigmoid: bool
    judged: tuple[Place, ...]


def readout(model: ModelFile, reading: Reading) -> Readout:
    """Return what a file must hand out.

    Args:
        model: The file of a baseline or variant.
        reading: How the baseline's outputs are read; the variant's have the same order.
    """
    wiring = Wiring(model)
    scores = logits = None
    if reading.task == CLASSIFICATION and reading.output < len(model.outputs):
        scores = reading.output
        logits = wiring.logits(model.outputs[scores])
    inside = (*wiring.detections, *(() if logits is None else (logits,)))
    handed_out = tuple(dict.fromkeys((*model.outputs, *inside)))
    compared = [one for one in model.outputs if not wiring.is_post_processed(one)]
    compared += wiring.detections
    if compared == [model.outputs[scores or 0]] and scores is not None:
        compared = []
    return Readout(
        places=len(handed_out),
        inside=inside,
        edits=outputs_edits(model.path, inside),
        scores=scores,
        logits=None if logits is None else handed_out.index(logits),
        sigmoid=scores is not None and model.tensors[model.outputs[scores]].shape[-1:] == (1,),
        judged=tuple(
            Place(handed_out.index(index), model.tensors[index].name, wiring.step(index))
            for index in compared
        ),
    )
