"""The engine ``tensorflow``: every method, and what the file then holds."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from pathlib import Path

import msgspec
import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from edgeq.config.methods import METHODS, MethodChoice
from edgeq.config.structs import Make, Model, Preprocessing, Spec
from edgeq.errors import ConversionError, MissingExtraError, ModelError
from edgeq.models.child import run_child
from edgeq.models.float_model import FloatModel, converter_start, load_float_model
from edgeq.quantize import recipes
from edgeq.quantize.engine import Calibration
from edgeq.quantize.make import make_variant
from edgeq.quantize.tensorflow_child import samples
from edgeq.quantize.tensorflow_engine import CHILD
from edgeq.store.content import Store
from edgeq.tflite.model_file import Signature, read_model
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
    methods = ("int8@tensorflow",)
    spec = Spec(root=folder, origin="edgeq.toml", models={"tiny": model}, methods=methods)
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
    assert model.signatures == (Signature("serving_default", 0),)
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
@pytest.mark.parametrize("name", ["int8", "int8_float_io", "int8_uint8_io", "int8_per_tensor"])
def test_one_calibration_gives_what_the_converter_would_with_its_own(
    keras_model: FloatModel, folder: Path, name: str
) -> None:
    calibrated, store = photographs(folder), Store(folder / "shared")
    choice = MethodChoice(name, name, "tensorflow")
    shared = read_model(make_variant(choice, keras_model, calibrated, store).path)
    assert len(list((store.root / "calibrated").iterdir())) == 1
    output = folder / f"{name}.tflite"
    request = {
        "task": "convert",
        "start": str(converter_start(keras_model, store)),
        "recipe": msgspec.to_builtins(recipes.TENSORFLOW[name]),
        "output": str(output),
        "pixels": str(calibrated.pixels.path),
        "preprocessing": msgspec.to_builtins(calibrated.preprocessing),
        "shapes": [[1, *keras_model.input_size, 3]],
        "types": ["float32"],
    }
    run_child(CHILD, request, log=folder / "own.log", limits=Make(), what=name)
    own = read_model(output)
    assert [one.name for one in shared.operators] == [one.name for one in own.operators]
    for ours, theirs in zip(shared.tensors, own.tensors, strict=True):
        assert (ours.name, ours.shape, ours.dtype) == (theirs.name, theirs.shape, theirs.dtype)
        assert np.array_equal(ours.scales, theirs.scales)
        assert np.array_equal(ours.zero_points, theirs.zero_points)
    assert constants(shared.path) == constants(own.path)


def constants(path: Path) -> list[bytes]:
    """Return the constant data of every tensor."""
    root = flatbuffer_utils.read_model(str(path))
    stored = (root.buffers[one.buffer].data for one in root.subgraphs[0].tensors)
    return [b"" if data is None else bytes(data) for data in stored]


@pytest.mark.keras
def test_a_graph_is_what_a_saved_model_is(keras_model: FloatModel, folder: Path) -> None:
    """The way for models that are more than one plain graph gives the same variant."""
    export = keras_model.export
    assert export is not None
    assert export.graph is not None
    roundabout = replace(keras_model, export=replace(export, graph=None))
    choice = MethodChoice("dynamic_range", "dynamic_range", "tensorflow")
    ours, theirs = (
        read_model(make_variant(choice, model, None, Store(folder / name)).path)
        for name, model in (("graph", keras_model), ("saved", roundabout))
    )
    assert [one.name for one in ours.operators] == [one.name for one in theirs.operators]
    assert sorted(constants(ours.path)) == sorted(constants(theirs.path))


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
    how = Preprocessing(std=(2.0, 2.0, 2.0), channels="bgr")
    inputs = list(samples(pixels, how, [(1, 2, 2, 3)], ["float32"]))
    assert [one[0].shape for one in inputs] == [(1, 2, 2, 3)] * 2
    assert inputs[1][0].dtype == np.float32
    assert np.array_equal(inputs[1][0][0], pixels[1, :, :, ::-1] / 2)
