from __future__ import annotations

import os
import subprocess
import sys

from tests.plugin.projects import Project


def test_the_gate_reads_the_bytecode_that_an_installation_has(project: Project) -> None:
    project.write()
    cache = project.root / "bytecode"
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "edgeq.cli", "gate", "--collect-only", "-q"]
    subprocess.run(command, cwd=project.root, env=environment, check=True, capture_output=True)
    written = {path.name for path in cache.rglob("*.pyc")}
    assert any(name.startswith("suite.cpython") for name in written)
    assert not [name for name in written if "pytest-" in name]  # what pytest compiles for itself
