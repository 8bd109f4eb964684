from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from edgeq.errors import ModelError
from edgeq.io import files
from edgeq.tflite.flatbuffer import Flatbuffer
from edgeq.tflite.model_file import attached_bytes, read_model
from edgeq.tflite.runnable import require_runnable
from tests.unit.graphs import logits_edits, read
from tests.unit.tiny_model import Op, Tensor, build, classifier, packed, with_operator
from tests.unit.tiny_signatures import joined

WHOLE = classifier(io="int8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def test_the_graph_is_read(folder: Path) -> None:
    data = classifier(size=(6, 8), classes=7)
    model = read(folder, data)
    assert (model.bytes, model.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert [operator.name for operator in model.operators] == ["MEAN", "FULLY_CONNECTED", "SOFTMAX"]
    assert model.operator_names == {"MEAN", "FULLY_CONNECTED", "SOFTMAX"}
    assert [model.tensors[index].name for index in model.inputs] == ["image"]
    assert [model.tensors[index].name for index in model.outputs] == ["probabilities"]
    assert (model.subgraphs, model.metadata_bytes, model.description) == (1, 0, "made by a test")
    image, axes, _, weights, *_ = model.tensors
    assert (image.shape, image.shape_signature, image.dtype) == ((1, 6, 8, 3),) * 2 + ("float32",)
    assert (axes.dtype, axes.data_bytes) == ("int32", 8)
    assert (weights.shape, weights.data_bytes, image.data_bytes) == ((7, 3), 7 * 3 * 4, 0)


def test_an_open_batch_shows_in_the_signature(folder: Path) -> None:
    image = read(folder, classifier(dynamic=True)).tensors[0]
    assert image.shape == (1, 4, 4, 3)
    assert image.shape_signature == (-1, 4, 4, 3)


def test_quantization_is_read(folder: Path) -> None:
    per_channel = Tensor(
        "w", (3, 2), "int8", np.ones((3, 2), np.int8), (0.5, 0.25, 0.125), (0, 1, -1), axis=0
    )
    image = Tensor("image", (1, 2), "int8", None, (0.5,), (-128,))
    out = Tensor("out", (1, 3))
    op = Op("FULLY_CONNECTED", ("image", "w"), ("out",))
    model = read(folder, build([image, per_channel, out], [op], ["image"], ["out"]))
    entry, weights, last = model.tensors
    assert (entry.scales.tolist(), entry.zero_points.tolist()) == ([0.5], [-128])
    assert weights.scales.tolist() == [0.5, 0.25, 0.125]
    assert weights.zero_points.tolist() == [0, 1, -1]
    assert (weights.axis, weights.quantization_bytes) == (0, 3 * 4 + 3 * 8)
    assert (last.scales.size, last.quantization_bytes) == (0, 0)


def test_operators_of_graphs_that_are_never_called_do_not_count(folder: Path) -> None:
    """On-device training keeps its own graphs beside the one that is run, with Flex operators."""
    flex = with_operator("CUSTOM", "FlexSave")
    model = read(folder, joined(serving_default=WHOLE, save=flex))
    assert "FLEX:Save" not in model.operator_names
    require_runnable(model)

    model = read(folder, joined(serving_default=with_operator("CALL_ONCE", None), save=flex))
    assert model.operator_names == {"CALL_ONCE", "FLEX:Save"}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("graph", 1, "belongs to a graph that does not exist"),
        ("inputs", 900, "tensor 900 as input 'image', which is not an input"),
        ("outputs", 900, "tensor 900 as output 'scores', which is not an output"),
        ("outputs", 2, "tensor 2 as output 'scores'"),
    ],
)
def test_a_signature_that_gives_apps_something_else_is_refused(
    folder: Path, field: str, value: int, message: str
) -> None:
    model: Any = schema.ModelT.InitFromPackedBuf(bytearray(joined(serving_default=WHOLE)), 0)
    if field == "graph":
        model.signatureDefs[0].subgraphIndex = value
    else:
        getattr(model.signatureDefs[0], field)[0].tensorIndex = value
    with pytest.raises(ModelError, match=message):
        read(folder, packed(model))


def test_a_zero_point_that_the_runtime_cuts_off_is_damage(folder: Path) -> None:
    """The runtime reads 32 of its 64 bits, which may be the right ones by chance."""
    image = Tensor("image", (1, 2), "int8", None, (0.5,), (2**40 - 20,))
    op = Op("FULLY_CONNECTED", ("image", "w"), ("out",))
    weights = Tensor("w", (3, 2), data=np.ones((3, 2), np.float32))
    with pytest.raises(ModelError, match="a zero point lies beyond 32 bits"):
        read(folder, build([image, weights, Tensor("out", (1, 3))], [op], ["image"], ["out"]))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.tflite: no such file"):
        read_model(tmp_path / "none.tflite")


def test_what_git_lfs_left_in_place_of_a_file_is_named(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"pointer of Git LFS, .*\. Run git lfs pull"):
        read(folder, b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n")


def test_a_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"can't be read: .*\. Name a file"):
        read_model(tmp_path)


def test_an_empty_file_is_refused_as_that(folder: Path) -> None:
    with pytest.raises(ModelError, match="is empty"):
        read(folder, b"")


@pytest.mark.parametrize("data", [b"TFL3", b"\x00\x00\x00\x00TFL4" * 9, b"PK\x03\x04" * 30])
def test_another_kind_of_file_is_refused(folder: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match=r"is not a \.tflite model"):
        read(folder, data)


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (b"PK\x03\x04" + bytes(30), "a zip archive"),
        (b"\x1f\x8b\x08" + bytes(30), "a gzip archive"),
        (b"\x89HDF\r\n\x1a\n" + bytes(30), "HDF5"),
        (b"\x08\x01\x12\xa0" + bytes(30), "the saved_model.pb"),
        (b"\x08\x08\x12\x07pytorch", "an ONNX model"),
        (b"\x93NUMPY\x01", "an array of NumPy"),
        (b"\n<!DOCTYPE html>", "a web page"),
        (b"\x80\x02}q", "a pickle"),
        (b"const unsigned char net[] = {0x1c,", "a C array"),
    ],
)
def test_a_known_other_format_is_named(folder: Path, data: bytes, format_: str) -> None:
    with pytest.raises(ModelError, match=f"the file looks like {format_}"):
        read(folder, data)


@pytest.mark.parametrize("data", [b"TFL3", bytes(9), b"\x08", b"\x08\x30\x12", b"text"])
def test_no_format_is_guessed(folder: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match=r"TFL3 is missing\. Name a file"):
        read(folder, data)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(folder: Path, share: float) -> None:
    with pytest.raises(ModelError, match="damaged or truncated"):
        read(folder, WHOLE[: int(len(WHOLE) * share)])


@given(st.data())
def test_no_damage_raises_anything_but_a_model_error(folder: Path, data: st.DataObject) -> None:
    damaged = bytearray(WHOLE)
    places = st.integers(0, len(WHOLE) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        damaged[place] = data.draw(st.sampled_from([0, 1, 4, 0x7F, 0x80, 0xFF]))
    cut = data.draw(st.integers(0, len(WHOLE)))
    path = folder / "damaged.tflite"
    path.write_bytes(damaged[:cut])
    try:
        model = read_model(path)
        logits_edits(path)
    except ModelError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert model.bytes == cut


def test_endless_repetition_is_refused(folder: Path) -> None:
    shape = (1,) * 60_000
    tensors = [Tensor(f"t{number}", (1,)) for number in range(600)]
    data = bytearray(build([Tensor("long", shape), *tensors], [], ["long"], ["long"]))
    # Every tensor's shape is made to point at the long one.
    source = Flatbuffer(folder / "x", bytes(data))
    first, *others = source.root().tables(2)[0].tables(0)
    goal = first.target(0)
    assert goal is not None
    for table in others:
        place = table.place(0)
        assert place is not None
        data[place : place + 4] = ((goal - place) % 2**32).to_bytes(4, "little")
    with pytest.raises(ModelError, match="repeatedly"):
        read(folder, bytes(data))


def test_a_pipe_or_a_device_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tflite")
    (tmp_path / "device.tflite").symlink_to("/dev/zero")
    for name in ("pipe", "device"):
        with pytest.raises(ModelError, match=f"{name}.tflite: .*is not a regular file"):
            read_model(tmp_path / f"{name}.tflite")


def test_a_file_is_parsed_once_until_its_content_changes(folder: Path) -> None:
    model = read(folder, WHOLE)
    assert read(folder, WHOLE) is model
    other = read(folder, classifier(io="float32"))
    assert other.sha256 != model.sha256
    assert read(folder, WHOLE) is model


def test_a_file_that_nobody_writes_to_is_not_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = read(folder, WHOLE)
    monkeypatch.setattr(files, "is_settled", lambda _: True)
    assert read_model(model.path) is model
    with monkeypatch.context() as unread:
        unread.setattr(files, "read_whole", None)
        assert read_model(model.path) is model
    assert read(folder, classifier(io="float32")).sha256 != model.sha256


def test_a_file_that_may_be_written_to_unseen_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = read(folder, WHOLE)
    monkeypatch.setattr(files, "is_settled", lambda _: False)
    monkeypatch.setattr(files, "stamp_of", lambda _: files.Stamp(1, 1, 1, 1, 1))
    assert read(folder, classifier(io="float32")).sha256 != model.sha256


def test_what_readers_share_cant_be_changed(folder: Path) -> None:
    scales = next(one.scales for one in read(folder, WHOLE).tensors if one.scales.size)
    with pytest.raises(ValueError, match="read-only"):
        scales[0] = 2


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
