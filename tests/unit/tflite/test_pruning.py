from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import read_model
from edgeq.tflite.pruning import pruned
from tests.unit.quantize.network import network

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
