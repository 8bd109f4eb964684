from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.config.structs import Preprocessing
from edgeq.measure.input_range import (
    FirstValues,
    InputFit,
    InputScale,
    array_fit,
    first_values,
    input_scales,
    same_first_values,
    steps_apart,
    value_ends,
    worst,
)
from edgeq.measure.input_range import input_fit as measured
from edgeq.measure.scales import fitting
from edgeq.samples.stream import Stream
from edgeq.tflite.model_file import ModelFile, read_model
from tests.unit.tiny_model import Op, Tensor, build, classifier

RAW = Preprocessing(mean=(0, 0, 0), std=(1, 1, 1))
SIGNED = Preprocessing(mean=(127.5,) * 3, std=(127.5,) * 3)


class Photographs:
    """Pixels in the place of a decoded set, and how often they were looked at."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape = pixels, pixels.shape
        self.looked = 0

    def every(self, step: int) -> np.ndarray:
        self.looked += 1
        return self.pixels[::step]


def input_fit(scale: InputScale, how: Preprocessing, pixels: np.ndarray) -> InputFit:
    return measured(scale, how, cast("Stream", Photographs(pixels)))


PHOTOS = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3), np.uint8)


def test_an_input_of_one_step_a_level_holds_everything() -> None:
    found = input_fit(InputScale("int8", 1.0, -128), RAW, PHOTOS)
    assert found.range == (0, 255)
    assert found.fed == (0, 255)
    assert (found.steps, found.clipped, found.far, found.clipped_images) == (256, 0, 0, 0)


@pytest.mark.parametrize(("scale", "steps"), [(1 / 255, 2), (2 / 255, 2)])
def test_an_input_made_for_another_range_clips_nearly_all(scale: float, steps: int) -> None:
    found = input_fit(InputScale("int8", scale, -128), RAW, PHOTOS)
    assert found.steps <= steps + 1
    assert found.clipped > 0.95
    assert found.far > 0.8
    assert found.clipped_images == len(PHOTOS)


def test_an_input_too_wide_uses_few_steps_and_clips_nothing() -> None:
    found = input_fit(InputScale("int8", 1.0, -128), SIGNED, PHOTOS)
    assert found.steps <= 4
    halves = input_fit(InputScale("int8", 2 / 255, 0), SIGNED, PHOTOS)
    assert 128 <= halves.steps <= 130  # every level lies between two steps, and halves go to even


def test_shares_are_those_of_the_values_looked_at() -> None:
    dark = np.zeros((4, 2, 2, 3), np.uint8)
    dark[0, 0, 0] = 250
    found = input_fit(InputScale("uint8", 0.5, 0), RAW, dark)
    assert found.range == (0, 127.5)
    assert found.clipped == pytest.approx(3 / dark.size)
    assert found.far == found.clipped
    assert (found.clipped_images, found.images) == (1, 4)


def test_photographs_are_looked_at_only_where_something_can_be_clipped() -> None:
    photographs = Photographs(PHOTOS)
    measured(InputScale("int8", 1.0, -128), RAW, cast("Stream", photographs))
    assert photographs.looked == 0
    measured(InputScale("int8", 0.5, -128), RAW, cast("Stream", photographs))
    assert photographs.looked == 1


@pytest.mark.parametrize(
    ("scale", "how", "filled"),
    [
        (InputScale("int8", 1.0, -128), RAW, 1.0),
        (InputScale("int8", 2 / 255, -1), SIGNED, 1.0),
        (InputScale("int8", 2 / 255, -1), Preprocessing(std=(255,) * 3), 0.5),
        (InputScale("int16", 255 / 32767, 0), RAW, 1.0),
        (InputScale("uint8", 1 / 255, 0), SIGNED, 1.0),
        (InputScale("int8", 1.0, -128), Preprocessing(mean=(-100,) * 3, std=(2,) * 3), 0.7),
        (InputScale("int8", 1.0, 127), RAW, 0.0),
    ],
    ids=["raw", "signed", "0..1 of -1..1", "symmetric", "unsigned", "widened to 0", "other side"],
)
def test_how_much_of_the_range_pixels_can_account_for(
    scale: InputScale, how: Preprocessing, filled: float
) -> None:
    assert input_fit(scale, how, PHOTOS).filled == pytest.approx(filled, abs=0.01)


def test_little_is_not_far() -> None:
    found = input_fit(InputScale("uint8", 240 / 255, 0), RAW, np.full((1, 2, 2, 3), 250, np.uint8))
    assert (found.clipped, found.far) == (1.0, 0.0)


def test_large_sets_are_looked_at_evenly() -> None:
    many = np.full((401, 1, 1, 3), 255, np.uint8)
    found = input_fit(InputScale("uint8", 0.5, 0), RAW, many)
    assert found.images == 134
    assert found.clipped == 1.0


def scales_of(content: bytes, tmp_path: Path) -> tuple[InputScale, ...]:
    (tmp_path / "net.tflite").write_bytes(content)
    return input_scales(read_model(tmp_path / "net.tflite"))


def test_the_scale_is_the_inputs_own_or_that_of_quantize(tmp_path: Path) -> None:
    assert scales_of(classifier(io="int8"), tmp_path) == (InputScale("int8", 1.0, -128),)
    assert scales_of(classifier(), tmp_path) == ()
    shape = (1, 4, 4, 3)
    tensors = [
        Tensor("image", shape),
        Tensor("inside", shape, "int8", None, (0.5,), (3,)),
        Tensor("result", shape),
    ]
    ops = [Op("QUANTIZE", ("image",), ("inside",)), Op("DEQUANTIZE", ("inside",), ("result",))]
    found = scales_of(build(tensors, ops, ["image"], ["result"]), tmp_path)
    assert found == (InputScale("int8", 0.5, 3),)


def test_pixels_that_become_real_numbers_first_are_stored_by_the_quantize(tmp_path: Path) -> None:
    shape = (1, 4, 4, 3)
    tensors = [
        Tensor("image", shape, "int32"),
        Tensor("real", shape),
        Tensor("inside", shape, "int8", None, (0.5,), (3,)),
        Tensor("result", shape),
    ]
    ops = [
        Op("CAST", ("image",), ("real",)),
        Op("QUANTIZE", ("real",), ("inside",)),
        Op("DEQUANTIZE", ("inside",), ("result",)),
    ]
    found = scales_of(build(tensors, ops, ["image"], ["result"]), tmp_path)
    assert found == (InputScale("int8", 0.5, 3),)


def test_bytes_that_are_quantized_again_must_keep_their_range(tmp_path: Path) -> None:
    """TensorFlow writes uint8 inputs so: a QUANTIZE to int8, whose zero point may be off."""
    shape = (1, 4, 4, 3)
    tensors = [
        Tensor("image", shape, "uint8", None, (1.0,), (0,)),
        Tensor("inside", shape, "int8", None, (1.0,), (-118,)),
        Tensor("result", shape),
    ]
    ops = [Op("QUANTIZE", ("image",), ("inside",)), Op("DEQUANTIZE", ("inside",), ("result",))]
    scales = scales_of(build(tensors, ops, ["image"], ["result"]), tmp_path)
    assert scales == (InputScale("uint8", 1.0, 0), InputScale("int8", 1.0, -118))
    fits = [input_fit(scale, RAW, PHOTOS) for scale in scales]
    chosen = worst(fits)
    assert chosen is fits[1]
    assert chosen.spare == pytest.approx((10, -10))


def test_steps_that_are_cast_are_not_what_they_stand_for(tmp_path: Path) -> None:
    shape = (1, 4, 4, 3)
    tensors = [
        Tensor("image", shape, "uint8", None, (0.5,), (0,)),
        Tensor("real", shape),
        Tensor("inside", shape, "int8", None, (1.0,), (-128,)),
        Tensor("result", shape),
    ]
    ops = [
        Op("CAST", ("image",), ("real",)),
        Op("QUANTIZE", ("real",), ("inside",)),
        Op("DEQUANTIZE", ("inside",), ("result",)),
    ]
    scales = scales_of(build(tensors, ops, ["image"], ["result"]), tmp_path)
    assert scales == (InputScale("uint8", 0.5, 0),)


def test_each_of_several_inputs_has_its_own_range(tmp_path: Path) -> None:
    tensors = [
        Tensor("real", (1, 2)),
        Tensor("wide", (1, 3), "int8", None, (0.1,), (0,)),
        Tensor("narrow", (1, 2), "int8", None, (0.01,), (0,)),
        Tensor("result", (1, 2)),
    ]
    ops = [Op("DEQUANTIZE", ("narrow",), ("result",))]
    content = build(tensors, ops, ["real", "wide", "narrow"], ["result"])
    wide, narrow = scales_of(content, tmp_path)
    assert (wide.name, wide.columns) == ("wide", (2, 5))
    assert (narrow.name, narrow.columns) == ("narrow", (5, 7))
    rows = np.zeros((4, 7), np.float32)
    rows[:, 2:5], rows[:, 5:] = 5, 2.54
    fits = [array_fit(each, cast("Stream", Photographs(rows)), (0, 9)) for each in (wide, narrow)]
    assert [fit.fed for fit in fits] == [(5, 5), (pytest.approx(2.54), pytest.approx(2.54))]
    assert [fit.clipped for fit in fits] == [0, 1]
    assert [fit.calibrated for fit in fits] == [None, None]
    assert worst(fits) is fits[1]
    assert worst(()) is None


means = st.tuples(*[st.floats(-10, 260)] * 3)
deviations = st.tuples(*[st.floats(0.5, 300)] * 3)
types = st.sampled_from(["int8", "uint8", "int16"])


@given(means, deviations, types)
def test_calibration_on_all_pixels_spares_half_a_step_at_most(
    mean: tuple[float, float, float], std: tuple[float, float, float], dtype: str
) -> None:
    how = Preprocessing(mean=mean, std=std)
    black, white = np.zeros(3, np.uint8), np.full(3, 255, np.uint8)
    good = fitting(*value_ends(black, white, how), dtype)
    scale = InputScale(dtype, float(np.float32(good.step)), good.zero_point)
    found = measured(scale, how, cast("Stream", Photographs(PHOTOS)), value_ends(black, white, how))
    slack = 0.5 + 1e-3 + 65535 * 1e-6 * (dtype == "int16")
    assert max(map(abs, found.spare)) <= slack
    assert found.calibrated == found.spare


@given(types, st.integers(1, 100), st.sampled_from([-1, 1]), st.sampled_from([RAW, SIGNED]))
def test_a_moved_zero_point_is_seen_to_the_step(
    dtype: str, steps: int, sign: int, how: Preprocessing
) -> None:
    good = fitting(*value_ends(np.zeros(3, np.uint8), np.full(3, 255, np.uint8), how), dtype)
    if dtype == "int16":
        return  # has no zero point
    moved = good.zero_point + sign * steps
    if not np.iinfo(dtype).min <= moved <= np.iinfo(dtype).max:
        return
    photographs = cast("Stream", Photographs(PHOTOS))
    before = measured(InputScale(dtype, good.step, good.zero_point), how, photographs).spare
    after = measured(InputScale(dtype, good.step, moved), how, photographs).spare
    assert after[0] - before[0] == pytest.approx(sign * steps)
    assert after[1] - before[1] == pytest.approx(-sign * steps)


def test_a_range_without_a_zero_point_reaches_as_far_on_both_sides() -> None:
    half = input_fit(InputScale("int8", 255 / 127, 0), RAW, PHOTOS)
    assert half.spare == pytest.approx((0, 0))
    wide = input_fit(InputScale("int16", 1.02 * 255 / 32767, 0), RAW, PHOTOS)
    assert wide.spare == pytest.approx((642.5, 642.5), abs=0.1)


def test_a_zero_point_of_0_leaves_an_unsigned_input_one_sided_as_it_is() -> None:
    assert input_fit(InputScale("uint8", 2.0, 0), RAW, PHOTOS).spare == (0, 127.5)
    assert input_fit(InputScale("int8", 3.0, 0), RAW, PHOTOS).spare == (42, 42)


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


def test_distances_are_in_steps_of_the_other_range() -> None:
    plain = np.array([[0.0] * 3, [255.0] * 3])
    apart = plain + np.array([[0, 0, 2], [0, -3, 0]])
    assert steps_apart(FirstValues(apart), FirstValues(plain)) == 3
    assert steps_apart(FirstValues(apart / 51), FirstValues(plain / 51)) == pytest.approx(3)
    black = FirstValues(np.zeros((2, 3)))
    assert steps_apart(black, black) == 0
    assert steps_apart(FirstValues(plain), black) == np.inf
