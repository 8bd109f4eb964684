from __future__ import annotations

from pathlib import Path

from tests.unit.config.writing import ROOT, spec


def test_paths_start_from_the_spec() -> None:
    found = spec()
    assert found.path("data") == ROOT / "data"
    assert found.path("/data") == Path("/data")
    assert found.path("~/data") == Path.home() / "data"


def test_a_models_own_methods_replace_the_specs() -> None:
    models = {
        "a": {"source": "x"},
        "b": {"source": "x", "methods": ["float16"]},
        "c": {"source": "x", "methods": []},
    }
    found = spec(models=models, methods=["int8"])
    assert [found.methods_of(name) for name in "abc"] == [("int8",), ("float16",), ()]
