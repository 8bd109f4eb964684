"""Request and response of the export child, and the names in the file that it writes."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from edgeq.config.structs import Make

Kind = Literal[
    "application",
    "keras_file",
    "saved_model",
    "function",
    "lite0",
    "registered",
    "onnx",
    "torch",
]
Form = Literal["litert", "saved_model"]

GRAPH_FILE = "graph.pb"


class ArrayInput(msgspec.Struct, frozen=True):
    """An input of a model that takes arrays.

    Attributes:
        name: Its name, empty if it has none.
        shape: Shape of one sample, without the batch.
        dtype: Name of its type in NumPy.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An export with a fixed batch of 1.

    Attributes:
        kind: How to interpret ``name``.
        name: An application's name, an absolute path, ``package.module:function``, or a source that
            another package registers.
        root: Folder that user code is imported from.
        weights: Weights of an application: ``"imagenet"`` (Keras downloads them), a file, or None
            for random ones.
        seed: Seed for everything random.
        input_size: Height and width, or None for the model's own.
        open_size: Height and width for a model that leaves them open, used if ``input_size`` is
            None.
        arrays: Whether the model takes arrays, not photographs.
        inputs: The arrays that a PyTorch module takes, in the order of its arguments.
        allow_code: Whether code in a ``.keras`` file may run, or operators of a SavedModel that
            read or write files or call back.
        signature: Signature of a SavedModel; None takes ``serving_default`` or the only one.
        limits: Limits for the child process.
        form: What to write.
        graph: Whether to write ``GRAPH_FILE`` next to a ``.tflite`` file, for TensorFlow's
            converter. It is not written if the model is more than one plain graph.
        output: The file (``.tflite``) or folder to write.
    """

    kind: Kind
    name: str
    root: str
    weights: str | None = None
    seed: int = 0
    input_size: tuple[int, int] | None = None
    open_size: tuple[int, int] | None = None
    arrays: bool = False
    inputs: tuple[ArrayInput, ...] = ()
    allow_code: bool = False
    signature: str | None = None
    limits: Make = Make()
    form: Form = "litert"
    graph: bool = False
    output: str = ""


class ExportResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an export.

    Attributes:
        input_size: Height and width, or None if nothing was written.
        notes: What a reader should know, in sentences.
        download_failed: Why Keras's download failed, in which case nothing was written.
    """

    input_size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    download_failed: str | None = None


def signature_name(name: str) -> str:
    """Return a tensor's name as a signature may hold it: letters, digits and underscores."""
    return re.sub(r"\W", "_", name).lstrip("_") or "output"
