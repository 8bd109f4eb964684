"""Sparse encoding of constant tensors, which stores only what is not zero.

The encoding is that of the schema's ``SparsityParameters``: the tensor's dimensions, some of them
split into blocks, are traversed in an order of the file's own, and each is stored either densely
or as a list of the indices that occur, like the rows of a compressed sparse matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.tflite.flatbuffer import Table, damaged

MAX_VALUES = 1 << 25
"""Maximum number of values of a sparse tensor; a few bytes can stand for any number of them."""

_SPARSE = 1
_INDEX_TYPES = {1: "<i4", 2: "<u2", 3: "u1"}

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Level:
    """How one dimension is stored, in the order of traversal.

    Attributes:
        size: Number of its indices if it is stored densely.
        segments: Where the indices below each entry of the level before begin, and where the last
            ones end; None if it is stored densely.
        indices: The indices that occur; None if it is stored densely.
    """

    size: int
    segments: Integers | None = None
    indices: Integers | None = None


@dataclass(frozen=True)
class SparseLayout:
    """Where the stored values of a sparse tensor belong.

    Attributes:
        order: The dimensions in the order of traversal; those from the tensor's rank on are blocks.
        blocked: The dimension of the tensor that each block belongs to.
        levels: How each dimension is stored, in the order of traversal.
    """

    order: tuple[int, ...]
    blocked: tuple[int, ...]
    levels: tuple[Level, ...]

    def dense(
        self, values: NDArray[np.generic], shape: tuple[int, ...], path: Path
    ) -> NDArray[np.generic]:
        """Return the complete tensor, with zeros for all that is not stored.

        Raises:
            ModelError: The layout contradicts itself, the shape or the number of values, or the
                tensor has more than ``MAX_VALUES``.
        """
        count = int(np.prod(shape, dtype=np.int64))
        if count > MAX_VALUES:
            raise ModelError(
                f"a sparse tensor stands for {count:,} values, which is more than {MAX_VALUES:,}",
                where=path,
                remedy="Store it densely",
            )
        rank = len(shape)
        if sorted(self.order) != list(range(rank + len(self.blocked))):
            raise damaged(path, "a sparse tensor is not traversed along its own dimensions")
        try:
            by_dimension = self._coordinates(count)
        except IndexError as error:
            raise damaged(path, "a sparse tensor refers to entries that it lacks") from error
        places = {dimension: at for at, dimension in enumerate(self.order)}
        coordinates = [by_dimension[places[dimension]] for dimension in range(rank)]
        for block, dimension in enumerate(self.blocked):
            place = places[rank + block]
            if self.levels[place].indices is not None:
                raise damaged(path, "a block of a sparse tensor is sparse itself")
            inner = by_dimension[place]
            coordinates[dimension] = coordinates[dimension] * self.levels[place].size + inner
        sizes = np.array(shape)[:, np.newaxis]
        at = np.stack(coordinates) if coordinates else np.empty((0, 1), np.int64)
        if at.shape[1] != len(values) or (at < 0).any() or (at >= sizes).any():
            raise damaged(path, "a sparse tensor's values do not fit its shape")
        result = np.zeros(shape, values.dtype)
        result[tuple(at)] = values
        return result

    def _coordinates(self, most: int) -> list[Integers]:
        """Return the index of each stored value along each dimension of the traversal."""
        entries = np.zeros(1, np.int64)
        coordinates: list[Integers] = []
        for level in self.levels:
            if level.segments is None or level.indices is None:
                counts = np.full(len(entries), level.size)
                starts = entries * level.size
            else:
                starts = level.segments[entries]
                counts = level.segments[entries + 1] - starts
            total = int(counts.sum())
            if (counts < 0).any() or total > most:
                raise IndexError
            first = np.repeat(starts - np.cumsum(counts) + counts, counts)
            positions = first + np.arange(total)
            own = positions % level.size if level.indices is None else level.indices[positions]
            coordinates = [np.repeat(other, counts) for other in coordinates]
            coordinates.append(own)
            entries = positions
        return coordinates


def sparse_layout(table: Table | None) -> SparseLayout | None:
    """Return the layout that a tensor's ``SparsityParameters`` describe; None for no table.

    Raises:
        ModelError: The table lies outside the file, or describes no dimension that exists.
    """
    if table is None:
        return None
    order, blocked = table.integers(0), table.integers(1)
    levels = tuple(_level(level) for level in table.tables(2))
    rank = len(order) - len(blocked)
    if len(levels) != len(order) or any(not 0 <= dimension < rank for dimension in blocked):
        raise damaged(table.source.path, "a sparse tensor's dimensions are not those that it names")
    return SparseLayout(order, blocked, levels)


def _level(table: Table) -> Level:
    if table.integer(0, "b") != _SPARSE:
        size = table.integer(1, "i")
        if size <= 0:
            raise damaged(table.source.path, "a dimension of a sparse tensor has no size")
        return Level(size)
    segments, indices = (_vector(table, number) for number in (2, 4))
    if segments is None or indices is None:
        raise damaged(table.source.path, "a sparse dimension has no list of indices")
    return Level(0, segments, indices)


def _vector(table: Table, number: int) -> Integers | None:
    """Return a vector of integers of any of the schema's three widths; None if there is none."""
    kind, holder = _INDEX_TYPES.get(table.integer(number, "B")), table.table(number + 1)
    if kind is None or holder is None:
        return None
    return np.asarray(holder.array(0, kind), np.int64)
