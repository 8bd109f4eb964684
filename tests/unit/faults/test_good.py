from __future__ import annotations

import pytest

from edgeq.faults.good import MOVED, Good


@pytest.mark.parametrize("name", MOVED)
def test_what_moved_to_the_variant_is_still_there_with_a_warning(good: Good, name: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"use Good.{MOVED[name]}") as caught:
        former = getattr(good, name)
    assert caught[0].filename == __file__
    variant = good.variant
    assert former == (variant if name == "subject" else getattr(variant, name))


def test_what_never_was_there_is_not(good: Good) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        good.nothing  # type: ignore[attr-defined]  # noqa: B018
