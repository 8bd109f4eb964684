from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from edgeq.report import scatter
from edgeq.report.scatter import BOTTOM, LEFT, RIGHT, TOP, Chart, Label, spread_labels
from edgeq.report.view import view
from tests.unit.report import records


def chart_of(*variants: tuple[str, int, int]) -> Chart | None:
    made = [
        records.variant(name, size, agreement=records.agreement_of(agreeing))
        for name, size, agreeing in variants
    ]
    return view(records.record(made, ())).models[0].chart


def test_shapes_and_words_tell_the_answers_apart() -> None:
    chart = view(records.full_record()).models[0].chart
    assert chart is not None
    shapes = {point.title.partition(":")[0]: point.shape for point in chart.points}
    assert shapes == {
        "baseline": "diamond",
        "float16": "circle",
        "dynamic_range": "ring",
        "int8@tensorflow": "cross",
        "weight_only_int4": "cross",
    }
    assert chart.absent == (records.HOSTILE,)
    assert "rejected" in chart.description


def test_nothing_to_draw_is_no_chart() -> None:
    assert view(records.record((records.variant("int8", 10),), ())).models[0].chart is None


def test_smaller_is_left_and_closer_is_up() -> None:
    chart = chart_of(("small", 1_000_000, 400), ("large", 20_000_000, 490))
    assert chart is not None
    at = {point.title.partition(":")[0]: point for point in chart.points}
    assert at["small"].x < at["large"].x < at["baseline"].x
    assert at["small"].y > at["large"].y > at["baseline"].y


def test_equal_points_keep_readable_labels() -> None:
    chart = chart_of(*((f"variant-{n}", 8_000_000 + n, 480) for n in range(6)))
    assert chart is not None
    ends = [(point.label.x, point.label.y, point.label.end) for point in chart.points]
    assert len(set(ends)) == len(ends)


@given(st.lists(st.tuples(st.integers(1, 10**10), st.integers(0, 500)), min_size=1, max_size=6))
@example([(21_809_759, 0), (476_190_514, 0)])
def test_every_point_lies_inside(sizes: list[tuple[int, int]]) -> None:
    chart = chart_of(*((f"v{n}", size, agreeing) for n, (size, agreeing) in enumerate(sizes)))
    assert chart is not None
    assert len(chart.points) == len(sizes) + 1
    for point in chart.points:
        assert LEFT - 0.1 <= point.x <= RIGHT + 0.1
        assert TOP - 0.1 <= point.y <= BOTTOM + 0.1
    assert 2 <= len(chart.x_ticks) <= 7
    assert 2 <= len(chart.y_ticks) <= 9
    assert chart.x_ticks[-1].at <= scatter.WIDTH


def test_the_front_holds_what_nothing_beats() -> None:
    numbers = [(10.0, 0.9), (10.0, 0.8), (20.0, 0.9), (30.0, 1.0), (5.0, 0.5), (40.0, 1.0)]
    assert scatter.front(numbers) == ((5.0, 0.5), (10.0, 0.9), (30.0, 1.0))
    assert scatter.front([]) == ()


def test_the_front_leaves_out_what_is_rejected() -> None:
    chart = view(records.full_record()).models[0].chart
    assert chart is not None
    on = {point.name for point in chart.points if point.front}
    assert on == {"dynamic_range", "float16"}
    assert chart.front.count(",") == 3


def test_the_disc_stands_for_the_time() -> None:
    assert scatter.radius(0.25) == scatter.radius(1.0) / 2
    assert scatter.radius(100.0) == scatter.radius(scatter.MAX_RATIO)
    chart = view(records.full_record()).models[0].chart
    assert chart is not None
    at = {point.name: point for point in chart.points}
    assert at["dynamic_range"].disc is not None
    assert at["dynamic_range"].label.text.endswith("0.54\u00d7")


FRAME = (58.0, 24.0, 620.0, 318.0)
PLACES = st.tuples(st.floats(60, 600), st.floats(34, 320))


def overlap(one: Label, other: Label) -> bool:
    (a, b), (c, d) = one.extent, other.extent
    return a < d and c < b and abs(one.y - other.y) < 12


@given(st.lists(PLACES, min_size=1, max_size=8))
def test_labels_do_not_cover_each_other(places: list[tuple[float, float]]) -> None:
    found = spread_labels([(x, y, "int8 0.38x", 12.0) for x, y in places], FRAME)
    assert len(found) == len(places)
    for place, one in enumerate(found):
        assert not any(overlap(one, other) for other in found[place + 1 :])


def test_a_label_far_from_its_point_has_a_line() -> None:
    near, *others = spread_labels([(300.0, 100.0, "a variant of ours", 12.0)] * 6, FRAME)
    assert not near.lead
    assert any(one.lead for one in others)
