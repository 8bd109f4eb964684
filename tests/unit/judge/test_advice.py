from __future__ import annotations

from edgeq.judge.advice import (
    OTHER_METHOD,
    SMALLER_METHOD,
    another_method,
    more_images,
    more_rounds,
    more_seconds,
)
from edgeq.spec.methods import METHODS


def test_every_method_has_advice_and_no_unknown_one_has() -> None:
    assert set(OTHER_METHOD) == set(METHODS.names())
    assert set(SMALLER_METHOD) <= set(METHODS.names())


def test_advice_names_another_method_than_the_one_that_failed() -> None:
    for name in METHODS.names():
        words = another_method(name).replace(",", "").replace(":", "").split()
        assert f"Try {name}" not in " ".join(words)


def test_an_unclaimed_variant_has_advice_too() -> None:
    assert "preprocessing" in another_method(None)


def test_more_is_always_more_than_there_is() -> None:
    assert "about 510 images in all (now 500)" in more_images(400, 500)
    assert "about 65 (now 64)" in more_rounds(10, 64)
    assert "about 380 (now 64)" in more_rounds(372, 64)
    assert "No number of rounds" in more_rounds(None, 64)


def test_seconds_grow_with_the_rounds_that_are_missing() -> None:
    text = more_seconds(4000, 1000, 60.0)
    assert "`latency.budget_s` to about 240" in text
    assert "about 4,000 rounds decide (now 1,000)" in text
    assert "No number of rounds" in more_seconds(None, 64, 1.0)
