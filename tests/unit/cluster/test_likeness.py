"""Which nodes may stand in for this machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeq.cluster.likeness import differences
from edgeq.cluster.work import NodeFacts

HERE = NodeFacts("here", {"processor": "A", "ai-edge-litert": "2.3"}, {"pillow": "12"})


def test_another_name_of_the_machine_makes_no_difference() -> None:
    assert differences(HERE, replace(HERE, host="there")) == ()


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (replace(HERE, runtime={**HERE.runtime, "processor": "B"}), "processor: B, not A"),
        (replace(HERE, software={"pillow": "11"}), "pillow: 11, not 12"),
        (replace(HERE, software={}), "pillow: none, not 12"),
    ],
)
def test_each_difference_is_named(node: NodeFacts, text: str) -> None:
    assert differences(HERE, node) == (text,)
