from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeq.pipeline.diagnosis import conduct, feeding, ranges, repair
from edgeq.pipeline.diagnosis.bench import Trial
from edgeq.pipeline.diagnosis.labels import best_offset, same_classes
from edgeq.pipeline.diagnosis.network import first_jump
from edgeq.pipeline.diagnosis.ranges import Range
from edgeq.spec.structs import Preprocessing


def inner(
    covered: float, clipped: float, *, place: str = "inner", width: float | None = None
) -> Range:
    high = width or covered
    return Range(place, place, 0.0, high, 0.0, 1.0, clipped, symmetric=False)


GOOD = [inner(1, 0), inner(0.6, 0.004), inner(1, 0, place="last")]


@pytest.mark.parametrize(
    ("every", "name"),
    [
        ([inner(1, 0, place="input"), *GOOD], None),
        ([inner(0.95, 0.03, place="input"), *GOOD], "calibration"),
        ([inner(0.1, 0.8, place="input"), *GOOD], "input_range"),
        ([*GOOD[:2], inner(0.2, 0.2, place="last")], "output_quantization"),
        ([*GOOD, inner(0.06, 0.3)], "saturated_activations"),
        ([*GOOD, inner(1, 0, width=16)], "damaged_tensor"),
        ([*GOOD, inner(0.5, 0.03), inner(0.4, 0.06)], "calibration"),
        (
            [inner(1, 0, place="input"), *[inner(0.25, 0.3)] * 5, inner(1, 0)],
            "saturated_activations",
        ),
        ([inner(0.1, 0.8, place="input"), *[inner(0.25, 0.3)] * 5], "calibration"),
    ],
)
def test_ranges_are_explained(every: list[Range], name: str | None) -> None:
    found = ranges.explain(tuple(every))
    assert (None if found is None else found.name) == name


def test_suspicious_ranges_are_the_worst_ones_first() -> None:
    cut, wide = inner(0.4, 0.3), inner(1, 0, width=16)
    given = inner(1, 0, place="input", width=2)
    assert repair.suspicious((*GOOD, wide, given, cut)) == (cut, wide, given)
    assert repair.suspicious((*GOOD, inner(1, 0, width=2))) == ()


def test_a_fitting_range_holds_what_the_baseline_computes_and_zero() -> None:
    scale, point = repair.fitting(replace(GOOD[0], least=-2.0, greatest=6.0))
    assert (-128 - point) * scale <= -2 + scale
    assert (127 - point) * scale >= 6 - scale
    assert scale < 8 * 1.05 / 255
    scale, point = repair.fitting(replace(GOOD[0], least=2.0, greatest=6.0))
    assert point == -128
    wide = replace(GOOD[0], least=-9.0, symmetric=True, dtype="int16")
    scale, point = repair.fitting(wide)
    assert scale == pytest.approx(9 * 1.02 / 32767)
    assert point == 0


def test_only_a_way_that_recovers_is_named() -> None:
    swap = feeding.Way("channel_order", "swapped", Preprocessing(channels="bgr"))
    unit = feeding.Way("input_range", "unit", Preprocessing(std=(255.0, 255.0, 255.0)))
    before = Trial(0.4, 1.0)
    assert feeding.explain(before, [(swap, Trial(0.5, 0.6))], 20) is None
    assert feeding.explain(before, [(swap, Trial(0.3, 0.1))], 20) is None
    assert feeding.explain(before, [], 20) is None
    found = feeding.explain(before, [(swap, Trial(0.9, 0.3)), (unit, Trial(1.0, 0.1))], 20)
    assert found is not None
    assert found.name == "input_range"
    assert "agrees on 100 % of 20 images" in found.sentence


ROWS = np.random.default_rng(3).normal(size=(6, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("forth", "back", "again", "name"),
    [
        (ROWS, ROWS[::-1], ROWS + 1, "nondeterminism"),
        (np.tile(ROWS[0], (6, 1)), np.tile(ROWS[5], (6, 1)), None, "constant_output"),
        (ROWS[[0, 0, 1, 2, 3, 4]], ROWS[[1, 2, 3, 4, 5, 5]], None, "stale_output"),
    ],
)
def test_unsteady_answers_are_told_apart(
    forth: np.ndarray, back: np.ndarray, again: np.ndarray | None, name: str
) -> None:
    found = conduct.explain(forth, back, forth if again is None else again)
    assert found.name == name
    assert ("the photograph before" in found.sentence) == (name == "stale_output")


def test_an_offset_needs_several_classes() -> None:
    classes = np.array([4, 7, 1, 1, 9, 3, 2])
    assert best_offset(classes, classes + 1, 10) == (1, 1.0)
    assert best_offset(classes, (classes - 2) % 10, 10) == (-2, 1.0)
    assert best_offset(classes, classes, 10) is None
    assert best_offset(classes, np.random.default_rng(0).permutation(classes), 10) is None
    assert best_offset(np.full(7, 3), np.full(7, 4), 10) is None
    assert same_classes(classes, classes[::-1]) == 1
    assert same_classes(classes, classes + 20) == 0


def test_the_first_jump_is_where_the_error_leaves_what_was_before() -> None:
    assert first_jump([0.01, 0.02, 0.9, 1.0]) == 2
    assert first_jump([0.05, 0.15, 0.3, 0.5, 0.7]) is None
    assert first_jump([]) is None
