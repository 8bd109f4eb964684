"""What goes to a worker for timing and what comes back. Times are in seconds, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Kernels, Preprocessing

REAL_TYPES = ("float32", "float16", "int8", "uint8", "int16")
IMAGE_AXES = 4
RGB = 3

FloatArray = npt.NDArray[np.float32]

Held = tuple[int, int, int]
"""What a worker held after an inference: its number since the model was loaded, from 1; the bytes
that malloc had handed out, beside what the request took; and its private resident bytes. -1 is
unknown."""


class WorkerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is where the worker runs.

    Attributes:
        protocol: Version of the frames' meaning.
        versions: ``ai-edge-litert``, ``numpy``, ``python``, and the ``machine``'s architecture.
        cpus: Processors, None if unknown.
        governor: Of the processor's frequency, ``""`` where it can't be read.
        processor: Name of the processor or board, ``""`` where the system does not tell it.
        system: The operating system and its kernel's version.
    """

    protocol: int
    versions: dict[str, str]
    cpus: int | None
    governor: str
    processor: str = ""
    system: str = ""


class MachineState(msgspec.Struct, frozen=True, kw_only=True):
    """How the machine that a worker runs on is now.

    Attributes:
        clock_mhz: Clock of its first core, -1 if it can't be read.
        celsius: Its hottest sensor, -1 if there is none.
    """

    clock_mhz: float
    celsius: float


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An input or output.

    Attributes:
        index: In the file.
        name: In the file.
        shape: As loaded, open dimensions pinned.
        shape_signature: As in the file, -1 for open dimensions.
        dtype: numpy's name of the type.
        channels: Number of scales: 0 not quantized, 1 per tensor, more per channel.
        quantization: Scale and zero point, (0, 0) where it is not quantized.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    dtype: str
    channels: int
    quantization: tuple[float, int]

    @property
    def scale(self) -> float:
        """Real size of one step, 0 where it is not quantized."""
        return self.quantization[0]

    @property
    def zero_point(self) -> int:
        """The value that stands for 0."""
        return self.quantization[1]

    def __str__(self) -> str:
        return f"{self.dtype} {'x'.join(map(str, self.shape)) or 'scalar'}"


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A model as a worker holds it.

    Attributes:
        handle: Its number in that worker.
        inputs: In the file's order.
        outputs: In the file's order, added ones last.
        batch: Images of one inference.
        init_s: Reading the file, building and allocating the interpreter.
        operators: Operators of the main graph.
        delegated: Those that XNNPACK took over.
        partitions: Separate pieces of the graph that it took over.
        kernels: What runs the operators: as asked for, but ``"builtin"`` where XNNPACK was asked
            for and took none.
        threads: Threads of the interpreter.
    """

    handle: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batch: int
    init_s: float
    operators: int
    delegated: int
    partitions: int
    kernels: Kernels
    threads: int

    @property
    def dynamic_batch(self) -> bool:
        """Whether the file leaves the batch open."""
        return any(details.shape_signature[:1] == (-1,) for details in self.inputs)


@dataclass(frozen=True)
class Inferred:
    """What a model said about images.

    Attributes:
        outputs: float32 ``(n, ...)`` per output, dequantized; NaN and infinities as they came.
        nonfinite: Per output, how many of its values are NaN or infinite.
        saturated_input: Share of the input values beyond the ends of the input's type.
        held: What the worker held on the way: after every inference at first, then after some, and
            after the last.
    """

    outputs: tuple[FloatArray, ...]
    nonfinite: tuple[int, ...]
    saturated_input: float
    held: tuple[Held, ...] = ()


@dataclass(frozen=True)
class Feed:
    """A model with the photographs that it is timed on, in turns.

    Attributes:
        handle: Of a loaded model.
        images: uint8 ``(k, h, w, 3)``, RGB; every block is timed on the next of them.
        preprocessing: The model's own.
    """

    handle: int
    images: npt.NDArray[np.uint8]
    preprocessing: Preprocessing


@dataclass(frozen=True)
class Timed:
    """Times of models that took turns in one worker.

    Attributes:
        first_s: Each model's first inference ever in that worker.
        samples: Each model's steady inferences in order, float64 ``(rounds,)`` seconds, of one
            invocation (``Loaded.batch`` images) without the pipe and without setting the input.
        blocks: Number of the block that each sample belongs to, int64 ``(rounds,)``; the same for
            every model. Samples of one number were taken beside each other.
        rounds_asked: More than ``samples`` hold where the time was up before.
        load_average: The machine's, over one minute, before and after.
    """

    first_s: tuple[float, ...]
    samples: tuple[npt.NDArray[np.float64], ...]
    blocks: npt.NDArray[np.int64]
    rounds_asked: int
    load_average: tuple[float, float]


class MemoryNow(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's resident memory now, and at most since the last reset."""

    resident: int
    peak: int


class MemoryUse(msgspec.Struct, frozen=True, kw_only=True):
    """What one model costs in memory, in a worker of its own.

    Attributes:
        before: Resident before the model is loaded: Python, numpy and the runtime.
        loaded: Resident after loading and allocating.
        first: Resident after the first inference.
        peak: Most that was resident from loading to the last inference.
        inferences: How many were run.
    """

    before: int
    loaded: int
    first: int
    peak: int
    inferences: int

    @property
    def added(self) -> int:
        """What the model adds to the worker."""
        return max(0, self.peak - self.before)
