"""A workshop leaves no file, however the process that has it ends."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from edgeq.cluster.workshop import Workshop, tools
from tests.patience import PATIENCE_S

KILLED = """
import os, signal, tempfile
from edgeq.cluster.workshop import Workshop

tempfile.tempdir = {folder!r}
workshop = Workshop()
(child,) = os.listdir({folder!r})
open(os.path.join({folder!r}, child, "model"), "w").close()
print("made", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_its_folder_is_deleted_if_its_process_is_killed(tmp_path: Path) -> None:
    script = KILLED.format(folder=str(tmp_path))
    command = [sys.executable, "-c", script]
    killed = subprocess.run(command, capture_output=True, check=False, text=True)
    assert killed.stdout == "made\n", killed.stderr
    end = time.monotonic() + PATIENCE_S
    while any(tmp_path.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_its_folder_is_deleted_when_it_closes() -> None:
    workshop = Workshop()
    folder = Path(workshop._folder)
    time.sleep(0.05)  # what deletes it waits
    assert folder.is_dir()
    workshop.close()
    assert not folder.exists()


def test_tools_are_those_that_make_models() -> None:
    versions = tools()
    assert versions["ai-edge-litert"] == metadata.version("ai-edge-litert")
    assert "torch" not in versions
