from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeq.config.methods import MethodChoice
from edgeq.quantize.edited import folded_model
from edgeq.quantize.make import make_variant
from edgeq.store.content import Store
from edgeq.tflite.model_file import read_model
from tests.unit.quantize.network import float_model
from tests.unit.tflite.test_folding import BEFORE, IMAGE, net


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
