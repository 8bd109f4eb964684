from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.measure.stored.nets import Comparer


@pytest.fixture
def compare(tmp_path: Path) -> Comparer:
    return Comparer(tmp_path)
