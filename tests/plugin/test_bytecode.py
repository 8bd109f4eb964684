from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.plugin.projects import Project

BEFORE_THE_PLUGIN = {"edgeq", "edgeq.plugin", "edgeq.plugin.as_installed"}
"""Modules that are imported before the plugin can tell pytest not to rewrite them."""


@pytest.mark.parametrize("command", ["edgeq.cli gate", "pytest"])
def test_a_run_reads_the_bytecode_that_an_installation_has(project: Project, command: str) -> None:
    project.write()
    cache = project.root / "bytecode"
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    arguments = [sys.executable, "-m", *command.split(), "--collect-only", "-q"]
    subprocess.run(arguments, cwd=project.root, env=environment, check=True, capture_output=True)
    written = [path for path in cache.rglob("*.pyc") if "edgeq" in path.parts]
    assert any(path.name.startswith("suite.cpython") for path in written)
    by_pytest = {
        ".".join(path.parts[path.parts.index("edgeq") :]).split(".cpython")[0]
        for path in written
        if "pytest-" in path.name
    }
    assert {name.removesuffix(".__init__") for name in by_pytest} <= BEFORE_THE_PLUGIN
