from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from edgeq.config.tables import header, key_text
from tests.unit.config.writing import net, refusal, spec


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metods": []}, "unknown key 'metods'. Did you mean 'methods'? Valid: allow_missing, "),
        ({"gate": {}}, "unknown key 'gate'. Did you mean 'gates'?"),
        (net(wieghts="x"), "models.net: unknown key 'wieghts'. Did you mean 'weights'?"),
        (net(images={"eval": "x"}), "models.net.images: unknown key 'eval'."),
        (
            net(preprocessing={"means": [1, 1, 1]}),
            "models.net.preprocessing: unknown key 'means'. Did you mean 'mean'?",
        ),
        (
            {"variants": {"v": {"model": "net", "file": "v", "nme": 1}}},
            "variants.v: unknown key 'nme'",
        ),
        (
            {"variants": {"v": {"model": "net", "file": "v", "preprocessing": {"x": 1}}}},
            "variants.v.preprocessing: unknown key 'x'. Valid: channels, crop_fraction,",
        ),
        ({"run": {"thread": 1}}, "run: unknown key 'thread'. Did you mean 'threads'?"),
        ({"latency": {"round": 1}}, "latency: unknown key 'round'. Did you mean 'rounds'?"),
        ({"images": {"evaluations": "x"}}, "images: unknown key 'evaluations'. Did you mean"),
    ],
    ids=str,
)
def test_an_unknown_key_is_answered_with_the_one_meant(changes: Any, said: str) -> None:
    assert said in refusal(**changes)


@pytest.mark.parametrize("key", ["root", "origin"])
def test_what_is_no_key_of_a_file_is_unknown_there(key: str) -> None:
    said = refusal(**{key: "x"})
    assert said.startswith(f"unknown key {key!r}")
    assert " origin," not in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models": {"net": {"source": 3}}}, "models.net.source: expected a string, got a whole "),
        ({"models": {"a b": {"source": 3}}}, 'models."a b".source: expected a string'),
        ({"models": {"v2.0": {"source": 3}}}, 'models."v2.0".source: expected a string'),
        (net(seed="x"), "models.net.seed: expected a whole number, got a string"),
        (net(seed=1.5), "models.net.seed: expected a whole number, got a number"),
        (net(seed=True), "models.net.seed: expected a whole number, got true or false"),
        (net(labels=dt.date(2026, 1, 1)), "models.net.labels: expected a string, got a date"),
        (net(input_size=[4]), "models.net.input_size: expected a list of length 2, got 1"),
        (net(input_size=4), "models.net.input_size: expected a list, got a whole number"),
        (net(preprocessing=3), "models.net.preprocessing: expected a string or a table, got"),
        (
            net(preprocessing={"std": [1, 2, "x"]}),
            "models.net.preprocessing.std: expected a number, got a string (at [2])",
        ),
        ({"methods": "int8"}, "methods: expected a list, got a string"),
        ({"methods": ["int8", 8]}, "methods: expected a string, got a whole number (at [1])"),
        ({"engine": 1}, "engine: expected a string, got a whole number"),
        ({"default_gates": "no"}, "default_gates: expected true or false, got a string"),
        ({"confidence": 2**2000}, "confidence: number out of range"),
        ({"run": {"threads": []}}, "run.threads: expected a whole number, got a list"),
        (
            {"variants": {"v": {"model": 1, "file": "x"}}},
            "variants.v.model: expected a string, got a whole number",
        ),
    ],
    ids=str,
)
def test_a_wrong_type_is_named_with_its_real_key(changes: Any, said: str) -> None:
    assert refusal(**changes).startswith(said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models": 3}, "models: is not a table. Write [models.NAME]"),
        ({"models": {"net": "x"}}, "models.net: is not a table. Write [models.net]"),
        ({"models": {"a b": 1}}, 'models."a b": is not a table. Write [models."a b"]'),
        ({"variants": []}, "variants: is not a table. Write [variants.NAME]"),
        ({"images": "data"}, "images: is not a table. Write [images]"),
        (net(images="data"), "models.net.images: is not a table. Write [models.net.images]"),
        ({"run": [1]}, "run: is not a table. Write [run]"),
        ({"latency": 64}, "latency: is not a table. Write [latency]"),
    ],
    ids=str,
)
def test_a_table_is_asked_for_by_its_header(changes: Any, said: str) -> None:
    assert refusal(**changes) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inconclusive": "fial"}, "inconclusive: unknown value 'fial'. Did you mean 'fail'?"),
        (
            {"models": {"net": {"source": "a.tflite", "classifier": "int3"}}},
            "models.net.classifier: unknown value 'int3'. Did you mean 'int4'? Valid:",
        ),
        ({"run": {"kernels": "xnpack"}}, "run.kernels: unknown value 'xnpack'. Did you mean"),
        (
            net(preprocessing={"filter": "cubic"}),
            "models.net.preprocessing.filter: unknown value 'cubic'. Did you mean 'bicubic'? Valid",
        ),
        ({"inconclusive": 1}, "inconclusive: expected a string, got a whole number"),
    ],
    ids=str,
)
def test_one_of_a_few_values_is_suggested(changes: Any, said: str) -> None:
    assert refusal(**changes).startswith(said)


def test_a_key_that_must_be_there_is_missed() -> None:
    assert refusal(models={"net": {}}) == "models.net: source is missing. Add the key"
    said = refusal(variants={"v": {"file": "v.tflite"}})
    assert said == "variants.v: model is missing. Add the key"


def test_values_become_those_of_the_structs() -> None:
    found = spec(
        methods=["int8"],
        run={"threads": 2, "timeout_s": 3},
        **net(preprocessing={"std": [1, 2, 3]}, input_size=[4, 8]),
    )
    assert found.methods == ("int8",)
    assert found.models["net"].input_size == (4, 8)
    assert found.run.timeout_s == 3.0
    preprocessing = found.models["net"].preprocessing
    assert preprocessing is not None
    assert not isinstance(preprocessing, str)
    assert preprocessing.std == (1.0, 2.0, 3.0)


def test_a_header_is_that_of_its_file() -> None:
    assert header("a/pyproject.toml", "models", "b c") == '[tool.edgeq.models."b c"]'
    assert header("built-in", "run") == "[tool.edgeq.run]"
    assert header("a/edgeq.toml", "run") == header("other.toml", "run") == "[run]"


def test_a_key_is_one_line() -> None:
    assert key_text("models", "a\nb") == 'models."a b"'
