from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgeq.config.check import check
from edgeq.config.load import parse
from edgeq.config.structs import Gates
from edgeq.errors import SpecError
from tests.unit.config.writing import net, refusal, spec

READY = {"model": "net", "file": "vendor.tflite"}


def ready(name: str = "vendor", **keys: Any) -> dict[str, Any]:
    return {"variants": {name: {**READY, **keys}}}


def two(**keys: Any) -> dict[str, Any]:
    """Return a second model beside ``net``."""
    return {"models": {"net": {"source": "a"}, "other": {"source": "b", **keys}}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models": {}}, 'no model is declared. Add [models.NAME] with source = "..."'),
        ({"engine": "litrt"}, "engine: unknown engine 'litrt'. Did you mean 'litert'?"),
        ({"models": {"a/b": {"source": "x"}}}, "model name 'a/b' is not valid. Use letters"),
        ({"models": {"": {"source": "x"}}}, "model name '' is not valid"),
        (ready("a b"), "variant name 'a b' is not valid"),
        (
            {"run": {"cluster": "somewhere"}},
            "run.cluster: 'somewhere' is not the address of a cluster. Write \"ray\"",
        ),
        ({"methods": ["int9"]}, "methods: unknown method 'int9'. Did you mean 'int8'?"),
        ({"methods": ["int8@x"]}, "methods: unknown engine 'x'. Valid: litert, tensorflow"),
        (
            {"methods": ["weight_only_int8@tensorflow"]},
            "methods: engine 'tensorflow' can't make the method 'weight_only_int8'. Engines that",
        ),
        ({"methods": ["int8", "int8"]}, "methods: a method is named twice"),
        (
            {"methods": ["int8", "int8@litert"]},
            "methods: 'int8' and 'int8@litert' are the same method, made by the same engine",
        ),
        (
            {"engine": "tensorflow", "methods": ["int8@tensorflow", "int8"]},
            "methods: 'int8@tensorflow' and 'int8' are the same method",
        ),
        (net(methods=["int8", "int8"]), "models.net.methods: a method is named twice"),
        (net(source=""), "models.net.source: '' names no file or folder"),
        (net(weights="random"), 'models.net: weights = "random" needs a declaration'),
        (
            net(preprocessing="keras-tr"),
            "models.net.preprocessing: unknown preprocessing 'keras-tr'. Did you mean 'keras-t",
        ),
        (
            net(classifier="int4", methods=["float16", "int8_per_tensor"]),
            "models.net.classifier: no method here can have the classifier 'int4'. Methods that",
        ),
        (
            net(classifier="dynamic", methods=["dynamic_range"]),
            "models.net.classifier: no method here can have the classifier 'dynamic'",
        ),
        (
            net(classifier="int4", methods=["int8@tensorflow"]),
            "models.net.methods: engine 'tensorflow' can't quantize a classifier differently.",
        ),
        (
            ready(method="float16", classifier="int4"),
            "variants.vendor.classifier: no method here can have the classifier 'int4'",
        ),
        (
            ready(classifier="int4"),
            "variants.vendor.classifier: no method here can have the classifier 'int4'",
        ),
        (
            ready(file=None, method="float16", classifier="int4"),
            "variants.vendor.classifier: no method here can have the classifier 'int4'",
        ),
        (
            ready(float_units=["block4a"]),
            "variants.vendor.float_units: the file is already made, so nothing can be changed",
        ),
        (ready(prune=0.2), "variants.vendor.prune: the file is already made, so nothing"),
        (
            ready(file=None, method="int8@tensorflow", prune=0.2),
            "variants.vendor.prune: the engine 'tensorflow' knows nothing of it. Write",
        ),
        (ready(fold_preprocessing=True), "variants.vendor.fold_preprocessing: the file is already"),
        (
            ready(file=None, method="int8@tensorflow", fold_preprocessing=True),
            "variants.vendor.fold_preprocessing: the engine 'tensorflow' knows nothing of it",
        ),
        (
            ready(file=None, method="float16", percentile=99),
            "variants.vendor.percentile: float16 has no ranges of activations",
        ),
        (
            ready(file=None, method="int8", percentile=20),
            "variants.vendor.percentile = 20",
        ),
        (ready(file=None, method="int8", prune=1.0), "variants.vendor.prune = 1.0"),
        (
            ready(file=None, method="int8", float_units=["a"], units={"a": "float16"}),
            "variants.vendor: 'a' is in `units` and in `float_units`. Keep one",
        ),
        (
            ready(file=None, method="int8@tensorflow", float_units=["a"]),
            "variants.vendor.method: single units of 'int8@tensorflow' can't be quantized differ",
        ),
        (
            ready(file=None, method="int8", units={"a": "int16x8"}),
            "variants.vendor.method: 8-bit and 16-bit activations can't be mixed",
        ),
        (ready(preprocessing="x"), "variants.vendor.preprocessing: unknown preprocessing 'x'"),
        (ready(model="nett"), "variants.vendor: unknown model 'nett'. Did you mean 'net'?"),
        (ready(method="int9"), "variants.vendor: unknown method 'int9'. Did you mean 'int8'?"),
        (
            ready(file=None),
            "variants.vendor: names neither a file nor a method that makes one. Add file",
        ),
        (
            ready(file=None, method="int8@x"),
            "variants.vendor.method: unknown engine 'x'. Valid: litert, tensorflow",
        ),
        (
            ready(file=None, method="int8", labels="imagenet"),
            "variants.vendor.labels: a variant that edgeq makes has its baseline's. Remove",
        ),
        (
            ready(file=None, method="int8", input_size=[4, 4]),
            "variants.vendor.input_size: a variant that edgeq makes has its baseline's. Remove",
        ),
        (
            ready(evaluation="camera"),
            (
                "variants.vendor.evaluation: 'net' has no evaluation set to pair these samples "
                "with. Set `evaluation` in [images]"
            ),
        ),
        (ready(evaluation=""), "variants.vendor.evaluation: '' names no file or folder"),
        (ready(file=" "), "variants.vendor.file: ' ' names no file or folder"),
        (ready("baseline"), "variants.baseline: the name 'baseline' is taken. Give"),
        (ready("int8"), "variants.int8: the name 'int8' is taken by a method"),
        ({"allow_missing": ["acuracy_drop"]}, "allow_missing: unknown gate 'acuracy_drop'. Did"),
        ({"images": {"labels": "a\0b"}}, "images.labels: 'a\\x00b' names no file or folder"),
        (net(images={"evaluation": ""}), "models.net.images.evaluation: '' names no file"),
        (
            net(source="~nobody-of-that-name/net.tflite"),
            "models.net.source: '~nobody-of-that-name/net.tflite' refers to the home folder of an",
        ),
        ({"store": ""}, "store: '' names no file or folder"),
        ({"store": "."}, "store: '.' is the folder of the spec itself"),
        ({"reports": "a/.."}, "reports: 'a/..' is the folder of the spec itself"),
        (
            {"gates": {"int9": {}}},
            "gates.int9: unknown method or variant 'int9'. Did you mean 'int8'?",
        ),
        (
            {"gates": {"int16x8": {"max_bytes": 1}}},
            "gates.int16x8: limits are set for 'int16x8', which no model uses. Add it to methods",
        ),
        ({"gates": {"int9": {"max_bytes": False}}}, "gates.int9: unknown method or variant"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_key(changes: Any, said: str) -> None:
    assert refusal(**changes).startswith(said)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python finds its loop when it is used")
def test_a_folder_that_links_to_itself_is_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert refusal(store=str(loop)).startswith(f"store: '{loop}' is a symbolic link that leads to")


@pytest.mark.parametrize("name", ["float16", "float16@litert"])
def test_the_name_of_another_models_method_is_taken_too(name: str) -> None:
    changes = {**two(methods=["float16@litert"]), "methods": ["int8"], **ready(name)}
    assert "is taken by a method" in refusal(**changes)


def test_the_name_of_a_method_that_nobody_uses_is_free() -> None:
    found = spec(methods=[], **ready("int8", method="int8"), gates={"int8": {"max_bytes": 9}})
    assert found.gates.by_method == {"int8": {"max_bytes": 9.0}}


def test_limits_may_be_set_for_what_a_ready_made_variant_claims() -> None:
    found = spec(methods=[], **ready(method="int16x8"), gates={"int16x8": {"max_bytes": 9}})
    assert found.gates.by_method == {"int16x8": {"max_bytes": 9.0}}


def test_limits_may_be_set_by_method_engine_and_variant() -> None:
    names = ["int8", "int8@tensorflow", "vendor"]
    gates = {name: {"max_bytes": 9} for name in names}
    assert list(spec(methods=["int8@tensorflow"], **ready(), gates=gates).gates.by_method) == names


def test_a_model_without_methods_uses_none() -> None:
    changes = {**net(methods=[]), **ready(), "methods": ["int8"]}
    said = refusal(**changes, gates={"int8": {"max_bytes": 9}})
    assert said.startswith("gates.int8: limits are set for 'int8', which no model uses")


@pytest.mark.parametrize("scope", ["", "int8"])
def test_a_gate_can_not_be_off_and_have_a_limit(scope: str) -> None:
    gates = Gates(
        every={"max_bytes": 1.0},
        by_method={"int8": {"max_bytes": 1.0}},
        off={scope: ("max_bytes",)},
    )
    contradicting = msgspec.structs.replace(spec(), gates=gates)
    with pytest.raises(SpecError, match="max_bytes is switched off and has a limit"):
        check(contradicting)


def test_random_weights_may_be_declared() -> None:
    assert spec(**net(weights="random", allow_random_weights=True)).models["net"].seed == 0


def test_the_home_folder_may_be_named() -> None:
    assert spec(store="~/store").path("~/store") == Path.home() / "store"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"samples": "x.npy", "images": {"evaluation": "photos"}}, "`images` is about photographs"),
        ({"samples": "x.npy", "preprocessing": "unit"}, "`preprocessing` is about photographs"),
        ({"samples": "x.npy", "input_size": [4, 4]}, "`input_size` is about photographs"),
        ({"samples": " "}, "names no file"),
        ({"samples": {"scale": 0.0}}, "samples.scale = 0.0 is outside its range"),
        ({"samples": {"zero_point": 2**20}}, "samples.zero_point = 1048576 is outside its range"),
        ({"samples": {"max_evaluation": 0}}, "samples.max_evaluation = 0 is outside"),
        ({"samples": {"evaluate": "x.npy"}}, "unknown key 'evaluate'"),
    ],
)
def test_arrays_that_contradict_the_rest_are_refused(keys: dict[str, Any], problem: str) -> None:
    assert problem in refusal(**net(**keys))


@pytest.mark.parametrize("train", ["", " ", "module", "module:", ":function", "a:b:c", "module: "])
def test_a_training_function_has_the_form_of_one(train: str) -> None:
    assert refusal(**net(), repair={"train": train}).endswith(
        f"repair.train: {train!r} names no function. Write package.module:function, "
        "importable from the spec's folder"
    )
    assert spec(**net(), repair={"train": "package.module:function"}).repairing.train


def test_arrays_are_the_models_own() -> None:
    read = spec(images={"evaluation": "photos"}, **net(samples="x.npy"))
    assert read.images_of("net", "evaluation") == "x.npy"
    assert read.images_of("net", "calibration") is None
    ready = {"theirs": {"model": "net", "file": "a.tflite", "preprocessing": "unit"}}
    assert "`preprocessing` is about photographs" in refusal(**net(samples="x.npy"), variants=ready)


@pytest.mark.parametrize(
    "gates",
    [
        {"accuracy_drop": -0.05, "top1_agreement": 0.97},
        {"accuracy_drop": -0.05, "int8": {"top1_agreement": 1.0}},
        {"int8": {"accuracy_drop": -0.2}},  # beside the default agreement
    ],
)
def test_an_accuracy_that_rises_by_more_than_answers_may_change(gates: dict[str, object]) -> None:
    said = refusal(methods=["int8"], gates=gates)
    assert said.startswith("gates: accuracy_drop = -")
    assert "contradict each other for 'int8': accuracy must rise by" in said
    assert said.endswith("Loosen one of them")


@pytest.mark.parametrize(
    "gates",
    [
        {"accuracy_drop": -0.05, "top1_agreement": 0.95},
        {"accuracy_drop": 0.0, "top1_agreement": 1.0},
        {"accuracy_drop": -0.5, "top1_agreement": False},
        {"max_bytes": 1, "size_reduction": -3, "latency_ratio": 9, "max_latency_ms": 1},
    ],
)
def test_what_a_variant_can_keep_is_accepted(gates: dict[str, object]) -> None:
    assert spec(methods=["int8"], gates=gates).methods == ("int8",)


def load(models: list[str], variants: dict[str, str], **keys: Any) -> None:
    table = {
        "models": {name: {"source": "net.tflite"} for name in models},
        "variants": {
            name: {"model": model, "file": "v.tflite"} for name, model in variants.items()
        },
        "methods": [],
    }
    parse(table | keys, root=Path(), origin=Path("edgeq.toml"))


@pytest.mark.parametrize(
    ("models", "variants", "said"),
    [
        (
            ["tiny", "tiny-a"],
            {"a-b": "tiny", "b": "tiny-a"},
            "tiny/a-b and tiny-a/b .*ids of tests",
        ),
        (["tiny", "TINY"], {}, "the model 'tiny' and the model 'TINY' .*in files"),
        (["tiny"], {"vendor": "tiny", "Vendor": "tiny"}, "'vendor' and the variant 'Vendor'"),
        (["n" * 101], {}, "101 characters"),
        (["con"], {}, "not a valid file name"),
        (["tiny"], {"nul.txt": "tiny"}, "not a valid file name"),
        (["tiny."], {}, "not a valid file name"),
    ],
)
def test_names_that_would_be_one_are_refused(
    models: list[str], variants: dict[str, str], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        load(models, variants)


def test_a_variant_can_not_be_called_like_a_method_in_capitals() -> None:
    with pytest.raises(SpecError, match="'int8' and the variant 'INT8'"):
        load(["tiny"], {"INT8": "tiny"}, methods=["int8"])


def test_names_that_stay_apart_are_taken() -> None:
    load(["tiny", "tiny-a", "console"], {"b": "tiny", "c": "tiny-a", "n" * 100: "console"})
