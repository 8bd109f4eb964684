"""Which files an ONNX model consists of, from messages written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.errors import ModelError
from edgeq.models.onnx_file import files_of_onnx


def field(number: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def model(*locations: str) -> bytes:
    weights = [
        field(5, field(13, field(1, b"location"), field(2, name.encode())), field(8, b"w"))
        for name in locations
    ]
    return bytes([1 << 3, 10]) + field(7, *weights, field(2, b"graph"))


def test_a_model_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(model())
    assert files_of_onnx(path) == (path,)


def test_weights_next_to_the_model_belong_to_it(tmp_path: Path) -> None:
    path, weights = tmp_path / "net.onnx", tmp_path / "net.onnx.data"
    path.write_bytes(model(weights.name, weights.name))
    with pytest.raises(ModelError, match=r"net\.onnx\.data.*does not lie next to it"):
        files_of_onnx(path)
    weights.write_bytes(b"weights")
    assert files_of_onnx(path) == (path, weights)


def test_weights_elsewhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"weights")
    (tmp_path / "models").mkdir()
    path = tmp_path / "models/net.onnx"
    path.write_bytes(model("../secret"))
    with pytest.raises(ModelError, match="does not lie next to it"):
        files_of_onnx(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x3a\xff\xff\xff\xff\x0f"])
def test_what_is_not_a_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is not an ONNX model"):
        files_of_onnx(path)
