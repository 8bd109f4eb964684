from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from edgeq.cli import main
from edgeq.cli.detect import MANY, detect
from edgeq.config.load import load_spec
from edgeq.config.structs import ReadyVariant
from tests.unit.tiny_model import classifier


def photographs(folder: Path, count: int = 2) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (4, 4)).save(folder / f"{number}.png")


def keras_file(path: Path, *classes: str) -> None:
    layers = [{"class_name": name, "config": {}} for name in classes]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": layers}}))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_empty_folder_holds_nothing(here: Path) -> None:
    there = detect(here)
    assert (there.model, there.ready, there.calibration, there.evaluation) == (None, (), None, None)


def test_a_float_file_is_the_model_and_quantized_ones_are_variants(here: Path) -> None:
    (here / "float.tflite").write_bytes(classifier(size=(8, 8)))
    (here / "vendor.tflite").write_bytes(classifier(size=(8, 8), io="uint8"))
    (here / "broken.tflite").write_bytes(b"not a model")
    there = detect(here)
    assert there.model == Path("float.tflite")
    assert there.ready == (Path("vendor.tflite"),)


@pytest.mark.parametrize("rescales", [True, False])
def test_a_keras_file_says_whether_it_takes_pixels(here: Path, *, rescales: bool) -> None:
    keras_file(here / "net.keras", *(["Rescaling"] if rescales else []), "Conv2D")
    there = detect(here)
    assert there.model == Path("net.keras")
    assert there.rescales is rescales


def test_sets_are_found_by_name_and_generated_folders_are_left_alone(here: Path) -> None:
    photographs(here / "data" / "train" / "cat")
    photographs(here / "data" / "val")
    for skipped in ("reports", ".edgeq", "venv"):
        photographs(here / skipped / "test")
    there = detect(here)
    assert there.calibration == Path("data/train")
    assert there.evaluation == Path("data/val")
    assert there.calibration_photos == 2


def test_the_spec_is_about_what_is_there_and_loads(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "my net.tflite").write_bytes(classifier(size=(8, 8)))
    (here / "vendor.tflite").write_bytes(classifier(size=(8, 8), io="uint8"))
    photographs(here / "calibration", 3)
    photographs(here / "evaluation" / "0")
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    assert "  model: my net.tflite\n" in said
    assert "  preprocessing: pixels from 0 to 255; correct it" in said
    spec = load_spec(here)
    assert list(spec.models) == ["my-net"]
    assert spec.models["my-net"].source == "my net.tflite"
    vendor = spec.variants["vendor"]
    assert isinstance(vendor, ReadyVariant)
    assert (vendor.model, vendor.file) == ("my-net", "vendor.tflite")
    assert spec.images is not None
    assert (spec.images.calibration, spec.images.evaluation) == ("calibration", "evaluation")
    assert "[models.efficientnet" not in (here / "edgeq.toml").read_text(encoding="utf-8")


def test_without_calibration_images_nothing_that_needs_them_is_declared(here: Path) -> None:
    keras_file(here / "net.keras")
    photographs(here / "evaluation")
    assert main(["init"]) == 0
    assert load_spec(here).methods == ("dynamic_range", "float16", "weight_only_int8")


def test_of_many_calibration_images_some_are_taken(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeq.cli.detect.MANY", 3)
    assert MANY == 500
    keras_file(here / "net.keras")
    photographs(here / "train", 4)
    assert main(["init"]) == 0
    spec = load_spec(here)
    assert spec.images is not None
    assert spec.images.max_calibration == 100


def test_of_several_models_none_is_guessed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keras_file(here / "a.keras")
    keras_file(here / "b.keras")
    assert main(["init"]) == 0
    assert "models: a.keras, b.keras; name one of them as `source`" in capsys.readouterr().out
    assert list(load_spec(here).models) == ["efficientnet-lite0"]


def test_quantized_files_get_names_that_a_spec_may_use(here: Path) -> None:
    (here / "net.tflite").write_bytes(classifier(size=(8, 8)))
    files = [Path(name) for name in ("Int8.tflite", "a/NET.tflite", "b/int8.tflite", "v.tflite")]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(classifier(size=(8, 8), io="uint8"))
    assert main(["init"]) == 0
    variants = load_spec(here).variants
    assert {variant.file for variant in variants.values()} == {path.as_posix() for path in files}


def test_an_onnx_file_is_the_model_unless_it_was_converted_already(here: Path) -> None:
    (here / "net.onnx").write_bytes(b"onnx")
    assert detect(here).model == Path("net.onnx")
    (here / "net.tflite").write_bytes(classifier(size=(8, 8)))
    assert detect(here).models == (Path("net.tflite"),)
