"""Which files an ONNX model consists of, from messages written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.protobuf import (
    FILE,
    chosen_signature,
    files_of_onnx,
    inputs_of,
    require_inputs,
    signatures_of,
)


def field(number: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size, digits = len(content), bytearray()
    while size > 127:
        digits.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *digits, size]) + content


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


def saved(folder: Path, *names: str) -> Path:
    """Write the part of a SavedModel that names its signatures, between parts that do not."""
    entries = [
        field(5, field(1, name.encode()) + field(2, b"x" * 300))
        for name in (*names, "__saved_model_init_op")
    ]
    graph = field(2, b"graph" * 100) + b"".join(entries) + bytes([6 << 3, 1])
    (folder / FILE).write_bytes(bytes([1 << 3, 1]) + field(2, graph))
    return folder


@pytest.mark.parametrize("names", [(), ("serving_default",), ("b", "a")])
def test_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert signatures_of(saved(tmp_path, *names)) == tuple(sorted(names))


@pytest.mark.parametrize(
    ("names", "wanted", "chosen"),
    [
        (("serving_default", "other"), None, "serving_default"),
        (("only",), None, "only"),
        (("a", "b"), "b", "b"),
    ],
)
def test_choice(tmp_path: Path, names: tuple[str, ...], wanted: str | None, chosen: str) -> None:
    assert chosen_signature(saved(tmp_path, *names), wanted) == chosen


@pytest.mark.parametrize(
    ("names", "wanted", "what"),
    [
        (
            ("classify", "brightness"),
            None,
            "no signature 'serving_default'; it has: 'brightness', 'classify'. Name the one",
        ),
        ((), None, "it has: none. Save it with model.export"),
        (("classify",), "clasify", "no signature 'clasify'. Did you mean 'classify'"),
        ((), "classify", "no signature 'classify'. It has none"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, names: tuple[str, ...], wanted: str | None, what: str
) -> None:
    with pytest.raises(ModelError) as caught:
        chosen_signature(saved(tmp_path, *names), wanted)

    assert what in str(caught.value)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_what_is_no_message_is_left_to_tensorflow(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)

    names = signatures_of(tmp_path)

    assert names is None or sorted(set(names)) == list(names)


def test_damage_is_not_understood(tmp_path: Path) -> None:
    content = (saved(tmp_path, "a") / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:-5])

    assert signatures_of(tmp_path) is None
    assert chosen_signature(tmp_path, "a") == "a"
