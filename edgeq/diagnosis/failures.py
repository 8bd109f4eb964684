"""Hypotheses about variants that could not be run."""

from __future__ import annotations

from edgeq.config.methods import METHODS, MethodChoice
from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause
from edgeq.errors import (
    ConversionError,
    EdgeqError,
    ModelError,
    ModelRefusedError,
    WorkerCrashedError,
    WorkerMemoryError,
    WorkerTimeoutError,
)

_CAUSES = (
    (WorkerMemoryError, "memory", "the worker needs more memory than it may use"),
    (WorkerTimeoutError, "hang", "the runtime does not end an inference"),
    (WorkerCrashedError, "crash", "the runtime crashes on a file that is whole"),
    (
        ModelRefusedError,
        "refused",
        "the runtime does not take this model, although the file is whole",
    ),
)


def unreadable(bench: Bench) -> Cause | None:
    """Test whether the file is damaged or of the wrong kind."""
    error = bench.error
    if not isinstance(error, ModelError) or isinstance(error, ConversionError):
        return None
    return Cause("damaged_file", "", {"error": error.what})


def another_engine(bench: Bench) -> Cause | None:
    """Test whether one engine's file is refused or can't be built while another engine's loads."""
    choice = bench.variant.choice
    if choice is None or not isinstance(bench.error, ModelRefusedError | ConversionError):
        return None
    others = [name for name in METHODS.get(choice.method).engines if name != choice.engine]
    for engine in others if choice.classifier is None else []:
        label = f"{choice.method}@{engine}"
        other = bench.variant.run.undeclared(
            bench.variant.model, f"{label} (experiment)", MethodChoice(label, choice.method, engine)
        )
        try:
            other.loaded  # noqa: B018 - accessing the property loads it
        except EdgeqError:
            continue
        return Cause(
            "engine",
            f"the engine {choice.engine!r}: the runtime loads what {engine!r} makes of the same "
            "model by the same method",
            {"error": bench.error.what, "engine": engine},
            f'Write "{label}" in place of "{choice.label}"',
        )
    return None


def not_run(bench: Bench) -> Cause | None:
    """Test whether the runtime crashed, hung or refused the file."""
    for kind, name, sentence in _CAUSES:
        if isinstance(bench.error, kind):
            return Cause(name, sentence, {"error": bench.error.what})
    return None
