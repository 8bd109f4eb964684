"""Gives a ``.tflite`` file that leaves its input's size open a fixed size, in a copy.

Everything else reads shapes from the file: decoders, quantizers, proofs. So the runtime computes
them once in a child process, which also is the child protocol's module (``models/serving.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edgeq.config.structs import Make
from edgeq.io import structs
from edgeq.io.files import Original
from edgeq.models.child import log_path, run_child
from edgeq.models.originals import FILE
from edgeq.store.content import Store
from edgeq.tflite.image_input import image_input
from edgeq.tflite.model_file import ModelFile, read_model
from edgeq.tflite.packing import packed, unpacked

KIND = "fixed_size"
_FORMAT = 1


class Fixing(msgspec.Struct, frozen=True, kw_only=True):
    """Request to fix the shapes of a file.

    Attributes:
        shape: Shape of its first input.
        output: The file to write.
    """

    model: str
    shape: tuple[int, ...]
    output: str


def leaves_size_open(model: ModelFile) -> bool:
    """Return whether a file's only input is an image whose height or width is open."""
    return open_shape(model, (1, 1)) is not None


def open_shape(model: ModelFile, size: tuple[int, int]) -> tuple[int, ...] | None:
    """Return the shape of an image input with what is open set; None if the file fixes the size."""
    shape = model.tensors[model.inputs[0]].shape_signature if len(model.inputs) == 1 else ()
    image = image_input(shape)
    if image is None or (image.height and image.width):
        return None
    sized = replace(image, height=image.height or size[0], width=image.width or size[1])
    return (max(shape[0], 1), *sized.sides)


def with_size(
    original: Original, size: tuple[int, int], limits: Make, store: Store, *, what: str
) -> Original:
    """Return a file with a fixed size, in the store; the same one if it has a size.

    Raises:
        ConversionError: The runtime can't run it at this size.
        StoreError: The store can't be written.
    """
    shape = open_shape(read_model(original.copy), size)
    if shape is None:
        return original
    facts = {"sha256": original.sha256, "shape": shape, "format": _FORMAT}
    log = log_path(store, KIND, facts)

    def make(folder: Path) -> None:
        request = Fixing(model=str(original.copy), shape=shape, output=str(folder / FILE))
        run_child(
            __name__,
            msgspec.to_builtins(request),
            log=log,
            limits=limits,
            what=f"{what} at {size[0]}x{size[1]}",
        )

    entry = store.get_or_make(KIND, facts, make)
    return replace(original, copy=entry.folder / FILE, sha256=entry.files[FILE])


def size_note(original: Original, size: tuple[int, int]) -> str:
    """Return that a file got a size, as a sentence with the file's own hash."""
    return (
        f"{original.path.name} (sha256 {original.sha256[:12]}) leaves its input's size open: a "
        f"copy with the size {size[0]}x{size[1]} is run"
    )


def work(request: dict[str, Any]) -> Mapping[str, object]:
    """Write a copy of a file in which every tensor has the shape that the runtime computes.

    Raises:
        ValueError: The runtime can't run the file at this size.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    task = structs.converted(request, Fixing)
    path, content = Path(task.model), Path(task.model).read_bytes()
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    (entry,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(entry["index"], task.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry["index"], np.zeros(task.shape, entry["dtype"]))
    interpreter.invoke()  # the shapes of some tensors follow from values
    shapes = {
        details["index"]: details["shape"].tolist() for details in interpreter.get_tensor_details()
    }
    model = unpacked(bytearray(content), path)
    for index, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.shape, tensor.shapeSignature = shapes.get(index, tensor.shape), None
    Path(task.output).write_bytes(packed(model))
    return {"tensors": len(shapes)}
