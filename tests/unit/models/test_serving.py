from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeq.models.serving import imported


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "a_large_library.py").write_text("import gc\ncollects = gc.isenabled()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "a_large_library"
    sys.modules.pop("a_large_library", None)


def test_no_garbage_is_looked_for_during_an_import(large: str) -> None:
    library = imported(large)
    assert not library.collects
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_only_a_first_import_sets_objects_apart(large: str) -> None:
    library = imported(large)
    gc.unfreeze()
    assert imported(large) is library
    assert gc.get_freeze_count() == 0


def test_an_import_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(ModuleNotFoundError):
        imported("a_library_that_nobody_has")
    assert gc.isenabled()
