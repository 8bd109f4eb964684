"""The engine ``tensorflow``: every method, and what the file then holds."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ConversionError, MissingExtraError, ModelError
from edgeq.models.float_model import FloatModel, load_float_model
from edgeq.models.model_file import read_model
from edgeq.quantize import recipes
from edgeq.quantize.calibration import Calibration
from edgeq.quantize.make import make_variant
from edgeq.quantize.tensorflow_child import samples
from edgeq.spec.methods import METHODS, MethodChoice
from edgeq.spec.structs import Model, Preprocessing, Spec
from edgeq.store import Store
from tests.unit.quantize.network import calibration, float_model

SOURCE = """
def build():
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    return keras.Sequential([
        keras.Input((8, 8, 3)),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.DepthwiseConv2D(3, padding="same", activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(128, activation="softmax"),
    ])
"""
COMPUTE = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tensorflow")


@pytest.fixture(scope="module")
def keras_model(folder: Path) -> FloatModel:
    (folder / "tiny_network.py").write_text(SOURCE)
    model = Model(source="tiny_network:build", preprocessing="keras-tf")
    spec = Spec(root=folder, origin="edgeq.toml", models={"tiny": model})
    return load_float_model("tiny", model, spec, Store(folder / "store"))


def photographs(folder: Path) -> Calibration:
    return calibration(folder)


@pytest.mark.keras
@pytest.mark.parametrize("name", list(recipes.TENSORFLOW))
def test_a_variant_holds_the_types_that_its_method_claims(
    keras_model: FloatModel, folder: Path, name: str
) -> None:
    method, choice = METHODS.get(name), MethodChoice(f"{name}@tensorflow", name, "tensorflow")
    variant = make_variant(choice, keras_model, photographs(folder), Store(folder / "store"))
    model = read_model(variant.path)
    tensors = model.tensors
    assert (variant.name, variant.engine) == (f"{name}@tensorflow", "tensorflow")
    assert {tensors[i].dtype for i in (*model.inputs, *model.outputs)} <= method.io_types
    computed = {
        tensors[index].dtype
        for one in model.operators
        if one.name in COMPUTE
        for index in one.outputs
    }
    assert computed
    assert computed <= method.activation_types
    sizes: dict[str, int] = {}
    for tensor in tensors:
        if len(tensor.shape) > 1:
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.data_bytes
    assert sum(sizes.get(kind, 0) for kind in method.weight_types) > sum(sizes.values()) / 2
    assert all(tensors[i].shape_signature[0] == 1 for i in model.inputs)
    again = make_variant(choice, keras_model, photographs(folder), Store(folder / "store"))
    assert (again.made, again.sha256) == (False, variant.sha256)


@pytest.mark.keras
def test_the_same_input_gives_the_same_bytes(keras_model: FloatModel, folder: Path) -> None:
    choice = MethodChoice("int8", "int8", "tensorflow")
    calibrated = photographs(folder)
    first = make_variant(choice, keras_model, calibrated, Store(folder / "store"))
    other = make_variant(choice, keras_model, calibrated, Store(folder / "other"))
    assert first.path != other.path
    assert first.path.read_bytes() == other.path.read_bytes()


@pytest.mark.keras
def test_the_converters_reason_is_one_line_and_its_log_stays(
    keras_model: FloatModel, folder: Path
) -> None:
    choice = MethodChoice("dynamic_range", "dynamic_range", "tensorflow")
    recipe = recipes.TensorflowRecipe(operators="TFLITE_BUILTINS_INT8")
    with pytest.raises(ConversionError, match="representative_dataset") as caught:
        make_variant(choice, keras_model, None, Store(folder / "store"), recipe=recipe)
    assert caught.value.where == "tiny/dynamic_range"
    assert "\n" not in str(caught.value)
    assert caught.value.log is not None
    assert "Traceback" in caught.value.log.read_text()


def test_a_bare_tflite_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "1")
    choice = MethodChoice("float16", "float16", "tensorflow")
    with pytest.raises(ModelError, match=r"comes as a \.tflite file"):
        make_variant(choice, float_model(tmp_path), None, Store(tmp_path / "s"))


def test_a_missing_tensorflow_is_said_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", missing)
    choice = MethodChoice("float16", "float16", "tensorflow")
    with pytest.raises(MissingExtraError, match=r"pip install 'edgeq\[keras\]'"):
        make_variant(choice, float_model(tmp_path), None, Store(tmp_path / "s"))


def test_one_photograph_is_read_at_a_time() -> None:
    pixels = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3)
    inputs = list(samples(pixels, Preprocessing(std=(2.0, 2.0, 2.0), channels="bgr")))
    assert [one[0].shape for one in inputs] == [(1, 2, 2, 3)] * 2
    assert inputs[1][0].dtype == np.float32
    assert np.array_equal(inputs[1][0][0], pixels[1, :, :, ::-1] / 2)
