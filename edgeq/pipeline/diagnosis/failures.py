"""Causes of variants that could not be run."""

from __future__ import annotations

from edgeq.errors import (
    ConversionError,
    ModelError,
    ModelRefusedError,
    WorkerCrashedError,
    WorkerMemoryError,
    WorkerTimeoutError,
)
from edgeq.pipeline.diagnosis.bench import Bench
from edgeq.pipeline.diagnosis.cause import Cause

_NAMES = (
    (WorkerMemoryError, "memory"),
    (WorkerTimeoutError, "hang"),
    (WorkerCrashedError, "crash"),
    (ModelRefusedError, "refused"),
)
_SAID = {
    "memory": "the worker needs more memory than it may use",
    "hang": "the runtime does not end an inference",
    "crash": "the runtime crashes on a file that is whole",
    "refused": "the runtime does not take this model, although the file is whole",
}


def unreadable(bench: Bench) -> Cause | None:
    """The file is damaged, or the wrong kind of file."""
    error = bench.error
    if not isinstance(error, ModelError) or isinstance(error, ConversionError):
        return None
    return Cause("damaged_file", f"the file {error.what}", {"error": error.what})


def not_run(bench: Bench) -> Cause | None:
    """The runtime crashed, hung or refused."""
    for kind, name in _NAMES:
        if isinstance(bench.error, kind):
            return Cause(name, _SAID[name], {"error": bench.error.what})
    return None
