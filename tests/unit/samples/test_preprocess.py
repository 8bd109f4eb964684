"""From pixels to input, and the presets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import Channels, Preprocessing
from edgeq.samples.preprocess import to_input, to_inputs

pixel_arrays = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 4), st.just(3)),
)
means = st.tuples(*[st.floats(0, 255, width=32)] * 3)
stds = st.tuples(*[st.floats(0.5, 255, width=32)] * 3)


Triple = tuple[float, float, float]

# What a black and a white pixel become.
ENDS: list[tuple[str, list[float], list[float]]] = [
    ("efficientnet-lite", [-127 / 128] * 3, [1.0] * 3),
    ("keras-0-255", [0.0] * 3, [255.0] * 3),
    ("keras-tf", [-1.0] * 3, [1.0] * 3),
    (
        "keras-torch",
        [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
        [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225],
    ),
    (
        "keras-caffe",
        [-103.939, -116.779, -123.68],
        [255 - 103.939, 255 - 116.779, 255 - 123.68],
    ),
    ("unit", [0.0] * 3, [1.0] * 3),
    ("yolo", [0.0] * 3, [1.0] * 3),
    ("fastestdet", [0.0] * 3, [1.0] * 3),
    ("ultraface", [-127 / 128] * 3, [1.0] * 3),
    ("mediapipe", [-1.0] * 3, [1.0] * 3),
]


@given(pixel_arrays, means, stds, st.sampled_from(["rgb", "bgr"]))
def test_every_channel_is_normalised_and_can_be_taken_back(
    pixels: npt.NDArray[np.uint8], mean: Triple, std: Triple, channels: Channels
) -> None:
    preprocessing = Preprocessing(mean=mean, std=std, channels=channels)

    values = to_input(pixels, preprocessing)

    assert values.shape == pixels.shape
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    rgb = values[..., ::-1] if channels == "bgr" else values
    back = rgb.astype(np.float64) * np.array(std) + np.array(mean)
    assert np.allclose(back, pixels, atol=1e-3)


def test_one_picture_without_a_batch_axis() -> None:
    assert to_input(np.zeros((2, 3, 3), np.uint8), Preprocessing()).shape == (2, 3, 3)


@pytest.mark.parametrize(("name", "black", "white"), ENDS)
def test_presets_map_black_and_white_as_their_families_do(
    name: str, black: list[float], white: list[float]
) -> None:
    preset = PREPROCESSING.get(name)
    ends = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)

    values = to_input(ends, preset)

    assert np.allclose(values[0], [black, white], atol=1e-4)


def test_every_preset_is_tested_above() -> None:
    assert {name for name, _, _ in ENDS} == set(PREPROCESSING.names())


def test_rows_are_cut_into_the_inputs_and_pixels_are_the_only_one() -> None:
    row = np.arange(7, dtype=np.float32)
    first, second = to_inputs(row, Preprocessing(), [(1, 2, 2), (1, 3)])
    assert first.tolist() == [[[0, 1], [2, 3]]]
    assert second.tolist() == [[4, 5, 6]]
    (image,) = to_inputs(np.full((2, 2, 3), 7, np.uint8), Preprocessing(), [(1, 2, 2, 3)])
    assert (image.shape, image.dtype.name) == ((1, 2, 2, 3), "float32")


def test_one_channel_gets_the_luma_that_pillow_gives() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    luma = np.asarray(Image.fromarray(pixels).convert("L"), np.float32)
    how = Preprocessing(mean=(127.5,) * 3, std=(127.5,) * 3, channels="bgr")
    (image,) = to_inputs(pixels, how, [(1, 40, 50, 1)])
    assert np.array_equal(image, (luma[np.newaxis, ..., np.newaxis] - 127.5) / 127.5)


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_first_and_a_batch_are_filled(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 5, 3), np.uint8)
    (last,) = to_inputs(pixels, Preprocessing(), [(1, 4, 5, channels)])
    (first,) = to_inputs(pixels, Preprocessing(), [(2, channels, 4, 5)])
    assert np.array_equal(first, np.repeat(last.transpose(0, 3, 1, 2), 2, axis=0))
