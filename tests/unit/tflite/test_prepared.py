"""What quantizers are given in place of files that they stumble over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeq.config.methods import MethodChoice
from edgeq.errors import ModelError
from edgeq.io.files import sha256_file
from edgeq.measure.size import measure_size
from edgeq.quantize.make import make_variant
from edgeq.quantize.variant import Variant
from edgeq.store.content import Store
from edgeq.tflite.constants import Constants
from edgeq.tflite.flatbuffer import Flatbuffer
from edgeq.tflite.model_file import ModelFile, Signature, read_content, read_model
from edgeq.tflite.prepared import preparations, prepared
from tests.unit.quantize.network import calibration, float_model, network
from tests.unit.tiny_model import Head, classifier, heads, outside, packed

UNSIGNED = "empty list of signatures added"
OLD = "operator codes of an old file rewritten"

Change = Callable[[Any], object]


def changed(content: bytes, *changes: Change) -> bytes:
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    for change in changes:
        change(model)
    return packed(model)


def signed(model: Any) -> None:
    """Give the model an empty list of signatures: nothing has to be done about those."""
    model.signatureDefs = []


def old(model: Any) -> None:
    """Write operator codes as files from before the schema's version 3a have them."""
    for code in model.operatorCodes:
        code.deprecatedBuiltinCode, code.builtinCode = code.builtinCode, 0


def left_over(
    model: Any, name: str = "left_over", values: np.ndarray[Any, Any] | None = None
) -> int:
    """Add a tensor that no operator writes or reads; return its index."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape = name, [1, 8, 8, 64] if values is None else list(values.shape)
    if values is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    tensors = model.subgraphs[0].tensors
    # In front, so that all others change their numbers.
    tensors.insert(0, tensor)
    graph = model.subgraphs[0]
    graph.inputs, graph.outputs = [i + 1 for i in graph.inputs], [i + 1 for i in graph.outputs]
    for one in graph.operators:
        one.inputs, one.outputs = [i + 1 for i in one.inputs], [i + 1 for i in one.outputs]
    for signature in model.signatureDefs or ():
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex += 1
    return 0


def operator(model: Any, name: str, inputs: list[int], outputs: list[int]) -> Any:
    """Put an operator of some kind behind the first."""
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 1
    model.operatorCodes.append(code)
    made = schema.OperatorT()
    made.opcodeIndex = len(model.operatorCodes) - 1
    made.inputs, made.outputs = inputs, outputs
    model.subgraphs[0].operators.insert(1, made)
    return made


def dead(model: Any) -> None:
    """Add an operator whose output nobody reads: the runtime gives it no memory."""
    made = left_over(model, "dead")
    operator(model, "RELU", [int(model.subgraphs[0].operators[0].outputs[0])], [made])


def written(folder: Path, content: bytes) -> Path:
    path = folder / "net.tflite"
    path.write_bytes(content)
    return path


def after(folder: Path, content: bytes) -> ModelFile:
    """Return the prepared model, written so that its constants can be read."""
    given = prepared(written(folder, content))
    assert given is not None
    path = folder / "prepared.tflite"
    path.write_bytes(given)
    return read_model(path)


def variant(folder: Path, content: bytes, method: str) -> Variant:
    choice = MethodChoice(method, method, "litert")
    model = float_model(folder, content)
    return make_variant(choice, model, calibration(folder), Store(folder / "store"))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(changed(network(), signed), id="an empty list of signatures"),
        pytest.param(heads(Head("p", 4, last="SOFTMAX"), signatures=("scores",)), id="signed"),
        pytest.param(outside(changed(network(), signed)), id="data behind the tables"),
    ],
)
def test_ordinary_files_are_passed_as_they_are(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    assert prepared(path) is None
    assert preparations(path) == ()


def test_operator_codes_of_old_files_are_rewritten(tmp_path: Path) -> None:
    path = written(tmp_path, changed(network(), signed, old))
    digest = sha256_file(path)
    assert preparations(path) == (OLD,)
    given = prepared(path)
    assert given is not None
    assert sha256_file(path) == digest
    codes = schema.ModelT.InitFromPackedBuf(bytearray(given), 0).operatorCodes
    numbers = schema.BuiltinOperator
    assert [one.builtinCode for one in codes] == [
        *(numbers.CONV_2D, numbers.DEPTHWISE_CONV_2D, numbers.MEAN),
        *(numbers.FULLY_CONNECTED, numbers.SOFTMAX),
    ]


@pytest.mark.parametrize("method", ["int8", "dynamic_range", "weight_only_int8", "float16"])
def test_old_and_new_files_become_the_same_variant(tmp_path: Path, method: str) -> None:
    before = changed(network(), old)
    new = variant(tmp_path, network(), method)
    assert new.manifest.prepared == (UNSIGNED,)
    found = variant(tmp_path, before, method)
    assert (tmp_path / "float.tflite").read_bytes() == before
    assert found.path != new.path
    assert found.path.read_bytes() == new.path.read_bytes()
    assert found.manifest.prepared == (OLD, UNSIGNED)


def test_a_variant_of_an_ordinary_file_says_nothing_of_it(tmp_path: Path) -> None:
    found = variant(tmp_path, changed(network(), signed), "float16")
    assert found.manifest.prepared is None


def test_a_file_without_signatures_gets_an_empty_list(tmp_path: Path) -> None:
    path = written(tmp_path, network())
    assert preparations(path) == (UNSIGNED,)
    content = prepared(path)
    assert content is not None
    assert prepared(written(tmp_path, content)) is None


@pytest.mark.parametrize("values", [None, np.ones((64, 64), np.float32)], ids=["empty", "stored"])
def test_tensors_that_no_operator_uses_are_left_out(
    tmp_path: Path, values: np.ndarray[Any, Any] | None
) -> None:
    def more(model: Any) -> None:
        left_over(model, values=values)

    content = changed(network(), signed, more)
    assert preparations(written(tmp_path, content)) == (
        "tensors left out that no operator uses: 1",
    )
    usual, found = read_content(Path("usual"), network()), after(tmp_path, content)
    assert [one.name for one in found.tensors] == [one.name for one in usual.tensors]
    assert found.operators == usual.operators
    assert (found.inputs, found.outputs) == (usual.inputs, usual.outputs)
    assert measure_size(found).parts.get("constants") == 8  # the axes of MEAN
    assert abs(found.bytes - usual.bytes) < 100  # and nothing of what was stored for it


def test_what_is_stored_for_the_others_stays_theirs(tmp_path: Path) -> None:
    def more(model: Any) -> None:
        left_over(model, values=np.ones((64, 64), np.float32))

    usual = read_model(written(tmp_path, network()))
    before = {one.name: Constants(usual).stored(one) for one in usual.tensors if one.data_bytes}
    found = after(tmp_path, changed(network(), more))
    held = {one.name: Constants(found).stored(one) for one in found.tensors if one.data_bytes}
    assert held.keys() == before.keys()
    for name, values in before.items():
        np.testing.assert_array_equal(held[name], values)


def test_operators_that_no_output_depends_on_are_left_out(tmp_path: Path) -> None:
    content = changed(network(), signed, dead)
    assert preparations(written(tmp_path, content)) == (
        "operators left out that no output depends on: 1",
        "tensors left out that no operator uses: 1",
    )
    found = after(tmp_path, content)
    assert [one.name for one in found.operators] == [
        *("CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX")
    ]
    assert "dead" not in {one.name for one in found.tensors}


@pytest.mark.parametrize("method", ["int8", "int8_float_io"])
def test_a_file_with_left_overs_is_calibrated_and_quantized(tmp_path: Path, method: str) -> None:
    def twin(model: Any) -> None:
        left_over(model, "conv")  # the library refuses two tensors of one name

    found = variant(tmp_path, changed(network(), dead, left_over, twin), method)
    usual = variant(tmp_path, network(), method)
    ours, theirs = read_model(found.path), read_model(usual.path)
    assert [one.name for one in ours.tensors] == [one.name for one in theirs.tensors]
    for one, other in zip(ours.tensors, theirs.tensors, strict=True):
        assert one.scales.tolist() == other.scales.tolist()
        assert one.dtype == other.dtype


def test_what_a_signature_names_stays_and_gets_its_new_number(tmp_path: Path) -> None:
    content = heads(Head("p", 4, last="SOFTMAX"), signatures=("scores",))
    found = after(tmp_path, changed(content, left_over))
    assert [found.output_names[index] for index in found.outputs] == ["scores"]
    assert found.tensors[found.outputs[0]].name == "p"
    assert found.signatures == (Signature("serving_default", 0),)


def test_operators_that_do_more_than_compute_stay(tmp_path: Path) -> None:
    def counts(model: Any) -> None:
        made = left_over(model, "state")
        operator(model, "VAR_HANDLE", [], [made])

    path = written(tmp_path, changed(network(), signed, counts))
    assert preparations(path) == ()


def test_what_an_operator_keeps_inside_stays_and_gets_its_new_number(tmp_path: Path) -> None:
    def inside(model: Any) -> None:
        inner = left_over(model, "inner")
        model.subgraphs[0].operators[0].intermediates = [inner]
        left_over(model)
        model.subgraphs[0].operators[0].intermediates = [inner + 1]

    found = after(tmp_path, changed(network(), inside))
    (inner,) = found.operators[0].intermediates
    assert found.tensors[inner].name == "inner"
    assert "left_over" not in {one.name for one in found.tensors}


def test_an_absent_input_stays_absent(tmp_path: Path) -> None:
    def without(model: Any) -> None:
        one = model.subgraphs[0].operators[3]
        one.inputs = [*list(one.inputs)[:2], -1]

    found = after(tmp_path, changed(network(), left_over, without))
    assert found.operators[3].inputs[2] == -1
    assert "dense_bias" not in {one.name for one in found.tensors}


def test_damaged_files_are_refused_as_everywhere(tmp_path: Path) -> None:
    def lost(model: Any) -> None:
        model.signatureDefs[0].outputs[0].tensorIndex = 99

    content = heads(Head("p", 4), signatures=("scores",))
    with pytest.raises(ModelError, match="names tensor 99 as output 'scores'"):
        prepared(written(tmp_path, changed(content, lost)))
    for damaged in (b"", classifier()[:200]):
        with pytest.raises(ModelError):
            prepared(written(tmp_path, damaged))
        with pytest.raises(ModelError):
            preparations(written(tmp_path, damaged))


def test_damage_that_only_rewriting_comes_to_is_a_model_error_too(tmp_path: Path) -> None:
    def noted(model: Any) -> None:
        note = schema.MetadataT()
        note.name, note.buffer = "a note", 0
        model.metadata = [note]

    content = bytearray(changed(network(), noted))
    (note,) = Flatbuffer(tmp_path, bytes(content)).root().tables(6)
    place = note.place(0)  # of its name, which nobody reads
    assert place is not None
    content[place : place + 4] = (2**31).to_bytes(4, "little")
    path = written(tmp_path, bytes(content))
    assert preparations(path) == (UNSIGNED,)
    with pytest.raises(ModelError, match="damaged or truncated: it can't be rewritten"):
        prepared(path)


def nameless(model: Any) -> None:
    for tensor in model.subgraphs[0].tensors:
        tensor.name = "t"


def test_tensors_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """As tools that strip names leave them; litert-quantizer refuses the file."""
    content = changed(network(), signed, nameless)
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    model = read_content(path, prepared(path) or b"")
    assert len({tensor.name for tensor in model.tensors}) == len(model.tensors)
    assert model.tensors[0].name == "t"
    (phrase,) = preparations(path)
    assert phrase == "tensors renamed that had another one's name: 12"
    store = Store(tmp_path / "store")
    choice = MethodChoice("int8", "int8", "litert")
    variant = make_variant(choice, float_model(tmp_path, content), calibration(tmp_path), store)
    assert variant.path.is_file()
