"""What a run's figures depend on: machine, tools, images and labels."""

from __future__ import annotations

import msgspec

from edgeq.config.structs import Kernels
from edgeq.record.measured import InParts


class Machine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What latency and memory depend on, without host or user name.

    Attributes:
        architecture: For example ``"x86_64"``.
        cores: Number of cores that the system sees.
        memory_bytes: Bytes of main memory.
        processor: Name of the processor, as the operating system reports it.
        system: Name and version of the operating system.
    """

    architecture: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    processor: str | None = None
    system: str | None = None


PACKAGES = {
    "ai_edge_litert": "ai-edge-litert",
    "litert_quantizer": "litert-quantizer",
    "pytest_benchmark": "pytest-benchmark",
}
"""Package names that can't be field names, by the name of their field."""


class Versions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=PACKAGES):
    """Versions of the libraries, None if one is not installed."""

    python: str | None = None
    ai_edge_litert: str | None = None
    keras: str | None = None
    litert_quantizer: str | None = None
    msgspec: str | None = None
    numpy: str | None = None
    pillow: str | None = None
    pytest: str | None = None
    pytest_benchmark: str | None = None
    scipy: str | None = None
    tensorflow: str | None = None


class Toolchain(Versions, frozen=True, kw_only=True, omit_defaults=True):
    """Versions of the libraries, and how the spec runs models.

    Attributes:
        threads: Number of threads of one interpreter.
        kernels: Kernels that the spec asks for.
        timeout_s: Seconds for which a worker may be silent.
        memory_limit: Bytes of memory that a worker may use.
    """

    threads: int | None = None
    kernels: Kernels | None = None
    timeout_s: float | None = None
    memory_limit: int | None = None


class RecordedSet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One image set of a model.

    Attributes:
        source: Source of the set in the spec.
        count: Number of images.
        sha256: Hash of the images' contents and labels, in the set's order.
        labelled: Whether every image has a label.
        photographs: Number of different photographs; None if every image is a different one.
        effective: Number of independent images that the set counts as; None if all are independent.
    """

    source: str
    count: int
    sha256: str | None = None
    labelled: bool | None = None
    photographs: int | None = None
    effective: float | None = None


class RecordedImages(InParts, frozen=True, kw_only=True, omit_defaults=True):
    """The image sets that were used for a model.

    Attributes:
        calibration: The calibration set; None if it was not used.
        evaluation: The evaluation set; None if it was not used.
    """

    calibration: RecordedSet | None = None
    evaluation: RecordedSet | None = None


class RecordedLabels(msgspec.Struct, frozen=True, kw_only=True):
    """The label set of a model.

    Attributes:
        name: Name of the label set in the spec.
        count: Number of classes.
    """

    name: str
    count: int
