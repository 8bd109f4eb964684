"""The engine ``litert``: every method, and what the file then holds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.config.methods import METHODS, MethodChoice, Units, choose
from edgeq.config.structs import Classifier, Make
from edgeq.errors import ConversionError, ImageError, SpecError
from edgeq.judge.proofs import types
from edgeq.judge.verdict import Verdict
from edgeq.judge.weights import weights
from edgeq.measure.operators import operators
from edgeq.measure.stored.files import compare_files
from edgeq.quantize import recipes
from edgeq.quantize.make import make_variant
from edgeq.quantize.variant import CalibratedOn, MadeOf, Variant
from edgeq.store.content import Store
from edgeq.tflite.model_file import ModelFile, read_model
from tests.unit.quantize.network import WIDTH, calibration, float_model, network
from tests.unit.tiny_model import Op, Tensor, build

COMPUTE = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
WEIGHTS = {"conv_weights", "depthwise_weights", "dense_weights"}
LITERT_METHODS = tuple(recipes.LITERT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("litert")


def made(folder: Path, method: str, store: str = "store") -> Variant:
    choice = MethodChoice(method, method, "litert")
    return make_variant(choice, float_model(folder), calibration(folder), Store(folder / store))


def weight_types(model: ModelFile) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for tensor in model.tensors:
        if len(tensor.shape) > 1:
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.data_bytes
    return sizes


def test_every_method_of_the_table_has_a_recipe() -> None:
    for name, method in METHODS:
        assert ("litert" in method.engines) == (name in recipes.LITERT)
        assert ("tensorflow" in method.engines) == (name in recipes.TENSORFLOW)
        if name in recipes.LITERT:
            assert method.needs_calibration == (recipes.LITERT[name].percentile is not None)
        if name in recipes.TENSORFLOW:
            assert method.needs_calibration == recipes.TENSORFLOW[name].calibrated


@pytest.mark.parametrize("name", LITERT_METHODS)
def test_a_variant_holds_the_types_that_its_method_claims(folder: Path, name: str) -> None:
    method, variant = METHODS.get(name), made(folder, name)
    model = read_model(variant.path)
    tensors = model.tensors
    ends = {tensors[index].dtype for index in (*model.inputs, *model.outputs)}
    assert ends <= method.io_types
    computed = {
        tensors[index].dtype
        for one in model.operators
        if one.name in COMPUTE
        for index in one.outputs
    }
    assert computed
    assert computed <= method.activation_types
    sizes = weight_types(model)
    assert sum(sizes.get(kind, 0) for kind in method.weight_types) > sum(sizes.values()) / 2
    finer = METHODS.get(name).stored_weights != "per_tensor" and "int" in str(method.weight_types)
    dense = next(one for one in model.tensors if len(one.shape) == 2 and one.data_bytes)
    assert (dense.scales.size > 1) == finer
    assert variant.sha256 == model.sha256
    assert variant.bytes == model.bytes == variant.path.stat().st_size


OWN_CLASSIFIERS = [(name, one) for name, method in METHODS for one in method.classifiers]


@pytest.mark.parametrize(("name", "classifier"), OWN_CLASSIFIERS)
def test_a_classifier_is_quantized_in_its_own_way(
    folder: Path, name: str, classifier: Classifier
) -> None:
    choice = MethodChoice(name, name, "litert", classifier)
    store = Store(folder / "store")
    variant = make_variant(choice, float_model(folder), calibration(folder), store)
    usual, method = made(folder, name), METHODS.get(name)
    assert variant.path != usual.path
    assert variant.manifest.classifier == classifier
    assert usual.manifest.classifier is None
    own, others = (
        types(
            operators(read_model(one.path)),
            method,
            sha256=one.sha256,
            baseline_sha256="",
            classifier=classifier,
        )
        for one in (variant, usual)
    )
    assert own.status is Verdict.PASS, own.reason
    assert others.status is Verdict.FAIL
    baseline = read_model(float_model(folder).path)
    stored = weights(compare_files(baseline, read_model(variant.path)), "quantized")
    assert stored.status is Verdict.PASS, stored.reason


def test_a_classifier_must_be_there(folder: Path, tmp_path: Path) -> None:
    choice = MethodChoice("dynamic_range", "dynamic_range", "litert", "int4")
    model = float_model(tmp_path, without_dense())
    with pytest.raises(SpecError, match="tiny/dynamic_range: no dense layer produces an output"):
        make_variant(choice, model, None, Store(tmp_path / "store"))


def without_dense() -> bytes:
    data = np.ones((WIDTH, 3, 3, 3), np.float32)
    tensors = [Tensor("x", (1, 8, 8, 3)), Tensor("w", data.shape, data=data)]
    tensors.append(Tensor("y", (1, 8, 8, WIDTH)))
    return build(tensors, [Op("CONV_2D", ("x", "w"), ("y",))], ["x"], ["y"])


@pytest.mark.parametrize("name", LITERT_METHODS)
def test_the_same_input_gives_the_same_bytes(folder: Path, name: str) -> None:
    first, second = made(folder, name), made(folder, name, "another")
    assert first.path != second.path
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_variant_is_made_once(folder: Path) -> None:
    store = "once"
    first, second = made(folder, "int8", store), made(folder, "int8", store)
    assert (first.made, second.made) == (True, False)
    assert dataclasses.replace(second, made=True) == first


def test_one_calibration_serves_all_static_methods(folder: Path) -> None:
    for method in ("int8", "int8_float_io", "int8_uint8_io", "int8_per_tensor", "int16x8"):
        made(folder, method, "shared")
    assert len(list((folder / "shared" / "statistics").iterdir())) == 1


def test_the_manifest_says_what_it_was_made_from(folder: Path) -> None:
    variant, model = made(folder, "int8"), float_model(folder)
    manifest = variant.manifest
    assert manifest.engine == variant.engine == "litert"
    assert manifest.method == variant.method == "int8"
    assert manifest.float_model == MadeOf(name="tiny", source="float.tflite", sha256=model.sha256)
    assert set(manifest.tools or {}) == {"litert-quantizer", "ai-edge-litert", "numpy"}
    assert isinstance(manifest.calibration, CalibratedOn)
    assert manifest.calibration.count == 6
    assert (manifest.parameters or {})["percentile"] == recipes.INT8_PERCENTILE
    uncalibrated = made(folder, "float16").manifest
    assert uncalibrated.calibration is None
    assert msgspec.to_builtins(uncalibrated)["calibration"] is None


@pytest.mark.parametrize("changed", ["photographs", "model", "recipe"])
def test_another_input_gives_another_variant(folder: Path, tmp_path: Path, changed: str) -> None:
    usual = made(folder, "int8")
    model = float_model(tmp_path, network(seed=1 if changed == "model" else 0))
    photographs = calibration(tmp_path, seed=1 if changed == "photographs" else 0)
    recipe = recipes.static(8, percentile=100) if changed == "recipe" else None
    choice = MethodChoice("int8", "int8", "litert")
    store = Store(folder / "store")
    assert make_variant(choice, model, photographs, store, recipe=recipe).sha256 != usual.sha256


def test_the_place_and_name_of_the_photographs_do_not_matter(folder: Path, tmp_path: Path) -> None:
    usual = made(folder, "int8")
    photographs = calibration(tmp_path, source="elsewhere")
    choice = MethodChoice("mine", "int8", "litert")
    again = make_variant(choice, float_model(tmp_path), photographs, Store(folder / "store"))
    assert (again.made, again.path, again.name) == (False, usual.path, "mine")
    assert isinstance(again.manifest.calibration, CalibratedOn)
    assert again.manifest.calibration.source == "elsewhere"


def test_an_int8_variant_answers_like_its_float_model(folder: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    photographs = calibration(folder).pixels.array().astype(np.float32) / 127.5 - 1

    def answers(path: Path) -> np.ndarray:
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
        (given,), (told,) = interpreter.get_input_details(), interpreter.get_output_details()
        rows = []
        for photo in photographs:
            interpreter.set_tensor(given["index"], photo[np.newaxis])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(told["index"])[0])
        return np.stack(rows)

    usual = answers(float_model(folder).path)
    variant = answers(made(folder, "int8_float_io").path)
    assert np.abs(usual - variant).max() < 0.05
    assert not np.array_equal(usual, variant)


def test_a_static_method_without_calibration_is_refused(tmp_path: Path) -> None:
    choice = MethodChoice("int8", "int8", "litert")
    with pytest.raises(SpecError, match="tiny/int8: the method 'int8' needs a calibration set"):
        make_variant(choice, float_model(tmp_path), None, Store(tmp_path))


def test_an_engine_that_has_no_recipe_is_refused(tmp_path: Path) -> None:
    choice = MethodChoice("weight_only_int8", "weight_only_int8", "tensorflow")
    with pytest.raises(SpecError, match="Engines that can: litert"):
        make_variant(choice, float_model(tmp_path), None, Store(tmp_path))


def test_the_librarys_reason_is_one_line_and_its_log_stays(tmp_path: Path) -> None:
    choice = MethodChoice("dynamic_range", "dynamic_range", "litert")
    settings = recipes.LITERT["dynamic_range"].steps[0].op_config
    recipe = recipes.LitertRecipe(steps=(recipes.Step(op_config=settings, algorithm_key="none"),))
    with pytest.raises(ConversionError) as caught:
        make_variant(choice, float_model(tmp_path), None, Store(tmp_path / "s"), recipe=recipe)
    error = caught.value
    assert error.where == "tiny/dynamic_range"
    assert "Unsupported algorithm" in error.what
    assert "\n" not in str(error)
    assert error.log is not None
    assert "Traceback" in error.log.read_text()
    assert not (tmp_path / "s" / "variants").exists()


def test_what_takes_too_long_is_stopped(tmp_path: Path) -> None:
    choice = MethodChoice("dynamic_range", "dynamic_range", "litert")
    model = dataclasses.replace(float_model(tmp_path), limits=Make(timeout_s=0.01))
    with pytest.raises(ConversionError, match=r"took longer than 0\.01 s and was stopped"):
        make_variant(choice, model, None, Store(tmp_path / "s"))


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
@pytest.mark.parametrize(
    ("shape", "said"),
    [((6, 9, 9, 3), "are 9x9, the model takes 8x8"), ((0, 8, 8, 3), "calibration set is empty")],
)
def test_photographs_that_do_not_fit_are_refused(
    tmp_path: Path, engine: str, shape: tuple[int, int, int, int], said: str
) -> None:
    photographs = calibration(tmp_path)
    unfit = dataclasses.replace(
        photographs, pixels=dataclasses.replace(photographs.pixels, shape=shape)
    )
    choice = MethodChoice("int8", "int8", engine)
    with pytest.raises(ImageError, match=said):
        make_variant(choice, float_model(tmp_path), unfit, Store(tmp_path / "s"))


def test_a_model_that_computes_nan_is_refused_by_tensor(tmp_path: Path) -> None:
    content = network()
    first = (
        np.random.default_rng(0).normal(0, 0.3, (WIDTH, 3, 3, 3)).astype(np.float32).tobytes()[:4]
    )
    assert content.count(first) == 1
    broken = content.replace(first, np.array([np.nan], np.float32).tobytes())
    choice = MethodChoice("int8", "int8", "litert")
    with pytest.raises(ConversionError, match="computes NaN in the tensor 'conv'"):
        make_variant(
            choice, float_model(tmp_path, broken), calibration(tmp_path), Store(tmp_path / "s")
        )


@pytest.mark.parametrize(
    ("method", "units", "weight_types", "borders"),
    [
        (
            "int8",
            (("conv_weights", "float32"), ("dense_weights", "float32")),
            {"float32", "int8"},
            ("int8", "int8"),
        ),
        ("int8_float_io", (("dense_weights", "float32"),), {"float32", "int8"}, ("float32",) * 2),
        (
            "weight_only_int8",
            (("dense_weights", "weight_only_int4"),),
            {"int4", "int8", "float32"},
            ("float32",) * 2,
        ),
        ("float16", (("conv_weights", "int8"),), {"float16", "int8"}, ("float32",) * 2),
        ("int16x8", (("dense_weights", "dynamic_range"),), {"int8"}, ("int16", "int16")),
    ],
)
def test_units_are_made_in_their_own_way_and_the_file_shows_it(
    tmp_path: Path,
    method: str,
    units: Units,
    weight_types: set[str],
    borders: tuple[str, str],
) -> None:
    choice = choose(method, units=units)
    model = float_model(tmp_path)
    variant = make_variant(choice, model, calibration(tmp_path), Store(tmp_path / "store"))
    found = operators(read_model(variant.path))
    assert set(found.weight_bytes_by_type) == weight_types
    assert (found.input_types[0], found.output_types[0]) == borders
    assert types(found, choice.claim, sha256="a", baseline_sha256="b").status is Verdict.PASS
    floats = {"conv_weights": "CONV_2D", "dense_weights": "FULLY_CONNECTED"}
    for name, precision in units:
        (layer,) = (one for one in found.compute if one.name == floats[name])
        assert (layer.weight_type == "float32") == (precision == "float32")
    assert variant.manifest.units == dict(units)


def test_what_an_operator_does_not_support_stays_float_and_not_as_the_base_has_it(
    tmp_path: Path,
) -> None:
    """A softmax in a weight-only unit must not stay int8, as the step for all operators has it."""
    choice = choose("int8", units=(("dense_weights", "weight_only_int8"),))
    model = float_model(tmp_path)
    path = make_variant(choice, model, calibration(tmp_path), Store(tmp_path / "store")).path
    file = read_model(path)
    (softmax,) = (one for one in file.operators if one.name == "SOFTMAX")
    assert file.tensors[softmax.inputs[0]].dtype == "float32"


def test_an_unknown_unit_is_refused_by_name(tmp_path: Path) -> None:
    choice = choose("dynamic_range", units=(("dense_weigths", "float32"),))
    with pytest.raises(SpecError, match=r"unknown unit 'dense_weigths'\. Did you mean 'dense_w"):
        make_variant(choice, float_model(tmp_path), None, Store(tmp_path / "store"))


def test_a_calibrated_unit_needs_a_calibration_set(tmp_path: Path) -> None:
    choice = choose("dynamic_range", units=(("dense_weights", "int8"),))
    with pytest.raises(SpecError, match="needs a calibration set"):
        make_variant(choice, float_model(tmp_path), None, Store(tmp_path / "store"))
