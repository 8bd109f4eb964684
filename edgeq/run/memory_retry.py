"""Tells a refusal for lack of memory from a real one, by loading the model with more memory."""

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
