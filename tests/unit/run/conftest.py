"""Fixtures of the run room: a real worker, tiny models, and workers that misbehave."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.run.session import Session
from edgeq.run.targets import Target, local_target

PREAMBLE = """
import json, os, signal, struct, sys, time
def read():
    size = struct.unpack("<I", sys.stdin.buffer.read(4))[0]
    return json.loads(sys.stdin.buffer.read(size))
def write(**header):
    text = json.dumps({"blobs": [], **header}).encode()
    sys.stdout.buffer.write(struct.pack("<I", len(text)) + text)
    sys.stdout.buffer.flush()
VERSIONS = {"python": "3"}
def hello(protocol=6):
    first = read()
    facts = {"protocol": protocol, "versions": VERSIONS, "cpus": 1, "governor": ""}
    write(kind="result", id=first["id"], **facts)
    return first
"""


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[[str], Target]:
    """Return a maker of targets whose worker is a script with ``read``, ``write``, ``hello``."""

    def make(script: str) -> Target:
        file = tmp_path / "fake_worker.py"
        file.write_text(PREAMBLE + script, "utf-8")
        return Target("scripted", (sys.executable, str(file)), local_files=True)

    return make


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """Return a session with a real worker that the tests of one module share."""
    with Session(local_target(), timeout_s=60, memory_limit=None, where="tiny") as worker:
        yield worker


@pytest.fixture
def pixels() -> npt.NDArray[np.uint8]:
    """Return seven images of 4x4 pixels."""
    return np.random.default_rng(7).integers(0, 256, (7, 4, 4, 3), dtype=np.uint8)
