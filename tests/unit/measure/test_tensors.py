from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeq.measure import tensors
from edgeq.measure.clusters import find_clusters
from edgeq.measure.tensors import (
    Output,
    Steps,
    fit,
    fits,
    relative_errors,
    same_bits,
    swapped,
)

Floats = np.ndarray

VALUES = st.integers(-40, 40).map(lambda one: one / 8)
ROWS = hnp.arrays(np.float32, st.tuples(st.integers(2, 9), st.integers(1, 12)), elements=VALUES)


def output(rows: Floats, step: float = 0.0, *, name: str = "out") -> Output:
    """An output from one array whose first axis is the images."""
    rows = np.asarray(rows, np.float32)
    return Output(name, rows.shape[1:], rows.reshape(len(rows), -1), step)


def noise(*shape: int, seed: int = 0, scale: float = 1.0) -> Floats:
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def rounded(rows: Floats, step: float) -> Floats:
    return (np.round(rows / step) * step).astype(np.float32)


@given(ROWS)
def test_the_same_outputs_have_no_error(rows: Floats) -> None:
    found = fit(output(rows), output(rows), output=0)
    if not rows.any():
        assert (found.error, found.cosine) == (None, None)
        return
    assert (found.error, found.worst_error) == (0, 0)
    shown = [bool(row.any()) for row in rows]
    assert found.cosine == pytest.approx(sum(shown) / len(shown))
    assert found.is_output is None
    msgspec.json.encode(found)


@given(ROWS, VALUES)
def test_an_offset_that_is_the_same_in_every_image_hides_nothing(rows: Floats, by: float) -> None:
    ours, theirs = rows, rows[::-1]
    assume((ours != ours[:1]).any())
    plain = fit(output(ours), output(theirs), output=0)
    grid = np.linspace(by, -by, rows.shape[1], dtype=np.float32) * 8
    assume((ours + grid).any())
    moved = fit(output(ours + grid), output(theirs + grid), output=0)
    assert moved.error == pytest.approx(plain.error, rel=1e-3, abs=1e-5)


@given(ROWS, st.sampled_from([0.25, 2.0, 1024.0]))
def test_the_unit_of_an_output_changes_nothing(rows: Floats, by: float) -> None:
    ours, theirs = rows, rows[::-1]
    assume(ours.any())
    plain = fit(output(ours), output(theirs), output=0)
    scaled = fit(output(by * ours), output(by * theirs), output=0)
    assert scaled.error == pytest.approx(plain.error, rel=1e-6)
    assert scaled.cosine == pytest.approx(plain.cosine, rel=1e-6, abs=1e-9)


def test_errors_are_those_of_a_hand_calculation() -> None:
    ours = np.array([[1, 0], [3, 0]], np.float32)  # varies by 1 around (2, 0)
    theirs = np.array([[1, 0.5], [3, 0]], np.float32)
    found = fit(output(ours), output(theirs), output=3)
    assert found.output == 3
    assert found.error == pytest.approx(0.25)
    assert found.worst_error == pytest.approx(0.5)
    assert found.worst_error_image == 0
    assert found.worst_cosine == pytest.approx(1 / math.sqrt(1.25))
    assert found.worst_cosine_image == 0
    assert found.error_interval is not None
    low, high = found.error_interval
    assert 0 <= low < 0.01
    assert high > 0.25


def test_half_of_what_it_says_is_an_error_of_a_half() -> None:
    ours = noise(40, 30)
    centred = ours - ours.mean(axis=0)
    found = fit(output(ours), output(ours - centred / 2), output=0)
    assert found.error == pytest.approx(0.5, abs=0.02)


def test_saying_the_mean_is_an_error_of_one() -> None:
    ours = noise(40, 30) + 100
    theirs = np.repeat(ours.mean(axis=0, keepdims=True), 40, axis=0)
    found = fit(output(ours), output(theirs), output=0)
    assert found.error == pytest.approx(1, abs=0.02)
    assert found.constant
    assert not found.baseline_constant
    assert found.dead_share == 1
    assert found.worst_cosine == pytest.approx(
        1, abs=0.01
    )  # which is why the cosine alone says nothing


def test_a_constant_baseline_is_measured_by_its_size() -> None:
    ours = np.ones((4, 6), np.float32)
    found = fit(output(ours), output(1.1 * ours), output=0)
    assert (found.constant, found.baseline_constant) == (True, True)
    assert found.error == pytest.approx(0.1, rel=1e-5)


def test_rounding_alone_is_no_variation() -> None:
    ours = 1 + noise(4, 6, scale=1e-7)
    assert fit(output(ours), output(ours + 0.1), output=0).error == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_images_that_are_not_finite_are_counted_and_left_out(bad: float) -> None:
    ours = noise(6, 5)
    theirs = ours.copy()
    theirs[2, 3] = bad
    found = fit(output(ours), output(theirs), output=0)
    assert (found.nonfinite_images, found.baseline_nonfinite_images) == (1, 0)
    assert found.error == 0
    assert not found.constant
    found = fit(output(theirs), output(ours), output=0)
    assert (found.nonfinite_images, found.baseline_nonfinite_images) == (0, 1)
    msgspec.json.encode(found)


def test_the_worst_image_is_named_by_its_place_among_all() -> None:
    ours = noise(6, 5)
    theirs = ours.copy()
    theirs[1] = math.nan
    theirs[4] = -ours[4]
    found = fit(output(ours), output(theirs), output=0)
    assert found.worst_error_image == found.worst_cosine_image == 4


def test_nothing_finite_is_no_error() -> None:
    rows = np.full((3, 4), math.nan, np.float32)
    found = fit(output(rows), output(rows), output=0)
    assert (found.error, found.error_interval, found.cosine) == (None, None, None)
    assert not found.constant
    msgspec.json.encode(fits([output(rows)], [output(rows)]))


def test_a_baseline_of_zeros_has_nothing_to_compare_with() -> None:
    found = fit(output(np.zeros((3, 4))), output(noise(3, 4)), output=0)
    assert found.error is None
    assert found.baseline_constant


def test_a_single_image_has_no_interval_and_is_not_constant() -> None:
    found = fit(output(noise(1, 4)), output(noise(1, 4, seed=1)), output=0)
    assert found.error is not None
    assert found.error_interval is None
    assert (found.constant, found.baseline_constant, found.dead_share) == (False, False, 0)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="can't be compared"):
        fit(output(noise(3, 4)), output(noise(3, 5)), output=0)
    with pytest.raises(ValueError, match=r"zip|shorter|longer"):
        fits([output(noise(3, 4))], [])


def test_an_output_without_values_is_no_crash() -> None:
    found = fits([output(np.zeros((3, 0)))], [output(np.zeros((3, 0)))])
    assert found[0].error is None


def test_clustered_images_widen_the_interval() -> None:
    ours = noise(16, 5)
    theirs = ours + 0.1 * noise(16, 5, seed=1)
    alone = fit(output(ours), output(theirs), output=0)
    clusters = find_clusters([f"person {at // 4}" for at in range(16)])
    together = fit(output(ours), output(theirs), output=0, clusters=clusters)
    assert together.error == alone.error
    assert together.error_interval is not None
    assert alone.error_interval is not None
    assert together.error_interval[1] > alone.error_interval[1]
    assert together.clusters == clusters


@given(ROWS, st.integers(1, 30), st.sampled_from([0.0, 0.125, 1.0]))
def test_how_much_is_read_at_once_changes_nothing(rows: Floats, block: int, step: float) -> None:
    ours, theirs = [output(rows)], [output(rows[::-1], step)]
    whole = fits(ours, theirs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensors, "BLOCK", block)
        pieces = fits(ours, theirs)
    for one, other in zip(*(msgspec.to_builtins(found) for found in (whole, pieces)), strict=True):
        for key, value in one.items():
            if isinstance(value, float):
                assert other[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key
            elif not key.startswith("worst") and key != "error_interval":  # may tie
                assert other[key] == value, key


def steps_of(ours: Output, theirs: Output) -> Steps:
    found = fit(ours, theirs, output=0).steps
    assert found is not None
    return found


def detections(images: int = 20, *, pixels: float = 640.0, scores: int = 6) -> Floats:
    """Boxes in pixels beside scores from 0 to 1, 30 anchors."""
    rng = np.random.default_rng(3)
    boxes = rng.uniform(0, pixels, (images, 30, 4))
    told = rng.uniform(0, 1, (images, 30, scores))
    return np.concatenate([boxes, told], axis=2).astype(np.float32)


def test_scores_on_the_scale_of_boxes_are_lost() -> None:
    ours, step = detections(), 640 / 255
    found = steps_of(output(ours), output(rounded(ours, step), step))
    assert found.axis == 1
    assert found.lost == (4, 5, 6, 7, 8, 9)
    assert found.widest_lost == pytest.approx(1, abs=0.05)
    assert found.widest == pytest.approx(640, abs=10)
    assert found.whole == pytest.approx(255, abs=2)
    assert len(found.columns) == 10


@pytest.mark.parametrize("axis", [0, 1])
def test_columns_are_found_along_the_first_axis_too(axis: int) -> None:
    ours, step = detections(), 640 / 255
    theirs = rounded(ours, step)
    if axis == 0:
        ours, theirs = ours.swapaxes(1, 2), theirs.swapaxes(1, 2)
    found = steps_of(output(ours), output(theirs, step))
    assert (found.axis, len(found.lost)) == (axis, 6)


def test_a_vector_has_columns() -> None:
    ours = detections()[:, 0]
    found = steps_of(output(ours), output(rounded(ours, 2.5), 2.5))
    assert (found.axis, found.lost) == (0, (4, 5, 6, 7, 8, 9))


def test_boxes_of_the_same_range_lose_nothing() -> None:
    ours, step = detections(pixels=1), 1 / 255
    found = steps_of(output(ours), output(rounded(ours, step), step))
    assert found.lost == ()


def test_rare_classes_in_a_continuum_of_ranges_are_not_lost() -> None:
    ranges = np.geomspace(0.01, 8, 40)  # from below the least step to far above
    ours = (np.random.default_rng(0).uniform(0, 1, (20, 30, 40)) * ranges).astype(np.float32)
    step = 8 / 255
    found = steps_of(output(ours), output(rounded(ours, step), step))
    assert found.columns[0] < 1
    assert found.columns[-1] > 250
    assert found.lost == ()


def test_classes_that_no_image_shows_are_not_lost() -> None:
    ours = detections(pixels=1)
    ours[:, :, 7] *= 1e-3
    found = steps_of(output(ours), output(rounded(ours, 1 / 255), 1 / 255))
    assert found.lost == ()


def test_a_dead_part_carries_its_share() -> None:
    ours = noise(20, 10)
    theirs = ours.copy()
    theirs[:, :3] = 0
    found = fit(output(ours), output(theirs), output=0)
    assert found.dead_share == pytest.approx(0.3, abs=0.1)
    assert not found.constant


def test_what_the_scale_can_not_tell_apart_is_not_dead() -> None:
    ours = noise(20, 10)
    ours[:, :3] *= 0.01
    found = fit(output(ours), output(rounded(ours, 0.2), 0.2), output=0)
    assert found.dead_share == 0


def test_few_images_show_nothing_dead() -> None:
    ours = noise(7, 10)
    theirs = ours.copy()
    theirs[:, :3] = 0
    assert fit(output(ours), output(theirs), output=0).dead_share == 0


def test_swapped_outputs_are_told() -> None:
    first, second = noise(12, 6), noise(12, 6, seed=1)
    ours = [output(first), output(second)]
    theirs = [output(rounded(second, 0.05), 0.05), output(rounded(first, 0.05), 0.05)]
    assert [one.is_output for one in fits(ours, theirs)] == [1, 0]


def test_outputs_in_place_are_not_swapped() -> None:
    first, second = noise(12, 6), noise(12, 6, seed=1)
    ours = [output(first), output(second)]
    assert [one.is_output for one in fits(ours, ours)] == [None, None]
    broken = [output(first), output(noise(12, 6, seed=2))]
    assert [one.is_output for one in fits(ours, broken)] == [None, None]


def test_outputs_that_are_alike_are_not_told_apart() -> None:
    first = noise(12, 6)
    ours = [output(first), output(first + 0.01)]
    assert swapped(ours, ours[::-1], 0) is None or fits(ours, ours[::-1])[0].is_output is None


@pytest.mark.filterwarnings("error")
def test_swapping_is_looked_for_without_warnings_where_nothing_is_finite() -> None:
    ours = [output(noise(3, 6)), output(noise(3, 6, seed=1))]
    nothing = [output(np.full((3, 6), math.nan)), output(np.full((3, 6), math.nan))]
    assert [one.is_output for one in fits(ours, nothing)] == [None, None]
    assert [one.is_output for one in fits(nothing, ours)] == [None, None]
    zeros = [output(np.zeros((3, 6))), output(np.zeros((3, 6)))]
    assert [one.is_output for one in fits(zeros, ours)] == [None, None]


def test_relative_errors_leave_out_what_can_not_be_divided() -> None:
    ours = np.array([[3, 4], [0, 0], [1, math.nan]], np.float32)
    theirs = np.array([[3, 5], [1, 1], [1, 1]], np.float32)
    found = relative_errors(ours, theirs)
    assert found[0] == pytest.approx(0.2)
    assert np.isnan(found[1:]).all()


def test_bits_are_compared_as_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "BLOCK", 6)
    rows = np.array([[0, math.nan, 1], [2, 3, 4]], np.float32)
    assert same_bits(rows, rows.copy())
    assert not same_bits(rows, np.abs(rows - 0) * -1)
    negative = rows.copy()
    negative[0, 0] = -0.0
    assert not same_bits(rows, negative)
    assert not same_bits(rows, rows[:, :2])


def test_huge_values_do_not_overflow() -> None:
    ours = noise(5, 4) * 1e30
    found = fit(output(ours), output(1.01 * ours), output=0)
    assert found.error is not None
    assert math.isfinite(found.error)
    assert found.worst_cosine == pytest.approx(1)


def test_a_value_counts_as_dead_from_four_steps_on() -> None:
    ours = np.zeros((10, 3))
    ours[::2, 0], ours[::2, 1], ours[::2, 2] = 4.0, 3.99, 4.01
    found = fit(output(ours), output(np.zeros((10, 3)), 1.0), output=0)
    squares = (ours - ours.mean(axis=0)) ** 2
    assert found.dead_share == pytest.approx(squares[:, [0, 2]].sum() / squares.sum())


def test_dead_values_add_up_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = noise(10, 6)
    theirs = ours.copy()
    theirs[:, ::2] = 0
    whole = fit(output(ours), output(theirs), output=0).dead_share
    monkeypatch.setattr(tensors, "BLOCK", 20)
    assert fit(output(ours), output(theirs), output=0).dead_share == pytest.approx(whole)
    assert 0.2 < whole < 0.8


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_single_value_has_no_columns(shape: tuple[int, ...]) -> None:
    found = fit(output(noise(20, *shape)), output(noise(20, *shape, seed=1)), output=0)
    assert (found.lost, found.lost_axis) == ((), None)
