"""The README's three uses, run as its reader runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.plugin.projects import Project

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BROWSER = """#!/bin/sh
echo "$1" >>"$(dirname "$0")/opened"
"""
NO_TEST_PACKAGES = """
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec

def find_other(cls, name, path=None, target=None):
    hidden = name.partition(".")[0] in {"hypothesis", "jsonschema", "playwright"}
    return None if hidden else find_spec(name, path, target)

PathFinder.find_spec = classmethod(find_other)
"""


def uses() -> list[str]:
    """Return the commands as the README has them."""
    found = re.search(r"<!-- uses -->\n```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1].splitlines()


@pytest.fixture
def environment(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Make the project as a clone is, in an environment as the gate's; return a folder beside it.

    The repository's own settings and tests are there, the packages that only tests need are not,
    and the browser writes down what it is to open.
    """
    project.write()
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, project.root)
    shutil.copytree(
        ROOT / "tests", project.root / "tests", ignore=shutil.ignore_patterns("__pycache__")
    )
    folder = tmp_path_factory.mktemp("environment")
    (folder / "browser").write_text(BROWSER, encoding="utf-8")
    (folder / "browser").chmod(0o755)
    (folder / "sitecustomize.py").write_text(NO_TEST_PACKAGES, encoding="utf-8")
    monkeypatch.setenv("BROWSER", f"{folder / 'browser'} %s")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return folder


def run(command: str, folder: Path) -> str:
    """Run a line of a shell and return what it wrote."""
    done = subprocess.run(
        ["/bin/sh", "-euc", command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_the_commands_work_in_their_order(project: Project, environment: Path) -> None:
    gate, compare, read = uses()
    for _ in range(2):
        said = run(gate, project.root)
        assert re.search(r"^answer .* cleared .* cleared", said, re.MULTILINE), said
        assert re.search(r"=+ 25 passed in ", said), said

    table = run(compare, project.root)
    assert re.findall(r"^test_latency_ratio\[tiny-(\w+)\] \((\w+)\) +\d", table, re.MULTILINE) == [
        (variant, run) for variant in ("float16", "vendor") for run in ("0001_edgeq", "0002_edgeq")
    ], table

    page = project.reports / "report.html"
    before = page.read_bytes()
    assert run(read, project.root) == "Report: reports/latest/report.html\n"
    opened = (environment / "opened").read_text("utf-8").split()
    assert opened == [page.resolve().as_uri()]
    assert page.read_bytes() == before


def test_what_may_not_ship_ends_the_gate_with_an_error(project: Project, environment: Path) -> None:
    project.spec["gates"]["max_bytes"] = 1
    project.write()
    with pytest.raises(AssertionError, match="2 failed"):
        run(f"{uses()[0]} -m size", project.root)


def test_the_readme_names_no_other_command_for_benchmarks() -> None:
    found = re.findall(r"pytest-benchmark [^`\n]*compare[^`\n]*", README.read_text("utf-8"))
    assert found == [uses()[1]]
