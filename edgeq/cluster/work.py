"""What travels between the driver and the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Kernels, Preprocessing
from edgeq.errors import EdgeqError
from edgeq.models.child import Assignment, TooMuchError
from edgeq.models.serving import Response
from edgeq.run.results import Held
from edgeq.samples.sets import Photo
from edgeq.tflite.edits import Edit

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Job:
    """How a model is run, the same for every portion of an evaluation.

    Attributes:
        name: The variant, for errors.
        sha256: Hash of the model's file.
        edits: Edits of the file's bytes.
        timeout_s: Time limit for one inference, in seconds.
        memory_limit: Memory limit of the worker in bytes.
        size: Height and width of its input in pixels.
    """

    name: str
    sha256: str
    edits: tuple[Edit, ...]
    kernels: Kernels
    threads: int
    timeout_s: float
    memory_limit: int
    preprocessing: Preprocessing
    size: tuple[int, int]


@dataclass(frozen=True)
class Portion:
    """Photographs that are run and stored together.

    ``contents`` are those of their files, for a node that does not see the driver's, else empty.
    """

    photos: tuple[Photo, ...]
    contents: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Ran:
    """A portion that was run: raw outputs, float32 ``(m, ...)`` each, and the worker's memory use.

    ``load`` is a unique id of the model load that ran it.
    """

    outputs: tuple[npt.NDArray[np.float32], ...]
    held: tuple[Held, ...]
    load: str


@dataclass(frozen=True)
class Unseen:
    """A portion whose files the node can't see; it must be sent with their contents."""


Answer = Ran | Unseen | EdgeqError
"""What a node returns for a portion. An error is a value here: Ray would wrap a raised one."""


@dataclass(frozen=True)
class Source:
    """A file that a child reads.

    Attributes:
        key: Key of the request that names it, or the folder that it is in.
        path: Its path on the driver.
        name: Its path relative to the folder of the path under the key.
    """

    key: str
    path: Path
    name: str
    sha256: str


@dataclass(frozen=True)
class Making:
    """An export, a calibration or a quantization, with the files that a child reads for it."""

    assignment: Assignment
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Made:
    """How a child ended: its answer, its exit code or the limit that it exceeded; and its log.

    ``files`` are those that it wrote, by their path relative to the folder of its output.
    """

    answer: Response | int | TooMuchError
    log: bytes
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class NodeFacts:
    """What the predictions of a node depend on, and where it is.

    Attributes:
        host: Name of the machine.
        runtime: Runtime, architecture and processor, as predictions are addressed by them.
        software: Versions of edgeq and of the decoders of photographs.
        tools: Versions of the installed packages that make models.
    """

    host: str
    runtime: dict[str, str]
    software: dict[str, str]
    tools: dict[str, str]

    @property
    def deciding(self) -> dict[str, str]:
        """What must be the same on two machines whose predictions are to be the same."""
        return self.runtime | self.software
