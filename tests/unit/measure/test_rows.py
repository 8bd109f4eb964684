"""Arrays larger than memory, some rows at a time."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.measure import rows
from edgeq.measure.accuracy import accuracy
from edgeq.measure.agreement import agreement
from edgeq.measure.predictions import Predictions, outputs_facts
from edgeq.measure.rows import Array, by_rows, pack, portions, release, unpack


def mapped(folder: Path, name: str, array: Array) -> Array:
    np.save(folder / name, array)
    found: Array = np.load(folder / name, mmap_mode="r")
    return found


def test_a_function_of_rows_sees_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "AT_ONCE", 4)
    first, second = np.arange(22.0).reshape(11, 2), np.arange(11.0)
    seen: list[int] = []

    def add(a: Array, b: Array) -> Array:
        seen.append(len(a))
        added: Array = a.sum(axis=1) + b
        return added

    assert np.array_equal(by_rows(add, first, second), first.sum(axis=1) + second)
    assert seen == [4, 4, 3]


def test_released_rows_can_be_read_again(tmp_path: Path) -> None:
    array = mapped(tmp_path, "a.npy", np.arange(5000.0))
    view = np.asarray(array)[1:]
    for _ in portions(array):
        assert view.sum() == sum(range(5000))
    release(view)
    assert view.sum() == sum(range(5000))


def resident_kb(path: Path) -> int:
    """Return how much of a mapped file is in this process."""
    lines = iter(Path("/proc/self/smaps").read_text("utf-8").splitlines())
    found = 0
    for line in lines:
        if line.endswith(str(path)):
            found += next(int(row.split()[1]) for row in lines if row.startswith("Rss:"))
    return found


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="no /proc/self/smaps here")
def test_memory_is_given_back(tmp_path: Path) -> None:
    array = mapped(tmp_path, "large.npy", np.ones((4000, 500), np.float32))
    path = tmp_path / "large.npy"
    assert array.sum() == array.size
    assert resident_kb(path) > 4000
    for _ in portions(array):
        pass
    assert resident_kb(path) < 400


def everything(baseline: Predictions, variant: Predictions, labels: Array) -> bytes:
    return msgspec.json.encode(
        [
            agreement(baseline, variant, labels),
            accuracy(baseline, variant, labels),
            outputs_facts(baseline),
            outputs_facts(variant),
        ]
    )


def test_neither_portions_nor_files_change_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(3)
    logits = generator.normal(0, 3, (2, 30, 9)).astype(np.float32)
    logits[1, 4, 2], logits[1, 7] = np.nan, 0.0
    labels = generator.integers(0, 9, 30)
    inside = [Predictions(one, one, is_probability=False, logits_source="scores") for one in logits]
    whole = everything(inside[0], inside[1], labels)
    monkeypatch.setattr(rows, "AT_ONCE", 7)
    files = [mapped(tmp_path, f"{number}.npy", one) for number, one in enumerate(logits)]
    outside = [Predictions(one, one, is_probability=False, logits_source="scores") for one in files]
    assert everything(outside[0], outside[1], labels) == whole


@given(st.lists(st.booleans(), max_size=70))
def test_flags_survive_their_text(flags: list[bool]) -> None:
    text = pack(np.array(flags, np.bool_))
    assert unpack(text, len(flags)).tolist() == flags
    assert len(text) <= len(flags) / 6 + 4


def test_the_first_flag_is_the_highest_bit() -> None:
    assert pack(np.array([True] + [False] * 7)) == "gA=="


@pytest.mark.parametrize(("text", "count"), [("gA==", 9), ("gA==", 0), ("", 1), ("#", 8)])
def test_text_of_another_number_of_flags_is_refused(text: str, count: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(text, count)
