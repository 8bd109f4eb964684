from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.errors import ModelError

network = pytest.importorskip("edgeq.models.lite0_network", reason="it needs the keras extra")

VALUES = np.arange(6, dtype="<f4")


class Storage:
    """Stands for a storage while it is pickled."""


class Reduced:
    """Pickles as a call."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.call


class Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        if isinstance(obj, Storage):
            storage_type = sys.modules["torch"].FloatStorage
            return ("storage", storage_type, "0", "cpu", VALUES.size, None)
        return None


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Put names of PyTorch where a pickler looks for them."""
    module, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2() -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = (
        "torch._utils",
        "_rebuild_tensor_v2",
    )
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    module.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})  # type: ignore[attr-defined]
    module._utils = utils  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return module


def tensor(torch: types.ModuleType, shape: tuple[int, ...], strides: tuple[int, ...]) -> Reduced:
    rebuild = torch._utils._rebuild_tensor_v2
    return Reduced(rebuild, Storage(), 0, shape, strides, False, OrderedDict())  # noqa: FBT003


def written(path: Path, state: object, count: int = VALUES.size) -> Path:
    buffer = io.BytesIO()
    for value in (network.MAGIC, network.PROTOCOL, {"little_endian": True}, state, ["0"]):
        Pickler(buffer, protocol=2).dump(value)
    buffer.write(struct.pack("<q", count) + VALUES.tobytes())
    path.write_bytes(buffer.getvalue())
    return path


def test_tensors_are_read_with_their_strides(torch: types.ModuleType, tmp_path: Path) -> None:
    state = OrderedDict(plain=tensor(torch, (2, 3), (3, 1)), turned=tensor(torch, (3, 2), (1, 3)))
    found = network.read_state(written(tmp_path / "w.pth", state))
    np.testing.assert_array_equal(found["plain"], VALUES.reshape(2, 3))
    np.testing.assert_array_equal(found["turned"], VALUES.reshape(2, 3).T)


def test_code_in_the_file_does_not_run(torch: types.ModuleType, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    path = written(tmp_path / "w.pth", {"a": Reduced(os.mkdir, str(trap))})
    with pytest.raises(ModelError, match=r"it wants to load .*mkdir"):
        network.read_state(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("shape", "strides"), [((7,), (1,)), ((2, 3), (4, 1)), ((1 << 40,), (0,)), ((2,), (-1,))]
)
def test_a_tensor_outside_its_storage_is_refused(
    torch: types.ModuleType, tmp_path: Path, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    path = written(tmp_path / "w.pth", {"a": tensor(torch, shape, strides)})
    with pytest.raises(ModelError, match="beyond its storage"):
        network.read_state(path)


def test_a_storage_of_another_length_is_refused(torch: types.ModuleType, tmp_path: Path) -> None:
    path = written(tmp_path / "w.pth", {"a": tensor(torch, (6,), (1,))}, count=5)
    with pytest.raises(ModelError, match="5 elements, not 6"):
        network.read_state(path)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.99])
def test_a_truncated_file_is_refused(torch: types.ModuleType, tmp_path: Path, share: float) -> None:
    path = written(tmp_path / "w.pth", {"a": tensor(torch, (6,), (1,))})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ModelError, match="is damaged"):
        network.read_state(path)


def test_another_pickle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(pickle.dumps(1) + pickle.dumps(2))
    with pytest.raises(ModelError, match="magic number"):
        network.read_state(tmp_path / "w.pth")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be read"):
        network.read_state(tmp_path / "w.pth")
