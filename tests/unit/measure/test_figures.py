"""What all tasks' figures share: means, resamples, drops, and maps of differences."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.measure.figures import TaskData, difference_map, weighted_mean, worst
from edgeq.measure.tensors import Output


def data(
    baseline: npt.ArrayLike, variant: npt.ArrayLike, groups: tuple[str, ...] | None = None
) -> TaskData:
    ours, theirs = (
        [Output("y", rows.shape[1:], rows.reshape(len(rows), -1))]
        for rows in (np.asarray(values, np.float32) for values in (baseline, variant))
    )
    names = groups or tuple(map(str, range(ours[0].rows.shape[0])))
    return TaskData(ours, theirs, output=0, groups=names)


def test_a_mean_has_an_interval_around_it() -> None:
    values = np.linspace(0.8, 1, 40)
    figure = data(np.zeros((40, 1)), np.zeros((40, 1))).mean("share", values, "is")
    assert figure.value == pytest.approx(0.9)
    assert figure.interval is not None
    assert figure.interval[0] < 0.9 < figure.interval[1]
    assert figure.images == 40


def test_crops_of_one_photograph_count_as_one() -> None:
    values = np.linspace(0.5, 1, 40)
    zeros = np.zeros((40, 1))
    alone = data(zeros, zeros).mean("share", values, "is").interval
    crops = tuple(str(at // 4) for at in range(40))
    together = data(zeros, zeros, crops).mean("share", values, "is").interval
    assert alone is not None
    assert together is not None
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])


def test_a_drop_is_that_of_the_same_images_in_each_resample() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(60)
    one = data(np.zeros((60, 1)), np.zeros((60, 1)))
    figure = one.drop(
        "loss", partial(weighted_mean, before), partial(weighted_mean, before - 0.1), "mean"
    )
    assert figure.value == pytest.approx(0.1)
    assert figure.interval == pytest.approx((0.1, 0.1))  # what both have in common cancels out
    assert (figure.baseline, figure.variant) == pytest.approx((before.mean(), before.mean() - 0.1))
    rise = one.drop(
        "loss", partial(weighted_mean, before), partial(weighted_mean, before - 0.1), "", rise=True
    )
    assert rise.value == pytest.approx(-0.1)


def test_one_image_has_no_interval() -> None:
    figure = data([[1.0]], [[1.0]]).resampled(
        "mean", partial(weighted_mean, np.array([0.5])), "mean", best=1.0
    )
    assert figure.interval is None
    assert figure.value == 0.5


@pytest.mark.parametrize(("images", "low"), [(2, 0.158), (20, 0.831), (200, 0.981)])
def test_images_without_a_difference_prove_no_more_than_their_number(
    images: int, low: float
) -> None:
    """The low end is Clopper and Pearson's: 0.025 to the power of 1 / n."""
    nothing = np.zeros((images, 1))
    same = partial(weighted_mean, np.ones(images))
    ends = data(nothing, nothing).resampled("iou", same, "mean IoU", best=1.0).interval
    assert ends == pytest.approx((low, 1.0), abs=1e-3)
    drop = data(nothing, nothing).drop("loss", same, same, "mean")
    assert drop.value == 0
    assert drop.interval == pytest.approx((low - 1, 1 - low), abs=1e-3)


@pytest.mark.parametrize(("different", "wide"), [(1, True), (3, True), (12, False)])
def test_few_images_with_a_difference_do_not_show_how_much_others_may_differ(
    different: int, wide: bool
) -> None:
    values = np.ones(50)
    values[:different] = 0.999
    ends = (
        data(np.zeros((50, 1)), np.zeros((50, 1)))
        .resampled("iou", partial(weighted_mean, values), "mean IoU", best=1.0)
        .interval
    )
    assert ends is not None
    assert (ends[0] < 0.95) is wide
    assert ends[0] > 0.92
    assert ends[1] <= 1


def test_the_interval_of_rare_ruined_images_covers() -> None:
    """One image in a hundred is ruined: most sets of 40 do not show it."""
    rng, missed = np.random.default_rng(0), 0
    for _ in range(200):
        values = np.where(rng.random(40) < 0.01, 0.0, 1.0)
        figure = data(np.zeros((40, 1)), np.zeros((40, 1))).resampled(
            "iou", partial(weighted_mean, values), "mean IoU", best=1.0
        )
        assert figure.interval is not None
        missed += not figure.interval[0] <= 0.99 <= figure.interval[1]
    assert missed <= 0.05 * 200


def test_the_worst_images_come_first_and_equal_ones_not_at_all() -> None:
    assert worst(np.array([0.0, 0.2, 0.0, 0.5])).tolist() == [3, 1]


def test_a_map_shows_where_outputs_differ_in_the_outputs_proportions() -> None:
    different = np.zeros((36, 96))
    different[:, :4] = 1
    different[0, 95] = 1
    rows, columns, digits = difference_map(different)
    assert (rows, columns) == (9, 24)
    assert digits[:24] == "9" + "0" * 22 + "1"
    assert digits[24:48] == "9" + "0" * 23
