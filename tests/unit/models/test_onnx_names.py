from __future__ import annotations

import pytest

from edgeq.models.onnx_names import channels_first, output_name


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 3, 224, 224), True),
        ((None, 3, None, None), True),
        ((1, 224, 224, 3), False),
        ((1, 3, 3, 3), True),
        ((1, 1, 28, 28), True),
        ((1, 10), False),
    ],
)
def test_where_the_channels_lie(shape: tuple[int | None, ...], *, expected: bool) -> None:
    assert channels_first(shape) is expected


def test_names_of_outputs_are_those_of_a_signature() -> None:
    assert [output_name(name) for name in ("probs", "/head/Softmax:0", "758", "::")] == [
        "probs",
        "head_Softmax_0",
        "758",
        "output",
    ]
