"""Telling a refusal for want of memory from a true one: the model is loaded with more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgeq.errors import WorkerError, WorkerMemoryError
from edgeq.run.conversation import Conversation
from edgeq.run.loading import deliver
from edgeq.run.targets import Target

ROOMY = 4


def loads_with_more_memory(
    target: Target,
    request: Mapping[str, object],
    file: Path,
    *,
    timeout_s: float,
    memory_limit: int,
) -> bool:
    """Return whether a model that was refused loads, or wants too much, where mallocs succeed.

    After a failed malloc XNNPACK says "failed to create runtime", the arena nothing at all. On
    this machine no malloc fails now, and resident memory is watched: ``ROOMY`` times the limit at
    most. Elsewhere nobody can watch, so mallocs fail there beyond that.

    Args:
        target: Where it was refused; the worker here is another one.
        request: The ``load`` that was refused, without its path.
        file: The model.
        timeout_s: As for a session.
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
