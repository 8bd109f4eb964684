from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from edgeq.tflite.associated_files import attached_bytes
from edgeq.tflite.model_file import read_model
from tests.unit.tiny_model import classifier


def with_labels(model: bytes) -> bytes:
    buffer = io.BytesIO(model)
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("labels.txt", "cat\ndog\n")
        archive.writestr("more.txt", "x")
    return buffer.getvalue()


def test_attached_files_count_as_metadata(tmp_path: Path) -> None:
    plain = classifier()
    packed = with_labels(plain)
    path = tmp_path / "model.tflite"
    path.write_bytes(packed)
    assert read_model(path).metadata_bytes == len(packed) - len(plain)


@pytest.mark.parametrize("data", [b"", classifier(), with_labels(classifier())[:-9]])
def test_without_a_readable_zip_there_is_nothing(data: bytes) -> None:
    assert attached_bytes(data) == 0
