"""What this machine is, as far as a model's numbers depend on it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path


@cache
def runtime_facts() -> Mapping[str, str]:
    """Return what a model's numbers depend on beside the model: the runtime and the processor."""
    return {
        "ai-edge-litert": version("ai-edge-litert"),
        "architecture": platform.machine(),
        "processor": processor_name(),
    }


@cache
def processor_name() -> str:
    """Return the processor's name, as the system calls it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in {"model name", "Model"}:
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
