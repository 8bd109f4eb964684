"""Compares a float file with its source in a child process (see ``models/serving.py``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.errors import ModelError
from edgeq.io import structs
from edgeq.io.arrays import map_array
from edgeq.judge.conversion import conversion as judge
from edgeq.judge.verdict import Verdict
from edgeq.measure.conversion import Conversion, compare_outputs
from edgeq.models.export_request import ExportRequest
from edgeq.models.own_runtime import Arrays, OwnRuntime, own_runtime
from edgeq.samples.arrays import fields_of
from edgeq.samples.preprocess import to_inputs
from edgeq.tflite.model_file import read_model

Floats = npt.NDArray[np.float32]

AT_ONCE = 16 * 224 * 224 * 3
"""Values that a source takes at once, which bounds its memory."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Request to compare a float file with its source.

    Attributes:
        source: The export that wrote the file.
        file: The ``.tflite`` file.
        pixels: A ``.npy`` file: uint8, shape ``(n, h, w, 3)``, RGB; or rows of arrays, float32,
            shape ``(n, d)``.
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

    A source runs several samples at once if it can. If it then differs from the file, it
    runs them one by one, as the file does.

    Raises:
        ModelError: The source does not run, or the file does not name its outputs.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(request.file)
    keys = list(interpreter.get_signature_list())
    if not keys:
        raise ModelError("was exported without a signature", where=request.source.name)
    runner = interpreter.get_signature_runner(keys[0])
    entries = runner.get_input_details()
    names = [field.name for field in fields_of(read_model(Path(request.file)))]
    shapes = [tuple(entries[name]["shape"]) for name in names]
    samples: list[Arrays] = []
    for sample in map_array(Path(request.pixels)):
        arrays = to_inputs(sample, request.preprocessing, shapes)
        pairs = zip(names, arrays, strict=True)
        samples.append({name: value.astype(entries[name]["dtype"]) for name, value in pairs})
    outputs = []
    for sample in samples:
        outputs.append(runner(**sample))
        interpreter.reset_all_variables()  # of recurrent layers: samples are independent
    file = _stacked(outputs)
    own = own_runtime(request.source)
    batched = own.batched and all(shape and shape[0] == 1 for shape in shapes)
    values = sum(map(math.prod, shapes))
    at_once = max(1, AT_ONCE // values) if batched else 1
    conversion = _compared(request, own, samples, file, at_once)
    if at_once > 1 and judge(conversion).status is Verdict.FAIL:
        return _compared(request, own, samples, file, 1)
    return conversion


def _compared(
    request: Comparison,
    own: OwnRuntime,
    samples: Sequence[Arrays],
    file: Mapping[str, Floats],
    at_once: int,
) -> Conversion:
    """Compare a file's outputs with its source's, which runs several samples at once."""
    parts = [samples[start : start + at_once] for start in range(0, len(samples), at_once)]
    source = _stacked([own.infer(_joined(part)) for part in parts])
    return Conversion(
        runtime=own.name,
        samples=len(samples),
        role=request.role,
        outputs=compare_outputs(source, file),
        extra=tuple(sorted(file.keys() - source.keys())),
    )


def _joined(samples: Sequence[Arrays]) -> Arrays:
    """Return some samples as one array per input."""
    return {name: np.concatenate([sample[name] for sample in samples]) for name in samples[0]}


def _stacked(every: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Return the outputs of all samples by name, shape ``(n, ...)`` each."""
    return {
        name: np.concatenate([np.asarray(some[name], np.float32) for some in every])
        for name in every[0]
    }


def work(request: dict[str, Any]) -> Mapping[str, object]:
    """Handle one request of the child protocol."""
    conversion = compare(structs.converted(request, Comparison))
    return dict(msgspec.to_builtins(conversion))
