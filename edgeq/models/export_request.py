"""What the export child is asked and answers."""

from __future__ import annotations

from typing import Literal

import msgspec

from edgeq.config.structs import Make

Kind = Literal["application", "keras_file", "saved_model", "function", "lite0", "registered"]
Form = Literal["litert", "saved_model"]

GRAPH_FILE = "graph.pb"


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One export with a fixed batch of 1.

    Attributes:
        kind: How ``name`` is to be understood.
        name: An application's name, an absolute path, ``package.module:function``, or a source that
            another package registers.
        root: Folder that user code is imported from.
        weights: Of an application: ``"imagenet"`` (Keras downloads), a file, or None for random.
        seed: Of everything random.
        input_size: Height and width, None takes the model's own.
        open_size: Height and width for a model that leaves them open when none are asked for.
        allow_code: Whether code in a ``.keras`` file, or operators of a SavedModel that read or
            write files or call back, may run.
        signature: Of a SavedModel; None takes ``serving_default`` or the only one.
        limits: What the child process may take.
        form: What to write.
        graph: Whether ``GRAPH_FILE`` is wanted beside a ``.tflite`` file, for TensorFlow's
            converter; there is none if the model is more than one plain graph.
        output: The file (``.tflite``) or the folder to write.
    """

    kind: Kind
    name: str
    root: str
    weights: str | None = None
    seed: int = 0
    input_size: tuple[int, int] | None = None
    open_size: tuple[int, int] | None = None
    allow_code: bool = False
    signature: str | None = None
    limits: Make = Make()
    form: Form = "litert"
    graph: bool = False
    output: str = ""


class ExportResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it.

    Attributes:
        input_size: Height and width, None when nothing was written.
        notes: What a reader must know, in sentences.
        download_failed: Why Keras's download could not be had; nothing was written then.
    """

    input_size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    download_failed: str | None = None
