"""Loads SavedModels with a fixed batch of 1; imported in the export child only.

Loading a SavedModel runs its initializers, and converting it runs whatever can be folded. Its
graph can read and write any file, open connections and call Python, all with the user's rights:
https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md. A model that only computes needs
none of that except to restore its own variables, so operators that do more are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import op_def_registry
from tensorflow.python.saved_model import loader_impl

from edgeq import words
from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.frozen_graph import with_flex
from edgeq.models.input_size import ONE_INPUT, fixed_shape, size_of
from edgeq.models.protobuf import SERVING

_STATE = re.compile(
    r"_?(While|If|Case)|(Stateful)?PartitionedCall|XlaCallModule|"
    r"VarHandleOp|VarIsInitializedOp|VariableShape|Variable(V2)?|TemporaryVariable|"
    r"ReadVariableOp|Assign(Add|Sub)?VariableOp|DestroyResourceOp|DisableCopyOnRead|"
    r"Resource(Gather|Scatter|Sparse|Apply|StridedSlice|CountUpTo).*|"
    r"(Anonymous)?(Mutable)?(Dense)?HashTable(OfTensors)?(V2)?|InitializeTableV2|"
    r"LookupTable(Find|Insert|Remove|Size|Export|Import)V2|"
    r"TensorArray.*|Stack(V2|PopV2|PushV2|CloseV2)?|Empty|DeepCopy|GuaranteeConst|"
    r"Random.*|Stateful.*|Multinomial|(Parameterized)?TruncatedNormal|NonDeterministicInts|"
    r"Rng(Skip|ReadAndSkip)|StatelessRandomGetAlg|Anonymous.*SeedGenerator|DummySeedGenerator|"
    r"SampleDistortedBoundingBox(V2)?|CudnnRNN.*|CheckNumerics(V2)?|Assert|Timestamp"
)
"""Operators whose state or effect stays within the process."""
_REACHES_OUT = re.compile(
    r"ReadFile|MatchingFiles|.*FromTextFile.*|Reader.*|.*Snapshot.*|Cache.*|RegisterDataset.*|"
    r"Debug.*|PyFunc.*|(De|En)codeProto.*|XlaCustomCall.*|ImmutableConst|.*Remote.*|.*Iterator.*"
)
"""Operators that TensorFlow treats as plain arithmetic but that reach outside the process."""
_SAVING = frozenset({"SaveV2", "MergeV2Checkpoints", "Save", "SaveSlices"})
_RESTORING = frozenset({"RestoreV2", "Restore", "RestoreSlice"})
_MAX_NAMED = 6


def require_arithmetic(folder: str, *, allow_code: bool) -> None:
    """Refuse a SavedModel that reaches outside its process, before any of it runs.

    Raises:
        ModelError: The graph has such operators, and code is not allowed.
    """
    if allow_code:
        return
    operators: set[str] = set()
    for graph in loader_impl.parse_saved_model(folder).meta_graphs:
        operators |= reaching_out(graph)
    if operators:
        raise ModelError(
            "its graph has operators that read or write files, or call back: "
            f"{words.names(sorted(operators), _MAX_NAMED)}; loading it would run them",
            where=folder,
            remedy="Export the model without them; if you trust its maker, set allow_code = true",
        )


def reaching_out(meta_graph: Any) -> set[str]:
    """Return the names of a graph's operators that reach outside the process.

    The operators by which the model's own saver writes and restores variables do not count, as
    long as only the saver calls them.
    """
    nodes = meta_graph.graph_def.node
    functions = {
        function.signature.name: function for function in meta_graph.graph_def.library.function
    }
    saver, used = meta_graph.saver_def, _behind(nodes, _used(meta_graph))
    by_saver = {
        _SAVING: _behind(nodes, [saver.save_tensor_name]) - used,
        _RESTORING: _behind(nodes, [saver.restore_op_name]) - used,
    }
    others = [node for node in nodes if not any(node.name in names for names in by_saver.values())]
    called_by_others = _called(others, functions) | _closure(
        meta_graph.object_graph_def.concrete_functions, functions
    )
    left = set(functions)
    operators = _reaching(others, frozenset())
    for own, names in by_saver.items():
        mine = [node for node in nodes if node.name in names]
        operators |= _reaching(mine, own)
        for name in _called(mine, functions) - called_by_others:
            operators |= _reaching(functions[name].node_def, own)
            left.discard(name)
    for name in left:
        operators |= _reaching(functions[name].node_def, frozenset())
    return operators


def _reaching(nodes: Iterable[Any], own: frozenset[str]) -> set[str]:
    return {node.op for node in nodes if node.op not in own and _reaches_out(node.op)}


def _reaches_out(name: str) -> bool:
    if _REACHES_OUT.fullmatch(name):
        return True
    known = op_def_registry.get(name)
    return known is not None and known.is_stateful and _STATE.fullmatch(name) is None


def _used(meta_graph: Any) -> Iterator[str]:
    """Yield the names of nodes that signatures and initializers use."""
    for signature in meta_graph.signature_def.values():
        for tensor in (*signature.inputs.values(), *signature.outputs.values()):
            yield tensor.name
    for collection in meta_graph.collection_def.values():
        yield from collection.node_list.value


def _behind(nodes: Iterable[Any], ends: Iterable[str]) -> set[str]:
    """Return the names of the given nodes and of all nodes that they depend on."""
    by_name = {node.name: node for node in nodes}
    todo, seen = [_node_of(end) for end in ends if end], set[str]()
    while todo:
        name = todo.pop()
        if name in by_name and name not in seen:
            seen.add(name)
            todo += map(_node_of, by_name[name].input)
    return seen


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _called(nodes: Iterable[Any], functions: Mapping[str, Any]) -> set[str]:
    """Return the functions that the given nodes call, directly or indirectly."""
    return _closure((name for node in nodes for name in _names_in(node)), functions)


def _closure(names: Iterable[str], functions: Mapping[str, Any]) -> set[str]:
    todo, seen = list(names), set[str]()
    while todo:
        name = todo.pop()
        if name in functions and name not in seen:
            seen.add(name)
            todo += [inner for node in functions[name].node_def for inner in _names_in(node)]
    return seen


def _names_in(node: Any) -> Iterator[str]:
    yield node.op  # a node can call a function by name
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)


def fixed_batch(request: ExportRequest) -> tuple[Any, tuple[int, int]]:
    """Return a module whose function ``serve`` takes one sample, and the image's size.

    Raises:
        ModelError: The signature is missing, or takes several inputs that are not arrays; or the
            graph reaches outside the process and the request does not allow that.
    """
    function = signature_of(request)
    inputs = function.structured_input_signature[1]
    if not inputs or (len(inputs) > 1 and not request.arrays):
        raise ModelError(
            f"its signature has {len(inputs)} inputs", where=request.name, remedy=ONE_INPUT
        )
    outputs = tuple(function.structured_outputs)
    shapes = []
    for spec in inputs.values():
        shape = () if spec.shape.rank is None else spec.shape.as_list()
        shapes.append(fixed_shape(shape, request))

    def serve(*tensors: Any) -> Any:
        given = function(**dict(zip(inputs, tensors, strict=True)))
        return {name: given[name] for name in outputs}

    names = ["image"] if len(inputs) == 1 else list(inputs)
    specs = [
        tf.TensorSpec(shape, spec.dtype, name=name)
        for name, spec, shape in zip(names, inputs.values(), shapes, strict=True)
    ]
    return serving(serve, specs, function.loaded), size_of(shapes[0], request)


def signature_of(request: ExportRequest) -> Any:
    """Return the function of a SavedModel's signature.

    The last one is kept, because the child that exported it also runs it.

    Raises:
        ModelError: The signature is missing, or the graph reaches outside the process and the
            request does not allow that.
    """
    return _load(request.name, request.signature or SERVING, allow_code=request.allow_code)


@lru_cache(maxsize=1)
def _load(folder: str, key: str, *, allow_code: bool) -> Any:
    require_arithmetic(folder, allow_code=allow_code)
    loaded = tf.saved_model.load(folder)
    signatures = dict(loaded.signatures)
    if key not in signatures:
        raise ModelError(
            f"has no signature {key!r}; it has: {', '.join(signatures) or 'none'}",
            where=folder,
            remedy="Save it with model.export(FOLDER), which writes that signature",
        )
    function = signatures[key]
    function.loaded = loaded  # keeps the variables alive
    return function


def serving(function: Callable[..., Any], specs: Sequence[Any], loaded: Any) -> Any:
    """Return a module whose function ``serve`` is a function for inputs of fixed shapes."""
    module = tf.Module()
    module.loaded = loaded
    module.serve = tf.function(function, input_signature=list(specs))
    return module


def write(module: Any, request: ExportRequest) -> None:
    """Write a module's ``serve`` as the float ``.tflite`` file or the folder of a request."""
    concrete = module.serve.get_concrete_function()
    if request.form == "saved_model":
        tf.saved_model.save(module, request.output, signatures={SERVING: concrete})
        return
    converter = with_flex(tf.lite.TFLiteConverter.from_concrete_functions([concrete], module))
    with open(request.output, "wb") as file:  # noqa: PTH123 (a path as text, from the request)
        file.write(converter.convert())
