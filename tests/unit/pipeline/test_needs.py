from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.config.presets import DATA_VARIABLE, built_in
from edgeq.config.structs import Spec
from edgeq.pipeline.needs import external_inputs
from tests.unit.pipeline.project import spec

WEIGHTS = "efficientnetv2-b0.weights.h5"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv(DATA_VARIABLE, str(folder))
    return folder


def put_weights(data: Path) -> None:
    (data / "weights").mkdir()
    (data / "weights" / WEIGHTS).write_bytes(b"weights")


def with_weights(root: Path, weights: str) -> Spec:
    model = {"source": "keras:EfficientNetV2B0", "weights": weights, "allow_random_weights": True}
    return spec(root, model, images={"calibration": "c", "evaluation": "e"})


def test_photographs_and_weights_are_named_and_the_folder_is_not(
    tmp_path: Path, data: Path
) -> None:
    put_weights(data)
    (data / "imagenet").mkdir()
    found = external_inputs(built_in(tmp_path))
    assert found == ("the photographs of data:imagenet", "the weights of efficientnetv2-b0")


def test_a_models_own_photographs_count(tmp_path: Path) -> None:
    told = spec(tmp_path, {"images": {"evaluation": "data:birds"}})
    assert external_inputs(told) == ("the photographs of data:birds",)


def test_nothing_is_needed_where_nothing_is_taken(tmp_path: Path) -> None:
    assert external_inputs(spec(tmp_path)) == ()
    assert external_inputs(built_in(tmp_path)) == ()


@pytest.mark.parametrize(("weights", "needed"), [("imagenet", 1), ("random", 0), ("own.h5", 0)])
def test_weights_of_the_specs_own_need_no_folder(
    tmp_path: Path, data: Path, weights: str, needed: int
) -> None:
    put_weights(data)
    assert len(external_inputs(with_weights(tmp_path, weights))) == needed
