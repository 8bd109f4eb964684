from __future__ import annotations

from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from edgeq import judge, measure
from edgeq.store.cached import keep, sources
from edgeq.store.content import Store


class Number(msgspec.Struct, frozen=True):
    value: float


def test_a_number_is_made_once_for_what_it_depends_on(tmp_path: Path) -> None:
    store, made = Store(tmp_path), list[float]()

    def make(value: float) -> Number:
        made.append(value)
        return Number(value)

    for fact, value in ((1, 0.1), (1, 0.2), (2, 0.3)):
        kept = keep(store, "numbers", {"fact": fact}, lambda value=value: make(value), Number)  # type: ignore[misc]
        assert kept == Number(0.3 if fact == 2 else 0.1)
    assert made == [0.1, 0.3]


def test_what_can_not_be_made_is_not_kept(tmp_path: Path) -> None:
    def fail() -> Number:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        keep(Store(tmp_path), "numbers", {}, fail, Number)
    assert keep(Store(tmp_path), "numbers", {}, lambda: Number(1.0), Number) == Number(1.0)


def test_other_rooms_have_other_sources() -> None:
    assert sources(measure) == sources(measure)
    assert len({sources(measure), sources(judge), sources(measure, judge)}) == 3


def test_rooms_inside_a_room_are_among_its_sources(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    hashes = set()
    for text in ("a = 1", "a = 2"):
        room = ModuleType("room")
        room.__path__ = [str(tmp_path)]
        (tmp_path / "inner" / "formula.py").write_text(text, "utf-8")
        hashes.add(sources(room))
    assert len(hashes) == 2
