from __future__ import annotations

import pytest

from edgeq.models.layout import channels_first


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 3, 224, 224), True),
        ((None, 3, None, None), True),
        ((1, 224, 224, 3), False),
        ((1, 3, 3, 3), True),
        ((1, 1, 28, 28), True),
        ((1, 28, 28, 1), False),
        ((1, 10), False),
    ],
)
def test_where_the_channels_lie(shape: tuple[int | None, ...], *, expected: bool) -> None:
    assert channels_first(shape) is expected
