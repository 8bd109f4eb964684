"""Checks whether a target runs models, and with XNNPACK, using a model of one operator."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgeq.run.results import WorkerFacts
from edgeq.run.session import Session
from edgeq.run.targets import Target

SHAPE = (1, 8, 8, 3)
TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Probed:
    """What a worker reported about itself, and whether XNNPACK took over the operator."""

    facts: WorkerFacts
    xnnpack: bool


def probe(target: Target) -> Probed:
    """Start a worker, load a model of one operator, and end the worker.

    Raises:
        WorkerError: The worker can't be started, or does not load the model.
    """
    with tempfile.TemporaryDirectory(prefix="edgeq-") as folder:
        path = Path(folder, "probe.tflite")
        path.write_bytes(one_operator())
        with Session(target, timeout_s=TIMEOUT_S, memory_limit=None) as session:
            loaded = session.load(path, threads=1, kernels="xnnpack")
            return Probed(session.facts, loaded.kernels == "xnnpack")


def one_operator() -> bytes:
    """Return a ``.tflite`` file that computes the ReLU of an image."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.subgraphs = 3, [schema.BufferT()], [graph]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
    code.version = 1
    model.operatorCodes = [code]
    graph.tensors = [schema.TensorT(), schema.TensorT()]
    for tensor, name in zip(graph.tensors, ("image", "result"), strict=True):
        tensor.name, tensor.shape, tensor.type = name, list(SHAPE), schema.TensorType.FLOAT32
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0], [1]
    graph.operators, graph.inputs, graph.outputs = [operator], [0], [1]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
