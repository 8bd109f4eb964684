from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from edgeq.cli import main
from edgeq.cli.detect import (
    INPUT_RANGES,
    MANY_PHOTOGRAPHS,
    DetectedArrays,
    DetectedPreprocessing,
    detect,
)
from edgeq.config.load import load_spec
from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import ReadyVariant, Samples
from tests.unit.tiny_metadata import with_metadata
from tests.unit.tiny_model import Op, Tensor, build, classifier


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
    assert there.preprocessing == (None if rescales else DetectedPreprocessing())


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
    assert '  preprocessing: "keras-0-255", because the input of vendor.tflite goes from 0' in said
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
    monkeypatch.setattr("edgeq.cli.detect.MANY_PHOTOGRAPHS", 3)
    assert MANY_PHOTOGRAPHS == 500
    keras_file(here / "net.keras")
    photographs(here / "train", 4)
    assert main(["init"]) == 0
    spec = load_spec(here)
    assert spec.images is not None
    assert spec.images.max_calibration == 100


@pytest.mark.parametrize(
    ("scale", "zero_point", "preset"),
    [
        (1 / 255, -128, "unit"),
        (2 / 255, 0, "keras-tf"),
        (1.0, -128, "keras-0-255"),
        (4.75 / 255, -14, None),  # a third of it is used, if at all
    ],
)
def test_a_quantized_input_shows_the_preprocessing(
    here: Path, scale: float, zero_point: int, preset: str | None
) -> None:
    image = (1, 8, 8, 3)
    ends = [
        Tensor("in", image, "int8", None, (scale,), (zero_point,)),
        Tensor("out", image, "int8", None, (1.0,), (0,)),
    ]
    ops = [
        Op("DEQUANTIZE", ("in",), ("x",)),
        Op("RELU", ("x",), ("y",)),
        Op("QUANTIZE", ("y",), ("out",)),
    ]
    content = build([*ends, Tensor("x", image), Tensor("y", image)], ops, ["in"], ["out"])
    (here / "vendor.tflite").write_bytes(content)
    (here / "net.tflite").write_bytes(classifier(size=(8, 8)))
    preprocessing = detect(here).preprocessing
    assert preprocessing is not None
    assert preprocessing.preset == (preset or "keras-0-255")
    assert bool(preprocessing.reason) is (preset is not None)


def test_presets_give_the_ranges_that_they_are_known_by() -> None:
    for name, ends in INPUT_RANGES.items():
        own = PREPROCESSING.get(name)
        for mean, std in zip(own.mean, own.std, strict=True):
            assert ((0 - mean) / std, (255 - mean) / std) == pytest.approx(ends)


def test_a_detector_gets_the_preprocessing_of_its_recipe(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.array((1, 24, 42), np.int32)  # 4 x 8, 2 x 4 and 1 x 2 cells
    tensors = [
        Tensor("image", (1, 64, 32, 3)),
        Tensor("shape", (3,), "int32", values),
        Tensor("out", (1, 24, 42)),
    ]
    ops = [Op("RESHAPE", ("image", "shape"), ("out",))]
    (here / "net.tflite").write_bytes(build(tensors, ops, ["image"], ["out"]))
    photographs(here / "photos")
    assert main(["init"]) == 0
    assert '  preprocessing: "yolo", as yolov8 detectors take it' in capsys.readouterr().out
    assert load_spec(here).models["net"].preprocessing == "yolo"


def test_preprocessing_inside_a_file_is_not_overridden(here: Path) -> None:
    content = with_metadata(classifier(size=(8, 8)), mean=[127.5], std=[127.5])
    (here / "net.tflite").write_bytes(content)
    assert main(["init"]) == 0
    assert load_spec(here).models["net"].preprocessing is None


def test_the_only_folder_of_photographs_is_the_evaluation_set(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "net.tflite").write_bytes(classifier(size=(8, 8)))
    photographs(here / "data" / "mine" / "cat")
    photographs(here / "data" / "mine" / "dog")
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    assert "  evaluation images: data/mine, the only folder of photographs\n" in said
    assert "none (no folder called calibration), so no int8" in said
    photographs(here / "train")
    there = detect(here)
    assert (there.calibration, there.evaluation) == (Path("train"), Path("data/mine"))
    photographs(here / "others")
    assert detect(here).evaluation is None


def test_without_any_other_photographs_there_is_no_evaluation_set(here: Path) -> None:
    photographs(here / "data" / "train")
    assert detect(here).evaluation is None
    Image.new("RGB", (4, 4)).save(here / "loose.png")
    assert detect(here).evaluation is None


@pytest.mark.parametrize("io", ["int8", "uint8"])
def test_a_ready_variant_claims_what_its_file_shows(
    here: Path, io: Literal["int8", "uint8"]
) -> None:
    ends = [
        Tensor(name, shape, io if name in {"in", "out"} else "int8", None, (0.1,), (0,))
        for name, shape in (("in", (1, 8)), ("x", (1, 8)), ("y", (1, 2)), ("out", (1, 2)))
    ]
    weights = Tensor("weights", (2, 8), "int8", np.ones((2, 8), np.int8), (0.1,), (0,))
    ops = [
        Op("QUANTIZE", ("in",), ("x",)),
        Op("FULLY_CONNECTED", ("x", "weights"), ("y",)),
        Op("QUANTIZE", ("y",), ("out",)),
    ]
    (here / "vendor.tflite").write_bytes(build([*ends, weights], ops, ["in"], ["out"]))
    (here / "net.tflite").write_bytes(features(quantized=False))
    saved(here / "features.npy", "float32")
    assert main(["init"]) == 0
    vendor = load_spec(here).variants["vendor"]
    assert isinstance(vendor, ReadyVariant)
    assert vendor.method == {"int8": "int8", "uint8": "int8_uint8_io"}[io]


@pytest.mark.parametrize("name", ["net.h5", "net.hdf5", "net.pt", "net.pth", "net.pb"])
def test_a_model_of_another_format_is_named_with_a_remedy(
    here: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / name).write_bytes(b"weights")
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    assert f"  not used: {name}: " in said
    assert "  model: none; the spec has an example, efficientnet-lite0\n" in said
    keras_file(here / "net.keras")
    assert detect(here).unusable == {}  # it is what the model came from


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


def test_an_onnx_file_is_the_model_unless_it_was_converted_already(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "net.onnx").write_bytes(b"onnx")
    assert detect(here).model == Path("net.onnx")
    assert main(["init"]) == 0
    assert 'as most of PyTorch do ("keras-torch")' in capsys.readouterr().out
    (here / "net.tflite").write_bytes(classifier(size=(8, 8)))
    assert detect(here).models == (Path("net.tflite"),)


def features(*, quantized: bool) -> bytes:
    """Return a dense layer that takes 6 features, in float or with int8 input and output."""
    inner = [Tensor("x", (1, 6)), Tensor("y", (1, 2))]
    weights = Tensor("weights", (2, 6), data=np.ones((2, 6), np.float32))
    ops = [Op("FULLY_CONNECTED", ("x", "weights"), ("y",))]
    if not quantized:
        return build([*inner, weights], ops, ["x"], ["y"])
    ends = [
        Tensor(name, (1, size), "int8", scales=(0.5,), zero_points=(-3,))
        for name, size in (("in", 6), ("out", 2))
    ]
    ops = [Op("DEQUANTIZE", ("in",), ("x",)), *ops, Op("QUANTIZE", ("y",), ("out",))]
    return build([*inner, weights, *ends], ops, ["in"], ["out"])


def saved(path: Path, dtype: str = "int8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.arange(24).reshape(4, 6).astype(dtype))


def test_a_single_file_of_arrays_is_the_evaluation_set(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "net.tflite").write_bytes(features(quantized=False))
    (here / "vendor.tflite").write_bytes(features(quantized=True))
    saved(here / "features.npy")
    np.save(here / "y_true.npy", np.zeros(4, np.int64))
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    assert "  scale and zero point of its int8 values: those of vendor.tflite" in said
    assert "preprocessing" not in said
    assert max(map(len, said.splitlines())) <= 100
    spec = load_spec(here)
    assert spec.models["net"].arrays == Samples(
        evaluation="features.npy", labels="y_true.npy", scale=0.5, zero_point=-3
    )
    assert spec.methods == ()
    assert list(spec.variants) == ["vendor"]


def test_arrays_are_found_by_name_and_their_labels_next_to_them(here: Path) -> None:
    (here / "net.tflite").write_bytes(features(quantized=False))
    saved(here / "data" / "x_train.npy", "float32")
    saved(here / "data" / "x_test.npy", "float32")
    (here / "data" / "labels.csv").write_text("row,class_index\n0,1\n", "utf-8")
    assert main(["init"]) == 0
    spec = load_spec(here)
    expected = Samples(calibration="data/x_train.npy", evaluation="data/x_test.npy")
    assert spec.models["net"].arrays == expected
    assert "int8" in spec.methods


def test_arrays_are_left_alone_if_none_is_named_or_there_are_photographs(here: Path) -> None:
    (here / "net.tflite").write_bytes(features(quantized=False))
    saved(here / "a.npy")
    saved(here / "b.npy")
    assert detect(here).arrays is None
    (here / "b.npy").unlink()
    assert detect(here).arrays == DetectedArrays(Path("a.npy"), integers="int8")
    photographs(here / "test")
    assert detect(here).arrays is None


def test_a_file_with_quantized_weights_is_the_model_if_there_is_no_other(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = Tensor("weights", (2, 6), "int8", np.ones((2, 6), np.int8), (0.1,), (0,))
    tensors = [Tensor("x", (1, 6)), weights, Tensor("y", (1, 2))]
    ops = [Op("FULLY_CONNECTED", ("x", "weights"), ("y",))]
    (here / "published.tflite").write_bytes(build(tensors, ops, ["x"], ["y"]))
    saved(here / "features.npy", "float32")
    assert detect(here).model is None
    (here / "vendor.tflite").write_bytes(features(quantized=True))
    assert main(["init"]) == 0
    assert "its weights are quantized already" in capsys.readouterr().out
    spec = load_spec(here)
    assert spec.models["published"].allow_quantized_weights
    assert (spec.methods, list(spec.variants)) == ((), ["vendor"])
    (here / "net.tflite").write_bytes(features(quantized=False))
    there = detect(here)
    assert (there.model, there.quantized_weights) == (Path("net.tflite"), False)
    assert there.ready == (Path("published.tflite"), Path("vendor.tflite"))


def test_an_open_size_is_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape, signature = (1, 1, 1, 3), (1, -1, -1, 3)
    tensors = [Tensor(name, shape, signature=signature) for name in ("image", "map")]
    open_file = build(tensors, [Op("RELU", ("image",), ("map",))], ["image"], ["map"])
    (here / "net.tflite").write_bytes(open_file)
    there = detect(here)
    assert (there.model, there.open_size) == (Path("net.tflite"), True)
    assert main(["init"]) == 0
    assert "input_size = [HEIGHT, WIDTH]" in capsys.readouterr().out


def test_files_that_are_of_no_use_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "broken.tflite").write_bytes(b"not a model")
    (here / "vendor.tflite").write_bytes(classifier(size=(8, 8), io="uint8"))
    assert list(detect(here).unusable) == [Path("broken.tflite")]
    assert main(["init"]) == 0
    out = capsys.readouterr().out
    assert "not used: broken.tflite: " in out
    assert "variants without a float model: vendor.tflite" in out


def test_linked_folders_are_looked_into_once(
    here: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("data")
    photographs(data / "val")
    (data / "again").symlink_to(data)
    (here / "data").symlink_to(data)
    assert detect(here).evaluation == Path("data/val")
