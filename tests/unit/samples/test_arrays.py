"""Arrays as samples: what is stored, what belongs to which row, and what is refused."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.config.structs import Samples
from edgeq.errors import EdgeqError, ImageError
from edgeq.samples import arrays as module
from edgeq.samples.arrays import (
    Field,
    StoredArrays,
    find_arrays,
    order_like,
    reordered,
    row_of,
    store_arrays,
)
from edgeq.samples.sets import ImageSet, NamedSet, count_photos, find_set, load_arrays
from edgeq.samples.sources import SOURCES, Role, SampleSource
from edgeq.samples.stream import ArrayStream, gathered
from edgeq.store.content import Store

WINDOW = (Field("window", (3, 2)),)
PAIR = (Field("sound", (4,)), Field("mask", (2,)))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def stored(
    source: str,
    store: Store,
    fields: Sequence[Field] = WINDOW,
    declared: Samples | None = None,
    role: Role = "evaluation",
) -> StoredArrays:
    named = NamedSet(source, role, store.root.parent, arrays=declared)
    return store_arrays(named, fields, store, "samples")


def rows(samples: StoredArrays) -> npt.NDArray[np.float32]:
    return np.array(np.load(samples.file.path))


def saved(folder: Path, array: npt.NDArray[Any], name: str = "x.npy") -> str:
    np.save(folder / name, array)
    return name


def test_floats_are_stored_as_they_are_and_hashed_by_row(tmp_path: Path, store: Store) -> None:
    values = np.random.default_rng(0).normal(size=(5, 3, 2)).astype(np.float32)
    samples = stored(saved(tmp_path, values), store)
    assert np.array_equal(rows(samples), values.reshape(5, 6))
    assert samples.digests == tuple(hashlib.sha256(row.tobytes()).hexdigest() for row in values)
    assert samples.notes == ()


@pytest.mark.parametrize("order", ["C", "F"])
def test_files_are_read_in_pieces_in_either_memory_order(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, order: Any
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 13)
    values = np.arange(42, dtype=np.float32).reshape(7, 3, 2)
    samples = stored(saved(tmp_path, np.array(values, order=order)), store)
    assert np.array_equal(rows(samples), values.reshape(7, 6))


def test_quantized_values_become_real_by_their_scale(tmp_path: Path, store: Store) -> None:
    steps = np.array([[-128, 83, 127]], np.int8)
    declared = Samples(scale=0.5847029, zero_point=83)
    samples = stored(saved(tmp_path, steps), store, (Field("x", (3,)),), declared)
    scale = np.float32(0.5847029)
    assert np.array_equal(rows(samples)[0], np.array([-211, 0, 44], np.float32) * scale)


def test_narrow_integers_without_a_scale_are_taken_as_they_are_with_a_note(
    tmp_path: Path, store: Store
) -> None:
    samples = stored(saved(tmp_path, np.array([[1, -2]], np.int8)), store, (Field("x", (2,)),))
    assert rows(samples).tolist() == [[1, -2]]
    assert "set `scale`" in samples.notes[0]
    tokens = stored(saved(tmp_path, np.array([[70_000, 2]])), store, (Field("x", (2,)),))
    assert (rows(tokens).tolist(), tokens.notes) == ([[70_000, 2]], ())


@pytest.mark.parametrize("names", [("mask", "sound"), ("arr_0", "arr_1")])
def test_several_inputs_are_told_by_name_or_by_order(
    tmp_path: Path, store: Store, names: tuple[str, str]
) -> None:
    sound, mask = np.arange(8.0).reshape(2, 4), np.array([[10, 11], [12, 13]])
    given = (mask, sound) if names[0] == "mask" else (sound, mask)
    named: dict[str, Any] = dict(zip(names, given, strict=True))
    np.savez_compressed(tmp_path / "x.npz", **named)
    samples = stored("x.npz", store, PAIR)
    assert rows(samples).tolist() == [[0, 1, 2, 3, 10, 11], [4, 5, 6, 7, 12, 13]]
    swapped = reordered(samples.file, order_like(PAIR, PAIR[::-1]), store)
    assert np.load(swapped.path).tolist() == [[10, 11, 0, 1, 2, 3], [12, 13, 4, 5, 6, 7]]
    assert reordered(samples.file, (0, 1), store) is samples.file
    assert order_like(PAIR, (Field("a", (4,)), Field("b", (2,)))) == (0, 1)


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((4, 5), np.float32), r"has samples of \[5\].* takes \[3, 2\]"),
        (np.zeros((0, 3, 2), np.float32), "has the shape"),
        (np.float32(3), "has the shape"),
        (np.array([[[1, 2]] * 2 + [[np.nan, 0]]] * 2), "row 0 holds a value"),
        (np.full((1, 3, 2), 1e300), "row 0 holds a value"),
        (np.full((1, 3, 2), 2**40), "row 0 holds a value"),
        (np.full((1, 3, 2), "a"), "not numbers"),
        (np.full((1, 3, 2), object()), "not an array that can be read"),
    ],
)
def test_arrays_that_are_no_samples_of_the_input_are_refused(
    tmp_path: Path, store: Store, array: Any, problem: str
) -> None:
    with pytest.raises(ImageError, match=problem):
        stored(saved(tmp_path, array), store)


def test_files_that_are_no_arrays_are_refused(tmp_path: Path, store: Store) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK")
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00")
    whole = saved(tmp_path, np.zeros((9, 3, 2)), "y.npy")
    (tmp_path / "cut.npy").write_bytes((tmp_path / whole).read_bytes()[:200])
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 3, 2)), b=np.zeros((2, 3, 2)))
    for source in ("x.npz", "x.npy", "cut.npy", "none.npy", "photos", "two.npz"):
        with pytest.raises(ImageError) as error:
            stored(source, store)
        assert error.value.remedy


def test_real_values_have_no_scale(tmp_path: Path, store: Store) -> None:
    with pytest.raises(ImageError, match="no scale"):
        stored(saved(tmp_path, np.zeros((1, 3, 2))), store, declared=Samples(scale=1.0))


def loaded(
    source: str,
    store: Store,
    samples: StoredArrays,
    role: Role,
    *,
    labels: str | None = None,
    limit: int | None = None,
) -> ImageSet:
    named = NamedSet(source, role, store.root.parent, labels=labels, limit=limit)
    return load_arrays(named, samples)


def test_labels_come_from_a_table_of_rows_or_an_array(tmp_path: Path, store: Store) -> None:
    source = saved(tmp_path, np.arange(18.0).reshape(3, 3, 2))
    samples = stored(source, store)
    assert not loaded(source, store, samples, "evaluation").labelled
    (tmp_path / "labels.csv").write_text("row,class_index,group\n2,5,a\n0,3,a\n1,4,\n")
    images = loaded(source, store, samples, "evaluation")
    assert images.labels().tolist() == [3, 4, 5]
    assert [photo.group for photo in images.photos] == ["a", None, "a"]
    assert [row_of(photo.name) for photo in images.photos] == [0, 1, 2]
    np.save(tmp_path / "y.npy", np.array([7, 8, 9]))
    by_array = loaded(source, store, samples, "evaluation", labels="y.npy", limit=2)
    assert by_array.labels().tolist() == [7, 8]
    assert not loaded(source, store, samples, "calibration").labelled


def test_a_split_gives_each_set_its_rows(tmp_path: Path, store: Store) -> None:
    source = saved(tmp_path, np.arange(36.0).reshape(6, 3, 2))
    samples = stored(source, store)
    splits = ["evaluation", "calibration", "calibration", "other", "evaluation", "evaluation"]
    lines = [f"{row},0,{split}" for row, split in enumerate(splits)]
    (tmp_path / "labels.csv").write_text("row,class_index,split\n" + "\n".join(lines))
    images = loaded(source, store, samples, "evaluation")
    assert images.arrays is not None
    stream = ArrayStream(images, images.arrays)
    every = [row for piece in stream.pieces(images.photos) for row in piece.array()]
    assert np.array_equal(every, rows(samples)[[0, 4, 5]])
    assert np.array_equal(stream.every(2), rows(samples)[[0, 5]])
    assert np.array_equal(stream.first(2), rows(samples)[[0, 4]])
    calibration = loaded(source, store, samples, "calibration")
    assert np.array_equal(gathered(calibration, store).array(), rows(samples)[[1, 2]])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("row,class_index\n0,1\n1,1\n2,1\n3,1\n", "names row 3, but there are 3 rows"),
        ("row,class_index\n0,1\n2,1\n", "row 1 is missing"),
        ("row,class_index,split\n0,1,test\n", "no row of the split 'evaluation'"),
        ("row,class_index\nfirst,1\n", "is not a row"),
        ("file,class_index\na,1\n", "the first line names"),
    ],
)
def test_labels_of_other_rows_are_refused(
    tmp_path: Path, store: Store, text: str, problem: str
) -> None:
    source = saved(tmp_path, np.zeros((3, 3, 2)))
    samples = stored(source, store)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ImageError, match=problem):
        loaded(source, store, samples, "evaluation")


def test_headers_are_enough_to_count(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 2)))
    (tmp_path / "labels.csv").write_text("row,class_index\n0,1\n1,1\n2,1\n3,0\n")
    counted = count_photos(NamedSet("x.npz", "evaluation", tmp_path, arrays=Samples()))
    assert (counted.photographs, counted.labels) == (4, (1, 1, 1, 0))
    assert len(find_set(NamedSet("x.npz", "evaluation", tmp_path, arrays=Samples()))) == 4


LOADER = """
import numpy as np
def windows():
    for at in range(4):
        yield np.full((3, 2), at, np.float32), at % 2
def bare():
    return np.ones((2, 3, 2))
def both():
    return [{"mask": np.zeros(2), "sound": np.ones(4)}]
def fails():
    yield np.zeros((3, 2))
    raise KeyError("no microphone")
def unlike():
    return [np.zeros((3, 2)), np.zeros((2, 2))]
def nothing():
    return []
def half():
    return [(np.zeros((3, 2)), 1), np.zeros((3, 2))]
def words():
    return ["a", "b"]
"""


@pytest.fixture
def loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_arrays.py").write_text(LOADER)
    monkeypatch.delitem(sys.modules, "own_arrays", raising=False)
    return "own_arrays"


def test_a_function_gives_samples_with_or_without_labels(loader: str, store: Store) -> None:
    samples = stored(f"{loader}:windows", store)
    assert rows(samples)[:, 0].tolist() == [0, 1, 2, 3]
    images = loaded(f"{loader}:windows", store, samples, "evaluation")
    assert images.labels().tolist() == [0, 1, 0, 1]
    assert stored(f"{loader}:windows", store).file == samples.file
    assert rows(stored(f"{loader}:bare", store)).tolist() == [[1] * 6] * 2
    assert rows(stored(f"{loader}:both", store, PAIR)).tolist() == [[1, 1, 1, 1, 0, 0]]
    found = find_arrays(NamedSet(f"{loader}:windows", "evaluation", store.root.parent))
    assert [item.label for item in found.photos] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fails", "KeyError: 'no microphone'"),
        ("unlike", "sample 1 is float64"),
        ("nothing", "gives no sample"),
        ("half", "gives 1 labels for 2 samples"),
        ("words", "sample 0 is <U1"),
        ("absent", "no function 'absent'"),
    ],
)
def test_a_function_that_fails_is_named(loader: str, store: Store, name: str, problem: str) -> None:
    with pytest.raises(EdgeqError, match=problem) as error:
        stored(f"{loader}:{name}", store)
    assert error.value.remedy


def test_a_registered_source_may_have_arrays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def windows(argument: str, role: Role) -> list[npt.NDArray[np.float64]]:
        return [np.full((3, 2), float(argument)) for _ in role]

    row = SampleSource("windows", "windows of a sensor", arrays=windows)
    monkeypatch.setitem(SOURCES._entries, "windows", row)
    assert rows(stored("windows:7", store)).shape == (len("evaluation"), 6)
    with pytest.raises(ImageError, match="has arrays, not photographs"):
        find_set(NamedSet("windows:7", "evaluation", Path()))
