"""Which machines may stand in for another."""

from __future__ import annotations

import pytest

from edgeq.run.likeness import differences

HERE = {"processor": "A", "ai-edge-litert": "2.3", "pillow": "12"}


def test_equal_facts_make_no_difference() -> None:
    assert differences(HERE, dict(HERE)) == ()


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({**HERE, "processor": "B"}, "processor: B, not A"),
        ({key: HERE[key] for key in HERE if key != "pillow"}, "pillow: none, not 12"),
    ],
)
def test_each_difference_is_named(other: dict[str, str], text: str) -> None:
    assert differences(HERE, other) == (text,)
