from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.config.structs import Preprocessing
from edgeq.measure.first_values import FirstValues, first_values, same_first_values
from edgeq.tflite.model_file import ModelFile, read_model
from tests.unit.tiny_model import classifier

PIXELS = Preprocessing()
UNIT = Preprocessing(std=(255.0, 255.0, 255.0))


def written(folder: Path, divided: float | None = None) -> ModelFile:
    path = folder / f"{divided}.tflite"
    path.write_bytes(classifier(divided=divided))
    return read_model(path)


def test_a_file_that_undoes_what_is_declared_gets_the_same(tmp_path: Path) -> None:
    plain, scaled = written(tmp_path), written(tmp_path, 255.0)
    wanted = first_values(plain, PIXELS)
    assert wanted.ends.tolist() == [[0] * 3, [255] * 3]
    assert same_first_values(first_values(scaled, UNIT), wanted)
    assert not same_first_values(first_values(scaled, PIXELS), wanted)
    assert not same_first_values(first_values(plain, UNIT), wanted)


def test_channels_are_looked_at_one_by_one_in_rgb_order(tmp_path: Path) -> None:
    plain = written(tmp_path)
    rgb = Preprocessing(mean=(10.0, 20.0, 30.0))
    bgr = Preprocessing(mean=(10.0, 20.0, 30.0), channels="bgr")
    assert first_values(plain, rgb).ends.tolist() == first_values(plain, bgr).ends.tolist()
    swapped = Preprocessing(mean=(30.0, 20.0, 10.0))
    assert not same_first_values(first_values(plain, rgb), first_values(plain, swapped))


@pytest.mark.parametrize(
    ("mean", "rounded", "same"),
    [
        (127.5, False, True),
        (127.4, False, True),
        (127.0, False, False),
        (127.0, True, True),
        (126.0, True, False),
    ],
)
def test_half_a_step_is_a_difference_if_constants_can_tell(
    mean: float, *, rounded: bool, same: bool
) -> None:
    ends = np.array([[0.0] * 3, [255.0] * 3])
    one = FirstValues((ends - 127.5) / 127.5)
    other = FirstValues((ends - mean) / 127.5, rounded=rounded)
    assert same_first_values(one, other) is same
    assert same_first_values(other, one) is same
