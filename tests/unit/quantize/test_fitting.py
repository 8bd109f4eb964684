from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.config.methods import MethodChoice
from edgeq.quantize.fitting import fitted, folded_model, pruned
from edgeq.quantize.make import make_variant
from edgeq.quantize.recipes import LITERT, MIN_WEIGHTS, TENSORFLOW, LitertRecipe
from edgeq.store.content import Store
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import read_model
from tests.unit.quantize.network import float_model, network
from tests.unit.tflite.test_entry import BEFORE, IMAGE, net
from tests.unit.tiny_model import Op, Tensor, build


def dense(outputs: int) -> bytes:
    weights = np.ones((outputs, 3), np.float32)
    tensors = [Tensor("x", (1, 3)), Tensor("w", weights.shape, data=weights)]
    tensors.append(Tensor("y", (1, outputs)))
    return build(tensors, [Op("FULLY_CONNECTED", ("x", "w"), ("y",))], ["x"], ["y"])


def least_of(recipe: object) -> set[int]:
    assert isinstance(recipe, LitertRecipe)
    return {step.op_config.min_weight_elements for step in recipe.steps}


def test_small_weights_are_quantized_if_there_are_no_others(tmp_path: Path) -> None:
    small, large = float_model(tmp_path, dense(341)), LITERT["dynamic_range"]
    assert least_of(fitted(large, small)) == {0}
    assert least_of(fitted(large, float_model(tmp_path, dense(342)))) == {MIN_WEIGHTS}


def test_other_recipes_stay_as_they_are(tmp_path: Path) -> None:
    model = float_model(tmp_path, dense(8))
    for recipe in (LITERT["int8"], TENSORFLOW["dynamic_range"]):
        assert fitted(recipe, model) is recipe


def test_a_variant_is_made_of_the_folded_model_and_says_so(tmp_path: Path) -> None:
    model, store = float_model(tmp_path, net(*BEFORE)), Store(tmp_path / "store")
    choice = MethodChoice("folded", "float16", "litert", fold_preprocessing=True)
    variant = make_variant(choice, model, None, store)
    assert [op.name for op in read_model(variant.path).operators if op.name in {"MUL", "SUB"}] == []
    assert variant.manifest.fold_preprocessing
    assert variant.manifest.float_model is not None
    assert variant.manifest.float_model.sha256 == model.sha256
    plain = make_variant(MethodChoice("float16", "float16", "litert"), model, None, store)
    assert plain.sha256 != variant.sha256
    assert not plain.manifest.fold_preprocessing


def test_a_folded_model_is_kept_in_the_store(tmp_path: Path) -> None:
    model, store = float_model(tmp_path, net(*BEFORE)), Store(tmp_path / "store")
    first, again = folded_model(model, store), folded_model(model, store)
    assert first == again
    assert first.sha256 != model.sha256
    assert len(list((tmp_path / "store" / "folded").iterdir())) == 1
    assert (np.array(IMAGE) == read_model(first.path).tensors[0].shape).all()


WEIGHTS = ("conv_weights", "depthwise_weights", "dense_weights")


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_smallest_weights_of_every_layer_become_zero(tmp_path: Path, share: float) -> None:
    path, other = tmp_path / "a.tflite", tmp_path / "b.tflite"
    path.write_bytes(network())
    other.write_bytes(pruned(network(), path, share))
    before, after = read_model(path), read_model(other)
    assert after.bytes == before.bytes
    for ours, theirs in zip(before.tensors, after.tensors, strict=True):
        if not ours.data_bytes:
            continue
        first, second = Constants(before).stored(ours), Constants(after).stored(theirs)
        if ours.name not in WEIGHTS:
            assert np.array_equal(first, second)
            continue
        zeros = second == 0
        assert zeros.sum() == int(share * first.size)
        assert np.array_equal(first[~zeros], second[~zeros])
        assert np.abs(first[zeros]).max() <= np.abs(first[~zeros]).min()
