"""What a calibration set says about itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edgeq.config.methods import METHODS
from edgeq.config.structs import Preprocessing
from edgeq.errors import SpecError
from edgeq.quantize.litert_engine import LITERT_ENGINE
from edgeq.quantize.recipes import LITERT, TENSORFLOW
from edgeq.quantize.tensorflow_engine import TENSORFLOW_ENGINE
from edgeq.quantize.variant import CalibratedOn
from tests.unit.quantize.network import SIGNED_UNIT, calibration


def test_the_manifest_names_source_count_hashes_and_preprocessing(tmp_path: Path) -> None:
    one = calibration(tmp_path)
    assert one.manifest() == CalibratedOn(
        source="set",
        count=6,
        sha256=one.images.sha256,
        preprocessing=SIGNED_UNIT,
        calibration_sha256=one.sha256,
    )


def test_labels_names_and_places_do_not_enter_the_hash(tmp_path: Path) -> None:
    one = calibration(tmp_path)
    labelled = tuple(dataclasses.replace(p, label=3, name="other") for p in one.images.photos)
    images = dataclasses.replace(one.images, photos=labelled, source="other")
    assert dataclasses.replace(one, images=images).sha256 == one.sha256


def test_photographs_and_preprocessing_do(tmp_path: Path) -> None:
    one = calibration(tmp_path)
    others = [
        calibration(tmp_path, seed=1),
        calibration(tmp_path, count=5),
        dataclasses.replace(one, preprocessing=Preprocessing()),
        dataclasses.replace(one, pixels=dataclasses.replace(one.pixels, sha256="other decoder")),
    ]
    assert len({one.sha256, *(other.sha256 for other in others)}) == 5


def test_a_recipe_of_another_engine_is_refused() -> None:
    both = {"litert": TENSORFLOW["int8"], "tensorflow": LITERT["int8"]}
    method = dataclasses.replace(METHODS.get("int8"), name="own", recipes=both)
    for engine, kind in ((LITERT_ENGINE, "LitertRecipe"), (TENSORFLOW_ENGINE, "TensorflowRecipe")):
        with pytest.raises(SpecError, match="as its recipe for the engine") as caught:
            engine.recipe(method)
        assert caught.value.remedy == f"Give it an edgeq.{kind}"
