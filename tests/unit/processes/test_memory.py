from __future__ import annotations

import os

from edgeq.processes.memory import resident_bytes


def test_resident_memory_of_a_process_and_of_none() -> None:
    assert resident_bytes(os.getpid()) > 1_000_000
    assert resident_bytes(2**31 - 1) == 0
