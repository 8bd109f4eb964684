from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgeq.config.structs import Make
from edgeq.io.files import Original
from edgeq.models import open_size
from edgeq.models.open_size import open_shape, size_note, with_size, work
from edgeq.models.originals import take
from edgeq.store.content import Store
from edgeq.tflite.model_file import read_model
from tests.unit.tiny_model import Op, Tensor, build, classifier

SHAPE = (1, 6, 8, 3)


def net(signature: tuple[int, ...]) -> bytes:
    """Return a pooling and a RELU whose shapes follow from an open input."""
    shape = tuple(max(side, 1) for side in signature)
    tensors = (
        Tensor("image", shape, signature=signature),
        Tensor("map", shape, signature=signature),
        Tensor("axes", (2,), "int32", np.array([1, 2], np.int32)),
        Tensor("out", (1, shape[-1])),
    )
    ops = [Op("RELU", ("image",), ("map",)), Op("MEAN", ("map", "axes"), ("out",))]
    return build(tensors, ops, ["image"], ["out"])


def original(tmp_path: Path, content: bytes) -> tuple[Original, Store]:
    (tmp_path / "net.tflite").write_bytes(content)
    store = Store(tmp_path / "store")
    return take(tmp_path / "net.tflite", store)[1], store


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer the child's requests in this process, and return what they are about."""
    asked = list[str]()

    def answer(_: str, request: Mapping[str, Any], *, what: str, **_options: object) -> object:
        asked.append(what)
        return work(dict(request))

    monkeypatch.setattr(open_size, "run_child", answer)
    return asked


@pytest.mark.parametrize(
    ("signature", "shape"),
    [
        ((1, -1, -1, 3), SHAPE),
        ((-1, -1, -1, 3), SHAPE),
        ((1, -1, 32, 3), (1, 6, 32, 3)),
        ((1, 32, -1, 1), (1, 32, 8, 1)),
        ((1, 3, -1, -1), (1, 3, 6, 8)),
        ((1, 6, 8, 3), None),
        ((-1, 6, 8, 3), None),
    ],
)
def test_what_is_open_gets_the_size(
    tmp_path: Path, signature: tuple[int, ...], shape: tuple[int, ...] | None
) -> None:
    given, _ = original(tmp_path, net(signature))
    assert open_shape(read_model(given.copy), (6, 8)) == shape


def test_every_tensor_gets_the_shape_that_the_runtime_computes(
    tmp_path: Path, here: list[str]
) -> None:
    given, store = original(tmp_path, net((1, -1, -1, 3)))
    for _ in range(2):
        fixed = with_size(given, (6, 8), Make(), store, what="net")
    assert here == ["net at 6x8"]
    model = read_model(fixed.copy)
    assert [tensor.shape for tensor in model.tensors if not tensor.data_bytes] == [
        SHAPE,
        SHAPE,
        (1, 3),
    ]
    assert all(tensor.shape_signature == tensor.shape for tensor in model.tensors)
    assert fixed.sha256 == model.sha256 != given.sha256
    assert (fixed.path, fixed.stamp) == (given.path, given.stamp)
    pixels = np.random.default_rng(0).normal(0, 1, SHAPE).astype(np.float32)
    interpreter = Interpreter(str(fixed.copy))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
    interpreter.invoke()
    (out,) = interpreter.get_output_details()
    expected = np.maximum(pixels, 0).mean(axis=(1, 2))
    assert np.allclose(interpreter.get_tensor(out["index"]), expected, atol=1e-6)
    assert given.sha256[:12] in size_note(given, (6, 8))


def test_a_file_with_a_size_stays_what_it_is(tmp_path: Path, here: list[str]) -> None:
    given, store = original(tmp_path, classifier(dynamic=True))
    assert with_size(given, (6, 8), Make(), store, what="net") is given
    assert here == []
