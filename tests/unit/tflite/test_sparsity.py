"""Sparse tensors are read as the runtime's own DENSIFY reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st

from edgeq.errors import ModelError
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import ModelFile, read_model
from edgeq.tflite.prepared import halves, widened
from edgeq.tflite.sparsity import MAX_VALUES, Level, SparseLayout
from edgeq.tflite.wiring import Wiring
from tests.unit.tiny_model import Op, Tensor, build, packed

RNG = np.random.default_rng(5)
INDEX_VECTORS = (
    (schema.SparseIndexVector.Uint8Vector, schema.Uint8VectorT),
    (schema.SparseIndexVector.Uint16Vector, schema.Uint16VectorT),
    (schema.SparseIndexVector.Int32Vector, schema.Int32VectorT),
)
NOWHERE = Path("model.tflite")


def rows(matrix: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], list[int], list[int]]:
    """Return the values, segments and indices of a compressed sparse matrix."""
    at = [np.flatnonzero(row) for row in matrix]
    segments = np.cumsum([0, *map(len, at)]).tolist()
    return matrix[matrix != 0], segments, np.concatenate(at).tolist()


def sparse_file(values: np.ndarray[Any, Any], sparsity: Any, shape: tuple[int, int]) -> bytes:
    """Return a dense layer whose weights go through DENSIFY, and are an output beside its own."""
    half = values.dtype == np.float16
    wide = "wide" if half else "dense"
    tensors = [
        Tensor("in", (1, shape[1])),
        Tensor("kernel", (values.size,), str(values.dtype), values),
        Tensor("dense", shape, str(values.dtype)),
        Tensor("out", (1, shape[0])),
    ]
    ops = [Op("DENSIFY", ("kernel",), ("dense",))]
    if half:
        tensors.append(Tensor("wide", shape))
        ops.append(Op("DEQUANTIZE", ("dense",), ("wide",)))
    ops.append(Op("FULLY_CONNECTED", ("in", wide), ("out",)))
    content = build(tensors, ops, ["in"], ["out"])
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    kernel = model.subgraphs[0].tensors[1]
    kernel.shape, kernel.sparsity = list(shape), sparsity
    return packed(model)


def csr(
    matrix: np.ndarray[Any, Any], vector: tuple[int, Any] = INDEX_VECTORS[0]
) -> tuple[np.ndarray[Any, Any], Any]:
    """Return a matrix's values and the schema's description of their places."""
    values, segments, indices = rows(matrix)
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder = [0, 1]
    sparsity.dimMetadata = [dense_level(len(matrix)), sparse_level(segments, indices, vector)]
    return values, sparsity


def dense_level(size: int) -> Any:
    level = schema.DimensionMetadataT()
    level.format, level.denseSize = schema.DimensionType.DENSE, size
    return level


def sparse_level(segments: list[int], indices: list[int], vector: tuple[int, Any]) -> Any:
    kind, holder = vector
    level = schema.DimensionMetadataT()
    level.format = schema.DimensionType.SPARSE_CSR
    level.arraySegmentsType = level.arrayIndicesType = kind
    level.arraySegments, level.arrayIndices = holder(), holder()
    level.arraySegments.values, level.arrayIndices.values = segments, indices
    return level


def blocked(matrix: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], Any]:
    """Return a matrix of four columns' blocks, as XNNPACK's and TFLite's tools write them."""
    blocks = matrix.reshape(len(matrix), -1, 4)
    _, segments, indices = rows(np.abs(blocks).sum(axis=2))
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder, sparsity.blockMap = [0, 1, 2], [1]
    sparsity.dimMetadata = [
        dense_level(len(matrix)),
        sparse_level(segments, indices, INDEX_VECTORS[2]),
        dense_level(4),
    ]
    return blocks[np.abs(blocks).sum(axis=2) != 0].ravel(), sparsity


def matrix_with_zeros(dtype: str, shape: tuple[int, int] = (6, 8)) -> np.ndarray[Any, Any]:
    matrix = RNG.normal(size=shape)
    matrix[RNG.random(shape) < 0.6] = 0
    return matrix.astype(dtype)


def read(folder: Path, content: bytes) -> ModelFile:
    path = folder / "sparse.tflite"
    path.write_bytes(content)
    return read_model(path)


def answer(content: bytes, given_input: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, given_input)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


@pytest.mark.parametrize("vector", INDEX_VECTORS, ids=["uint8", "uint16", "int32"])
def test_the_runtime_computes_with_what_is_read(tmp_path: Path, vector: tuple[int, Any]) -> None:
    matrix = matrix_with_zeros("float32")
    content = sparse_file(*csr(matrix, vector), matrix.shape)
    model = read(tmp_path, content)
    (layer,) = Wiring(model).layers
    assert layer.weights.name == "kernel"
    np.testing.assert_array_equal(Constants(model).real(layer.weights), matrix)
    image = RNG.normal(size=(1, 8)).astype(np.float32)
    np.testing.assert_allclose(answer(content, image), image @ matrix.T, rtol=1e-5)


def test_blocks_of_columns_are_read(tmp_path: Path) -> None:
    matrix = np.repeat(matrix_with_zeros("float32", (5, 3)), 4, axis=1)
    matrix[matrix != 0] += np.arange(np.count_nonzero(matrix), dtype=np.float32)
    content = sparse_file(*blocked(matrix), matrix.shape)
    model = read(tmp_path, content)
    np.testing.assert_array_equal(Constants(model).real(model.tensors[1]), matrix)
    image = RNG.normal(size=(1, 12)).astype(np.float32)
    np.testing.assert_allclose(answer(content, image), image @ matrix.T, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_baseline_is_made_dense_for_quantizers(tmp_path: Path, dtype: str) -> None:
    matrix = matrix_with_zeros(dtype)
    content = sparse_file(*csr(matrix), matrix.shape)
    model = read(tmp_path, content)
    assert {model.tensors[at].name for at in halves(model)} == {"kernel"}
    dense = widened(model.path)
    assert dense is not None
    plain = read(tmp_path, dense)
    assert [operator.name for operator in plain.operators] == ["FULLY_CONNECTED"]
    assert all(tensor.layout is None for tensor in plain.tensors)
    image = RNG.normal(size=(1, 8)).astype(np.float32)
    np.testing.assert_array_equal(answer(dense, image), answer(content, image))


@given(
    st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**32 - 1), st.floats(0, 1), st.booleans()
)
def test_every_matrix_comes_back(
    height: int, width: int, seed: int, share: float, transposed: bool
) -> None:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(height, width)) * (generator.random((height, width)) < share)
    stored = matrix.T if transposed else matrix
    values, segments, indices = rows(stored)
    order = (1, 0) if transposed else (0, 1)
    levels = Level(len(stored)), Level(0, np.array(segments), np.array(indices, np.int64))
    layout = SparseLayout(order, (), levels)
    np.testing.assert_array_equal(layout.dense(values, matrix.shape, NOWHERE), matrix)


SEGMENTS, INDICES = np.array([0, 1, 3]), np.array([2, 0, 1])


@pytest.mark.parametrize(
    ("layout", "count", "shape"),
    [
        (SparseLayout((0, 1), (), (Level(2), Level(0, SEGMENTS, INDICES))), 2, (2, 3)),
        (SparseLayout((0, 1), (), (Level(2), Level(0, SEGMENTS, INDICES + 1))), 3, (2, 3)),
        (SparseLayout((0, 1), (), (Level(3), Level(0, SEGMENTS, INDICES))), 3, (3, 3)),
        (SparseLayout((0, 1), (), (Level(2), Level(0, SEGMENTS[::-1], INDICES))), 3, (2, 3)),
        (SparseLayout((0, 0), (), (Level(2), Level(0, SEGMENTS, INDICES))), 3, (2, 3)),
        (SparseLayout((0, 1), (), (Level(2), Level(3))), 6, (2, MAX_VALUES)),
        (SparseLayout((0,), (), (Level(2**30),)), 2, (2,)),
    ],
)
def test_contradictions_are_refused(
    layout: SparseLayout, count: int, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ModelError, match="sparse"):
        layout.dense(np.ones(count, np.float32), shape, NOWHERE)
