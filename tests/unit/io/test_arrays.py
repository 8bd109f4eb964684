import ast
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgeq.io.arrays import map_array, read_arrays, read_header
from edgeq.io.syntax import BUILDING


@pytest.fixture
def values() -> np.ndarray:
    return np.arange(6, dtype=np.float32).reshape(2, 3)


def test_an_array_is_mapped_and_read_only(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", values)
    array = map_array(tmp_path / "a.npy")
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable
    assert array.tolist() == values.tolist()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x05\x06" + bytes(18), b"text"])
def test_what_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"magic|expected|read"):
        map_array(tmp_path / "a.npy")


def test_python_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        map_array(tmp_path / "a.npy")


def test_arrays_are_read_by_name(tmp_path: Path, values: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", first=values, second=values + 1)
    arrays = read_arrays(tmp_path / "a.npz")
    assert list(arrays) == ["first", "second"]
    assert arrays["second"].tolist() == (values + 1).tolist()


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_a_header_is_read_without_values(
    tmp_path: Path, values: np.ndarray, version: tuple[int, int]
) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, values, version)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.npy", "a.npy")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, archive.open("a.npy") as member:
        assert read_header(member) == ((2, 3), np.dtype(np.float32))


def test_a_file_is_read_while_no_other_thread_parses(
    tmp_path: Path, values: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "a.npz", values)
    parse, locked = ast.literal_eval, []

    def watched(text: str) -> object:
        locked.append(BUILDING.locked())
        return parse(text)

    monkeypatch.setattr(ast, "literal_eval", watched)
    map_array(tmp_path / "a.npy")
    read_arrays(tmp_path / "a.npz")
    with (tmp_path / "a.npy").open("rb") as file:
        read_header(file)
    assert locked == [True, True, True]
