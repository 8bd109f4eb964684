"""Fixtures of the faults room: one project that its tests share, and what its variant says."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.faults.good import Good
from tests.unit.faults import project


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, photographs, and a store that fills while tests run."""
    return project.lay_out(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="session")
def good(root: Path) -> Good:
    """The int8 variant of the project's network."""
    return project.good(root)
