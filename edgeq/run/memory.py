"""Measures a model's memory in a worker of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from edgeq.config.structs import Kernels, Preprocessing
from edgeq.run.failures import Waiting, ignore
from edgeq.run.results import MemoryUse
from edgeq.run.session import Session
from edgeq.run.targets import Target
from edgeq.samples.decode import Pixels

INFERENCES = 8


def measure_memory(
    target: Target,
    path: Path,
    *,
    threads: int,
    kernels: Kernels,
    pixels: Pixels | npt.NDArray[Any],
    preprocessing: Preprocessing,
    timeout_s: float,
    memory_limit: int | None,
    where: str = "",
    waiting: Waiting = ignore,
) -> MemoryUse:
    """Measure what a model costs in memory, over up to ``INFERENCES`` photographs.

    ``waiting`` is called during long silences of the worker.

    Raises:
        WorkerError: As for ``Session.load``.
        ModelRefusedError: The model does not take such images.
    """
    count = min(INFERENCES, pixels.shape[0])
    with Session(
        target, timeout_s=timeout_s, memory_limit=memory_limit, where=where, waiting=waiting
    ) as session:
        before = session.memory(reset=True)
        handle = session.load(path, threads=threads, kernels=kernels).handle
        loaded = session.memory()
        session.infer(handle, pixels, preprocessing, count=1)
        first = session.memory()
        session.infer(handle, pixels, preprocessing, count=count)
        last = session.memory()
    return MemoryUse(
        before=before.resident,
        loaded=loaded.resident,
        first=first.resident,
        peak=last.peak,
        inferences=count + 1,
    )
