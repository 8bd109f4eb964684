"""A model as objects, and objects as a file again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ModelError
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import read_model
from edgeq.tflite.packing import DATA_ALIGNMENT, packed, unpacked
from tests.unit.quantize.network import network

NET = Path("net.tflite")


def test_what_is_packed_again_is_the_same_model(tmp_path: Path) -> None:
    first, second = tmp_path / "first.tflite", tmp_path / "second.tflite"
    first.write_bytes(network())
    second.write_bytes(packed(unpacked(bytearray(network()), NET)))
    before, after = read_model(first), read_model(second)
    assert before.operators == after.operators
    for one, other in zip(before.tensors, after.tensors, strict=True):
        assert (one.name, one.shape, one.dtype) == (other.name, other.shape, other.dtype)
        if one.data_bytes:
            stored = (Constants(before).stored(one), Constants(after).stored(other))
            np.testing.assert_array_equal(*stored)


def test_stored_data_starts_where_the_schema_wants_it() -> None:
    content = network()
    again = packed(unpacked(bytearray(content), NET))
    for buffer in unpacked(bytearray(again), NET).buffers:
        if buffer.data is not None:
            assert again.find(buffer.data.tobytes()) % DATA_ALIGNMENT == 0


def test_a_damaged_file_is_refused() -> None:
    with pytest.raises(ModelError):
        unpacked(bytearray(network()[:2000]), NET)
