"""What the gates of the pipeline hand to the judges."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from edgeq.pipeline.gates import worst_cosine
from tests.unit.judge.test_limits import agreeing


def test_the_worst_image_is_called_by_its_name() -> None:
    photos = [SimpleNamespace(name=f"{number % 2}/{number}.png") for number in range(30)]
    variant: Any = SimpleNamespace(
        classifies=True,
        agreement=agreeing(29, 30),
        method="int8",
        samples=SimpleNamespace(photos=photos),
    )
    judged = worst_cosine(variant, 0.5)
    assert "(at 1/29.png, mean" in judged.reason
    assert (judged.next_step or "").startswith("Look at 1/29.png and the other worst images.")
