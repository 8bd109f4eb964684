"""Model files of a project: what is run is what was hashed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeq.errors import ChangedFileError, ModelError
from edgeq.io.files import sha256_bytes
from edgeq.models.originals import take
from edgeq.store.content import Store
from tests.unit.tiny_model import classifier

GOOD, OTHER = classifier(), classifier(seed=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vendor.tflite"
    path.write_bytes(GOOD)
    return path


def test_the_copy_stays_when_the_file_is_replaced(file: Path, tmp_path: Path) -> None:
    model, original = take(file, Store(tmp_path / "store"))
    file.write_bytes(OTHER)
    assert original.copy.read_bytes() == GOOD
    assert model.sha256 == original.sha256 == sha256_bytes(GOOD)
    with pytest.raises(ChangedFileError, match="changed during the run") as caught:
        original.require_unchanged()
    assert caught.value.where == str(file)


def test_two_files_of_one_content_share_a_copy(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(GOOD)
    store = Store(tmp_path / "store")
    assert take(file, store)[1].copy == take(other, store)[1].copy


def test_a_file_that_was_only_touched_is_unchanged(file: Path, tmp_path: Path) -> None:
    _, original = take(file, Store(tmp_path / "store"))
    os.utime(file, (1, 1))
    original.require_unchanged()


def test_a_file_that_is_gone_has_changed(file: Path, tmp_path: Path) -> None:
    _, original = take(file, Store(tmp_path / "store"))
    file.unlink()
    with pytest.raises(ChangedFileError, match="can't be read any more"):
        original.require_unchanged()


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        take(tmp_path / "none.tflite", Store(tmp_path / "store"))
