from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.config.presets import PREPROCESSING
from edgeq.run.worker import quantize
from edgeq.tflite.image_input import (
    GREY,
    RGB,
    ImageInput,
    holds_pixels,
    image_input,
    image_size,
    unchanged_note,
    unchanged_pixels,
)
from edgeq.tflite.model_file import Tensor, read_model
from tests.unit.tiny_model import Tensor as Given
from tests.unit.tiny_model import classifier

Shape = tuple[int | None, ...]


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ((1, 8, 6, 3), ImageInput(8, 6, RGB, channels_first=False)),
        ((4, 8, 6, 1), ImageInput(8, 6, GREY, channels_first=False)),
        ((1, 3, 8, 6), ImageInput(8, 6, RGB, channels_first=True)),
        ((1, 1, 8, 6), ImageInput(8, 6, GREY, channels_first=True)),
        ((1, 3, 8, 3), ImageInput(3, 8, RGB, channels_first=False)),
        ((None, None, 6, 3), ImageInput(0, 6, RGB, channels_first=False)),
        ((-1, 8, -1, -1), ImageInput(8, 0, RGB, channels_first=False)),
        ((1, 8, 6, 2), None),
        ((1, 6, 8, 6), None),
        ((1, 8, 6), None),
        ((), None),
    ],
)
def test_the_channels_are_found(shape: Shape, image: ImageInput | None) -> None:
    assert image_input(shape) == image


def test_an_image_has_the_sides_of_its_input() -> None:
    for shape in ((1, 8, 6, 3), (1, 1, 8, 6)):
        image = image_input(shape)
        assert image is not None
        assert image.sides == shape[1:]
        assert image_size(shape) == (8, 6)
    assert image_size((1, 10)) == (0, 0)


def entry(tmp_path: Path, dtype: str, scale: float = 0.0, zero_point: int = 0) -> Tensor:
    """Return the first input of a file, with a scale if it is not 0."""
    scales = ((scale,), (zero_point,)) if scale else ((), ())
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier(entry=Given("pixels", (1, 4, 4, 3), dtype, None, *scales)))
    model = read_model(path)
    return model.tensors[model.inputs[0]]


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "less"),
    [
        ("uint8", 0, 0, 0),
        ("int32", 0, 0, 0),
        ("int8", 0, 0, 128),
        ("uint8", 1 / 127.5, 127, 0),
        ("uint8", 0.0186584, 114, 0),
    ],
)
def test_pixels_are_stored_as_they_are(
    tmp_path: Path, dtype: str, scale: float, zero_point: int, less: int
) -> None:
    given = entry(tmp_path, dtype, scale, zero_point)
    unchanged = unchanged_pixels(given)
    assert unchanged is not None
    mean, std = unchanged
    pixels = np.arange(256)
    stored = quantize((pixels - mean) / std, dtype, scale, zero_point)
    assert (stored.astype(int) == pixels - less).all()
    assert holds_pixels(given, (mean,) * 3, (std,) * 3)
    assert ("less 128" in unchanged_note(given)) == (dtype == "int8")


def test_a_signed_scale_beside_the_same_integers_without_one_stands_for_them(
    tmp_path: Path,
) -> None:
    bare, scaled = entry(tmp_path, "int8"), entry(tmp_path, "int8", 1.0, -128)
    assert unchanged_pixels(bare) == (128, 1)
    assert unchanged_pixels(scaled, bare) == (0, 1)
    assert unchanged_pixels(scaled, entry(tmp_path, "uint8")) is None
    assert unchanged_pixels(scaled, scaled) is None


def test_a_signed_scale_does_not_say_what_pixels_become(tmp_path: Path) -> None:
    assert unchanged_pixels(entry(tmp_path, "int8", 1 / 127.5, 0)) is None
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier())
    model = read_model(path)
    assert unchanged_pixels(model.tensors[model.inputs[0]]) is None


@pytest.mark.parametrize(
    ("dtype", "scale", "preset", "holds"),
    [
        ("uint8", 0, "keras-0-255", True),
        ("uint8", 0, "keras-tf", False),
        ("uint8", 0, "unit", False),
        ("int8", 0, "keras-0-255", False),
        ("int32", 0, "keras-0-255", True),
        ("int8", 1 / 127.5, "keras-tf", True),
        ("int8", 1 / 127.5, "keras-0-255", False),
        ("int8", 0.0207, "keras-torch", True),
        ("float32", 0, "keras-tf", True),
    ],
)
def test_what_a_preprocessing_makes_of_pixels_must_fit_integers(
    tmp_path: Path, dtype: str, scale: float, preset: str, holds: bool
) -> None:
    how = PREPROCESSING.get(preset)
    assert holds_pixels(entry(tmp_path, dtype, scale, -11), how.mean, how.std) == holds
