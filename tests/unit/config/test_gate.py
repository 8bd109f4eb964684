from __future__ import annotations

import pytest

from edgeq.config.gates import GATES


@pytest.mark.parametrize(
    ("gate", "trained", "images", "labels", "lack"),
    [
        ("top1_agreement", False, False, False, "training"),
        ("top1_agreement", True, False, False, "images"),
        ("top1_agreement", True, True, False, None),
        ("outputs", False, False, False, "images"),
        ("outputs", False, True, False, None),
        ("accuracy_drop", False, True, False, "training"),
        ("accuracy_drop", True, True, False, "labels"),
        ("accuracy_drop", True, True, True, None),
        ("value_error_rise", True, True, False, "labels"),
        ("size_reduction", False, False, False, None),
        ("latency_ratio", False, False, False, None),
    ],
)
def test_a_gate_lacks_the_first_thing_that_is_not_there(
    gate: str, trained: bool, images: bool, labels: bool, lack: str | None
) -> None:
    assert GATES.get(gate).lack(trained=trained, images=images, labels=labels) == lack
