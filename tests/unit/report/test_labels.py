from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgeq.report.labels import Label, spread_labels

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
