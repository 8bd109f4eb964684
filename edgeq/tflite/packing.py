"""Conversion between a model's file and the schema's Python objects.

The objects' types are those of ``ai_edge_litert.schema_py_generated``, which is imported on demand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeq.errors import EdgeqError
from edgeq.tflite.flatbuffer import damaged, spans
from edgeq.tflite.model_file import IDENTIFIER, open_content

DATA_ALIGNMENT = 16
_ROOM = 4096


def unpacked(content: bytearray, path: Path) -> Any:
    """Return a model as objects whose stored data are views of the file's bytes.

    Returns:
        ``ModelT`` of the schema.

    Raises:
        ModelError: The content is not a model, truncated or damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    placed = spans(open_content(path, bytes(content)).root())
    try:
        model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
    except Exception as error:  # the schema's code may raise anything on damaged files
        raise damaged(path, f"it can't be read ({error})") from error
    for buffer, (start, size) in zip(model.buffers, placed, strict=True):
        buffer.data = np.frombuffer(content, np.uint8, size, start) if size else None
    return model


def packed(model: Any) -> bytes:
    """Return a model's objects as the content of a file, with all data inside its tables."""
    from flatbuffers import Builder

    class Aligned(Builder):  # type: ignore[misc] # flatbuffers has no types
        """Builder that starts stored data at multiples of 16, as the schema requires."""

        def CreateNumpyVector(self, x: npt.NDArray[Any]) -> Any:  # noqa: N802 - its own name
            if x.dtype != np.uint8:
                return super().CreateNumpyVector(x)
            self.StartVector(1, x.size, DATA_ALIGNMENT)
            self.head -= x.size
            self.Bytes[self.head : self.head + x.size] = x.tobytes()
            return self.EndVector()

    size = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    for buffer in model.buffers:
        buffer.offset = buffer.size = 0
    builder = Aligned(size + _ROOM)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def rewritten(path: Path, content: bytes, change: Callable[[Any], None]) -> bytes:
    """Return a model's content after a change, written by the runtime's own utilities.

    An ``EdgeqError`` of the change is passed on.

    Raises:
        ModelError: The model is damaged, so that it can't be read or written.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    try:
        model: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        change(model)
        return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    except EdgeqError:
        raise
    except Exception as error:  # the schema's code may raise anything on damaged files
        raise damaged(path, f"it can't be rewritten ({error})") from error
