from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.projects import XDIST, Project


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store for all projects, and for all processes of this session."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if base.name.startswith("popen-") else base) / "store"


@pytest.fixture
def project(pytester: pytest.Pytester, store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose gate passes; nothing in it knows of the session around it."""
    for name in (*XDIST, "COLUMNS", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return Project(pytester, store)
