"""Values exchanged with a worker. Times are in seconds, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Kernels, Preprocessing
from edgeq.run import processors

REAL_TYPES = ("float32", "float16", "int8", "uint8", "int16")
IMAGE_TYPES = (*REAL_TYPES, "int32", "int64")
IMAGE_AXES = 4

FloatArray = npt.NDArray[np.float32]

_DECIDING = frozenset({"ai-edge-litert", "tflite-micro"})
"""Packages whose versions affect a model's numbers."""

Held = tuple[int, int, int]
"""What a worker held after an inference: the inference's number since loading, from 1; the bytes
that malloc had handed out, minus those for the request; and the private resident bytes. -1 means
unknown."""


class WorkerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about the place where a worker runs.

    Attributes:
        protocol: Version of the protocol.
        versions: ``ai-edge-litert``, ``numpy``, ``python``, and the ``machine``'s architecture.
        cpus: Number of processors, or None if unknown.
        governor: Governor of the processor's frequency, or ``""`` if it can't be read.
        cpuinfo: What the system reports about its cores and the board; see ``processors``.
        device: Name of what runs models if it is not the processor, such as a GPU, else ``""``.
        system: Operating system and version of its kernel.
    """

    protocol: int
    versions: dict[str, str]
    cpus: int | None
    governor: str
    cpuinfo: str = ""
    device: str = ""
    system: str = ""

    @property
    def processor(self) -> str:
        """Name of what runs models, or ``""`` if the system does not report it."""
        return self.device or processors.processor(self.cpuinfo)

    @property
    def extensions(self) -> tuple[str, ...]:
        """The processor's extensions by which XNNPACK chooses its kernels."""
        return processors.extensions(self.cpuinfo)

    @property
    def runtime(self) -> dict[str, str]:
        """What a model's numbers depend on apart from the model: runtime and processor."""
        known = {key: value for key, value in self.versions.items() if key in _DECIDING}
        architecture = self.versions.get("machine", "")
        return {
            **known,
            "architecture": architecture,
            "processor": self.processor,
            "extensions": " ".join(self.extensions),
        }


class MachineState(msgspec.Struct, frozen=True, kw_only=True):
    """The current state of the machine that a worker runs on.

    Attributes:
        clock_mhz: Clock of its first core in MHz, or -1 if it can't be read.
        celsius: Temperature of its hottest sensor, or -1 if there is none.
    """

    clock_mhz: float
    celsius: float


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An input or output tensor.

    Attributes:
        index: Index in the file.
        name: Name in the file.
        shape: Shape as loaded, with open dimensions pinned.
        dtype: numpy's name of the type.
        channels: Number of scales: 0 if not quantized, 1 per tensor, more per channel.
        quantization: Scale and zero point, or (0, 0) if not quantized.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    channels: int
    quantization: tuple[float, int]

    @property
    def scale(self) -> float:
        """Real size of one step, or 0 if not quantized."""
        return self.quantization[0]

    @property
    def zero_point(self) -> int:
        """The stored value that stands for 0."""
        return self.quantization[1]

    def __str__(self) -> str:
        return f"{self.dtype} {'x'.join(map(str, self.shape)) or 'scalar'}"


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A model loaded in a worker.

    Attributes:
        handle: Number of the model in that worker.
        inputs: Inputs in the file's order.
        outputs: Outputs in the file's order, added ones last.
        batch: Images per inference.
        init_s: Time to read the file and to build and allocate the interpreter.
        operators: Number of operators in the main graph.
        delegated: Number of operators that XNNPACK took over.
        partitions: Number of separate pieces of the graph that it took over.
        kernels: What runs the operators: as requested, but ``"builtin"`` if XNNPACK was requested
            and took over none.
        threads: Threads of the interpreter.
        arena_bytes: Of the arena that it takes, None if its runtime has none.
        accelerated: Whether all of it runs on the target's accelerator, None if there is none.
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
    arena_bytes: int | None = None
    accelerated: bool | None = None


@dataclass(frozen=True)
class Inferred:
    """A model's outputs for images.

    Attributes:
        outputs: float32 ``(n, ...)`` per output, dequantized; NaN and infinities unchanged.
        held: What the worker held along the way: at first after every inference, then after some,
            and after the last.
    """

    outputs: tuple[FloatArray, ...]
    held: tuple[Held, ...] = ()


@dataclass(frozen=True)
class Feed:
    """A model and the photographs that it is timed on in turn.

    Attributes:
        handle: Handle of a loaded model.
        images: uint8 ``(k, h, w, 3)``, RGB; each block is timed on the next photograph.
        preprocessing: The model's preprocessing.
    """

    handle: int
    images: npt.NDArray[Any]
    preprocessing: Preprocessing


@dataclass(frozen=True)
class Timed:
    """Times of models that alternated in one worker.

    Attributes:
        first_s: Each model's first inference in that worker.
        samples: Each model's steady inferences in order, float64 ``(rounds,)`` seconds. Each is one
            invocation (``Loaded.batch`` images) without the pipe and without setting the input.
        blocks: Number of the block that each sample belongs to, int64 ``(rounds,)``; the same for
            every model. Blocks of the same number ran one after the other.
        rounds_asked: Rounds requested; ``samples`` holds fewer if time ran out.
        load_average: The machine's one-minute load average before and after.
    """

    first_s: tuple[float, ...]
    samples: tuple[npt.NDArray[np.float64], ...]
    blocks: npt.NDArray[np.int64]
    rounds_asked: int
    load_average: tuple[float, float]


class MemoryNow(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's resident memory: now, and the peak since the last reset."""

    resident: int
    peak: int


class MemoryUse(msgspec.Struct, frozen=True, kw_only=True):
    """A model's memory cost, in a worker of its own.

    Attributes:
        before: Resident before loading the model: Python, numpy and the runtime.
        loaded: Resident after loading and allocating.
        first: Resident after the first inference.
        peak: Peak resident from loading to the last inference.
        inferences: Number of inferences.
    """

    before: int
    loaded: int
    first: int
    peak: int
    inferences: int

    @property
    def added(self) -> int:
        """Memory that the model adds to the worker."""
        return max(0, self.peak - self.before)
