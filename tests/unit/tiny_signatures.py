"""A ``.tflite`` file of several graphs, each with a signature, built without TensorFlow."""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tests.unit import tiny_model


def joined(**models: bytes) -> bytes:
    """Return one file of models, in their order, each under its signature's name."""
    whole: Any = None
    codes: list[Any] = []
    for graph, (key, content) in enumerate(models.items()):
        model: Any = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = key, graph
        main = model.subgraphs[0]
        signature.inputs = [_entry("image", main.inputs[0])]
        signature.outputs = [_entry("scores", main.outputs[0])]
        if whole is None:
            whole, codes = model, model.operatorCodes
            whole.signatureDefs = []
        else:
            for tensor in main.tensors:
                tensor.buffer += len(whole.buffers)
            for operator in main.operators:
                operator.opcodeIndex += len(codes)
            whole.buffers += model.buffers
            codes += model.operatorCodes
            whole.subgraphs.append(main)
        whole.signatureDefs.append(signature)
    return tiny_model.packed(whole)


def _entry(name: str, tensor: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, int(tensor)
    return entry
