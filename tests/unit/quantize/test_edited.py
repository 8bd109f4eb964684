from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.config.methods import MethodChoice
from edgeq.quantize.edited import folded_model, pruned
from edgeq.quantize.make import make_variant
from edgeq.store.content import Store
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import read_model
from tests.unit.quantize.network import float_model, network
from tests.unit.tflite.test_entry import BEFORE, IMAGE, net


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
