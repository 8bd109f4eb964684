from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.saved_model_file import inputs_of, require_inputs

Shape = tuple[int | None, ...] | None


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    parts = []
    while True:
        value, low = value >> 7, value & 0x7F
        parts.append(low | (0x80 if value else 0))
        if not value:
            return bytes(parts)


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def entry(key: str, value: bytes) -> bytes:
    return message(1, key.encode()) + message(2, value)


def tensor(shape: Shape) -> bytes:
    if shape is None:
        return message(3, varint(3 << 3) + varint(1))
    sizes = [varint(1 << 3) + varint(-1 if one is None else one) for one in shape]
    return message(1, b"serving:0") + message(3, b"".join(message(2, one) for one in sizes))


def saved_model(known: dict[str, dict[str, Shape]]) -> bytes:
    """Return a file with a graph, some numbers of all kinds, and signatures."""
    graph = (
        message(2, b"graph" * 9) + varint(9 << 3 | 1) + bytes(8) + varint(10 << 3 | 5) + bytes(4)
    )
    for key, inputs in known.items():
        fields = b"".join(message(1, entry(name, tensor(of))) for name, of in inputs.items())
        graph += message(5, entry(key, fields + message(3, b"predict")))
    return varint(1 << 3) + varint(1) + message(2, graph)


def folder_with(folder: Path, known: dict[str, dict[str, Shape]]) -> Path:
    (folder / "saved_model.pb").write_bytes(saved_model(known))
    return folder


def test_inputs_of_a_signature(tmp_path: Path) -> None:
    known: dict[str, dict[str, Shape]] = {
        "serving_default": {"image": (None, 300, 224, 3)},
        "two": {"a": (1, 2), "b": None},
    }
    folder = folder_with(tmp_path, known)
    for name, shapes in known.items():
        assert inputs_of(folder, name) == list(shapes.values())


def check(folder: Path, signature: str | None) -> None:
    request = ExportRequest(
        kind="saved_model", name=str(folder), root=str(folder), signature=signature
    )
    require_inputs(folder, request, "[models.net]")


@pytest.mark.parametrize(
    ("inputs", "message_"),
    [
        ({}, "has 0 inputs"),
        ({"a": (1, 8, 8, 3), "b": None}, "has 2 inputs"),
        ({"image": (None, 28, 28, 2)}, "has 2 channels"),
        ({"image": (1, None, None, 3)}, r"input_size .* in \[models\.net\]"),
    ],
)
def test_what_takes_no_image_is_refused(
    tmp_path: Path, inputs: dict[str, Shape], message_: str
) -> None:
    with pytest.raises(ModelError, match=message_):
        check(folder_with(tmp_path, {"chosen": inputs, "other": {}}), "chosen")


def test_one_image_passes(tmp_path: Path) -> None:
    for shape in ((None, 8, 8, 3), (None, 8, 8, 1), (None, 3, 8, 8), None):
        check(folder_with(tmp_path, {"only": {"x": shape}}), "only")
    check(folder_with(tmp_path, {}), None)


@given(data=st.binary(max_size=60), cut=st.integers(0, 400))
def test_damaged_files_are_left_to_the_export(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("saved")
    whole = saved_model({"serving_default": {"image": (None, 8, 8, 3)}})
    (folder / "saved_model.pb").write_bytes(whole[:cut] + data)
    found = inputs_of(folder, "serving_default")
    assert found is None or isinstance(found, list)
