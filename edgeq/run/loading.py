"""The client's side of loading: edits to the file, and the worker's report on the model.

A refusal for lack of memory is told from a real one by loading the model with more memory.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import numpy as np

from edgeq.config.structs import Kernels
from edgeq.errors import ModelRefusedError, WorkerError, WorkerMemoryError
from edgeq.run.conversation import Conversation, Request
from edgeq.run.protocol import AnyArray
from edgeq.run.results import IMAGE_AXES, IMAGE_TYPES, REAL_TYPES, Loaded, TensorSpec
from edgeq.run.targets import Target
from edgeq.tflite.edits import Edit
from edgeq.tflite.image_input import image_input

PART_BYTES = 1 << 22
"""Size of the parts in which a model is sent."""

_DELEGATE = "DELEGATE"

Node = tuple[str, Sequence[int], Sequence[int]]


def patch(file: IO[bytes], edits: Sequence[Edit]) -> None:
    """Apply edits to a file in order.

    Raises:
        WorkerError: An edit is neither inside the file nor at its very end.
    """
    for offset, new in edits:
        length = file.seek(0, os.SEEK_END)
        if not 0 <= offset <= length - len(new) and offset != length:
            raise WorkerError(f"an edit of {len(new)} bytes at {offset} is outside {length} bytes")
        file.seek(offset)
        file.write(new)


@contextmanager
def edited(path: Path, edits: Sequence[Edit]) -> Iterator[Path]:
    """Yield the path of an edited model.

    An edited model also becomes a file. The runtime maps files, so a kernel that reads beyond a
    tensor behaves as it does with the file that ships.
    """
    if not edits:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="edgeq-", suffix=".tflite") as file:
        shutil.copyfile(path, file.name)
        patch(file, edits)
        file.flush()
        yield Path(file.name)


def deliver(worker: Conversation, path: Path, *, local_files: bool) -> str | None:
    """Return the path of a model for a worker, or send the model and return None.

    Raises:
        WorkerError: The worker can't take the model, or has ended.
    """
    if local_files:
        return str(path)
    with path.open("rb") as file:
        for answer in worker.ask_each("receive", _parts(file)):
            del answer  # it says nothing but that the part was written
    return None


def _parts(file: IO[bytes]) -> Iterator[Request]:
    start = 0
    while (part := file.read(PART_BYTES)) or not start:
        yield Request({"start": start}, (np.frombuffer(part, np.uint8),))
        start += len(part)
        if not part:
            return


def delegation(nodes: Sequence[Node]) -> tuple[int, int, int]:
    """Count operators, operators that a delegate took over, and partitions.

    The runtime keeps replaced operators in its list and appends one DELEGATE node per partition.
    The replaced ones are therefore those on the paths from such a node's outputs back to its
    inputs. A node has its name, input tensors and output tensors.
    """
    own = [node for node in nodes if node[0] != _DELEGATE]
    delegates = [node for node in nodes if node[0] == _DELEGATE]
    maker = {tensor: number for number, node in enumerate(own) for tensor in node[2]}
    used: set[int] = set()
    for _, inputs, outputs in delegates:
        todo = list(outputs)
        while todo:
            tensor = todo.pop()
            number = None if tensor in inputs else maker.get(tensor)
            if number is not None and number not in used:
                used.add(number)
                todo += own[number][1]
    return len(own), len(used), len(delegates)


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's answer to ``load``; ``nodes`` is the runtime's list after delegation."""

    handle: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batch: int
    init_s: float
    nodes: tuple[Node, ...]
    arena_bytes: int | None = None
    accelerated: bool | None = None


def understand(report: LoadReport, *, kernels: Kernels, threads: int, where: str) -> Loaded:
    """Convert a worker's report on a model.

    Raises:
        ModelRefusedError: An input or output is quantized per channel.
    """
    for tensor in (*report.inputs, *report.outputs):
        if tensor.channels > 1:
            raise ModelRefusedError(
                f"{tensor.name!r} has {tensor.channels} scales, but an input or output has one",
                where=where or None,
            )
    operators, delegated, partitions = delegation(report.nodes)
    return Loaded(
        handle=report.handle,
        inputs=report.inputs,
        outputs=report.outputs,
        batch=report.batch,
        init_s=report.init_s,
        operators=operators,
        delegated=delegated,
        partitions=partitions,
        kernels="builtin" if kernels == "xnnpack" and not partitions else kernels,
        threads=threads,
        arena_bytes=report.arena_bytes,
        accelerated=report.accelerated,
    )


def require_samples(loaded: Loaded, shape: Sequence[int], *, where: str) -> None:
    """Refuse a model that can't take samples of a given shape, or has unusable outputs.

    The shape is ``(n, h, w, 3)`` of photographs, or ``(n, d)`` of arrays.

    Raises:
        ModelRefusedError: It can't.
    """
    if len(shape) == IMAGE_AXES:
        _require_image(loaded, (shape[1], shape[2]), where=where)
    else:
        _require_arrays(loaded, shape[1], where=where)
    _require_outputs(loaded, where=where)


def _require_arrays(loaded: Loaded, values: int, *, where: str) -> None:
    """Refuse a model whose inputs and a sample differ in their number of values.

    Raises:
        ModelRefusedError: They don't.
    """
    takes = sum(math.prod(tensor.shape) // max(loaded.batch, 1) for tensor in loaded.inputs)
    if takes != values:
        raise ModelRefusedError(
            f"the model takes {', '.join(map(str, loaded.inputs)) or 'nothing'}, {takes} values, "
            f"but is given samples of {values}",
            where=where or None,
        )


def _require_image(loaded: Loaded, size: tuple[int, int], *, where: str) -> None:
    """Refuse a model that can't take images of a given height and width, RGB or grey.

    Raises:
        ModelRefusedError: The model has several inputs, or another shape or type.
    """
    takes = ", ".join(map(str, loaded.inputs)) or "nothing"
    if len(loaded.inputs) != 1:
        raise ModelRefusedError(
            f"the model takes {len(loaded.inputs)} inputs ({takes}), not one image",
            where=where or None,
            remedy="Name arrays as `samples` of the model",
        )
    tensor = loaded.inputs[0]
    image = image_input(tensor.shape)
    if image is None or (image.height, image.width) != size or tensor.dtype not in IMAGE_TYPES:
        raise ModelRefusedError(
            f"the model takes {takes}, but is given images of {size[0]}x{size[1]} pixels",
            where=where or None,
        )


def _require_outputs(loaded: Loaded, *, where: str) -> None:
    if not loaded.outputs:
        raise ModelRefusedError("the model has no output", where=where or None)
    for output in loaded.outputs:
        if 0 in output.shape:
            raise ModelRefusedError(f"output {output.name!r} is empty", where=where or None)
        if output.dtype not in REAL_TYPES:
            raise ModelRefusedError(
                f"output {output.name!r} is {output.dtype}",
                where=where or None,
                remedy=f"Outputs that can be read as numbers: {', '.join(REAL_TYPES)}",
            )


def require_tensors(loaded: Loaded, arrays: Sequence[AnyArray], *, where: str) -> None:
    """Refuse arrays that do not match a model's inputs one for one.

    Raises:
        ModelRefusedError: The number of arrays, a shape or a type differs.
    """
    fits = len(arrays) == len(loaded.inputs) and all(
        tensor.shape == array.shape
        and (
            array.dtype.name == tensor.dtype
            or (array.dtype.kind == "f" and tensor.dtype in REAL_TYPES)
        )
        for tensor, array in zip(loaded.inputs, arrays, strict=True)
    )
    if not fits:
        shapes = ", ".join(
            f"{details.dtype} {'x'.join(map(str, details.shape))}" for details in arrays
        )
        raise ModelRefusedError(
            f"the model takes {', '.join(map(str, loaded.inputs))}, but is given {shapes}",
            where=where or None,
        )


ROOMY = 4


def loads_with_more_memory(
    target: Target,
    request: Mapping[str, object],
    file: Path,
    *,
    timeout_s: float,
    memory_limit: int,
) -> bool:
    """Return whether a refused model loads, or exceeds the raised limit, if mallocs succeed.

    After a failed malloc, XNNPACK says "failed to create runtime" and the arena nothing at all. On
    this machine mallocs don't fail here, and resident memory is limited to ``ROOMY`` times the
    limit by watching it. On other machines it can't be watched, so mallocs fail beyond that.

    Args:
        target: The target that refused it; a new worker is started there.
        request: The ``load`` request that was refused, without its path.
        file: The model's file.
        timeout_s: As for ``Session``.
        memory_limit: The limit under which it was refused, in bytes.
    """
    try:
        worker = Conversation(
            target,
            timeout_s=timeout_s,
            memory_limit=ROOMY * memory_limit,
            where="",
            capped=not target.local_files,
        )
    except WorkerError:
        return False
    try:
        place = deliver(worker, file, local_files=target.local_files)
        worker.ask("load", {**request, "path": place})
    except WorkerMemoryError:
        return True
    except WorkerError:
        return False
    finally:
        worker.close()
    return True
