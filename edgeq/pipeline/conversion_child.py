"""Compares a float file with its source in a child process (see ``models/serving.py``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.io import structs
from edgeq.measure.conversion import Conversion, compare_outputs
from edgeq.models.export_request import ExportRequest
from edgeq.models.own_runtime import own_runtime
from edgeq.samples.preprocess import to_input

Floats = npt.NDArray[np.float32]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Request to compare a float file with its source.

    Attributes:
        source: The export that wrote the file.
        file: The ``.tflite`` file.
        pixels: A ``.npy`` file, uint8, shape ``(n, h, w, 3)``, RGB.
        preprocessing: How pixels become the model's input.
        role: The set that the samples are from.
    """

    source: ExportRequest
    file: str
    pixels: str
    preprocessing: Preprocessing
    role: str


def compare(request: Comparison) -> Conversion:
    """Run both on every sample.

    Raises:
        ModelError: The source does not run.
    """
    from ai_edge_litert.interpreter import Interpreter

    images = to_input(np.load(request.pixels), request.preprocessing)
    interpreter = Interpreter(request.file)
    (key,) = interpreter.get_signature_list()
    runner = interpreter.get_signature_runner(key)
    (entry,) = runner.get_input_details()
    own = own_runtime(request.source)
    ours: list[Mapping[str, Floats]] = []
    theirs: list[Mapping[str, Floats]] = []
    for image in images:
        ours.append(own.infer(image[None]))
        theirs.append(runner(**{entry: image[None]}))
    source, file = _stacked(ours), _stacked(theirs)
    return Conversion(
        runtime=own.name,
        samples=len(images),
        role=request.role,
        outputs=compare_outputs(source, file),
        extra=tuple(sorted(file.keys() - source.keys())),
    )


def _stacked(every: list[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Return the outputs of all samples by name, shape ``(n, ...)`` each."""
    return {
        name: np.concatenate([np.asarray(some[name], np.float32) for some in every])
        for name in every[0]
    }


def work(request: dict[str, Any]) -> Mapping[str, object]:
    """Handle one request of the child protocol."""
    conversion = compare(structs.converted(request, Comparison))
    return dict(msgspec.to_builtins(conversion))
