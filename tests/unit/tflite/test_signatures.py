"""One signature of a file of several graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgeq.errors import ModelError, SpecError
from edgeq.tflite.model_file import Signature, read_content, read_model
from edgeq.tflite.signatures import (
    alone,
    content_of_signature,
    find_signature,
    first_graph_note,
)
from tests.unit import tiny_model
from tests.unit.tiny_model import Head
from tests.unit.tiny_signatures import joined

CLASSIFY = tiny_model.classifier(classes=3, seed=4)
BRIGHTNESS = tiny_model.heads(Head("mean", 2, seed=1))


@pytest.fixture
def both(tmp_path: Path) -> Path:
    path = tmp_path / "both.tflite"
    path.write_bytes(joined(brightness=BRIGHTNESS, classify=CLASSIFY))
    return path


def answer(content: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    image = np.arange(48, dtype=np.float32).reshape(1, 4, 4, 3)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = interpreter.get_tensor(
        interpreter.get_output_details()[0]["index"]
    )
    return found


def test_signatures_are_read(both: Path) -> None:
    signatures = (Signature("brightness", 0), Signature("classify", 1))
    assert read_model(both).signatures == signatures
    assert find_signature(both, "classify", where="signature") == Signature("classify", 1)
    with pytest.raises(SpecError, match=r"unknown signature .*Did you mean 'classify'"):
        find_signature(both, "clasify", where="signature")


def test_a_graph_alone_answers_as_its_own_model(both: Path) -> None:
    content = content_of_signature(both, "classify", where="signature")

    assert content is not None
    model = read_content(both, content)
    assert (model.subgraphs, model.signatures) == (1, (Signature("classify", 0),))
    np.testing.assert_array_equal(answer(content), answer(CLASSIFY))
    assert len(content) < both.stat().st_size


def test_the_first_graph_is_separated_if_it_is_chosen_and_calls_no_other(
    both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quantizers that calibrate the first graph alone would fail at the others."""
    content = content_of_signature(both, "brightness", where="signature")

    assert content is not None
    model = read_content(both, content)
    assert (model.subgraphs, model.signatures) == (1, (Signature("brightness", 0),))
    np.testing.assert_array_equal(answer(content), answer(BRIGHTNESS))
    single = tmp_path / "one.tflite"
    single.write_bytes(joined(brightness=BRIGHTNESS))
    assert content_of_signature(single, "brightness", where="signature") is None
    assert content_of_signature(both, None, where="signature") is None
    monkeypatch.setattr("edgeq.tflite.signatures.CALLS", frozenset({"FULLY_CONNECTED"}))
    assert content_of_signature(both, "brightness", where="signature") is None


def test_several_graphs_without_a_choice_are_noted(both: Path, tmp_path: Path) -> None:
    single = tmp_path / "one.tflite"
    single.write_bytes(joined(classify=CLASSIFY))

    note = first_graph_note(read_model(both))

    assert note == (
        "has 2 signatures ('brightness', 'classify'): the first graph, that of 'brightness', is "
        "validated"
    )
    assert first_graph_note(read_model(both), "other") == note
    assert first_graph_note(read_model(both), "brightness") is None
    assert first_graph_note(read_model(single)) is None


@pytest.mark.parametrize(
    ("models", "key"),
    [
        ({"infer": CLASSIFY, "serving_default": BRIGHTNESS}, None),
        ({"infer": CLASSIFY, "serving_default": BRIGHTNESS}, "other"),
        ({"first": CLASSIFY, "second": BRIGHTNESS}, "second"),
    ],
)
def test_a_file_whose_apps_call_another_graph_than_the_judged_one_is_refused(
    models: dict[str, bytes], key: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "both.tflite"
    path.write_bytes(joined(**models))

    with pytest.raises(ModelError, match="calls another graph than the first"):
        first_graph_note(read_model(path), key)


def test_the_only_signature_is_the_one_that_apps_call(tmp_path: Path) -> None:
    path = tmp_path / "both.tflite"
    model = schema.ModelT.InitFromPackedBuf(bytearray(joined(a=CLASSIFY, b=BRIGHTNESS)), 0)
    del model.signatureDefs[0]
    path.write_bytes(tiny_model.packed(model))

    with pytest.raises(ModelError, match="its signature 'b' calls another graph"):
        first_graph_note(read_model(path))


def test_a_file_without_signatures_has_none_to_choose(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(CLASSIFY)

    with pytest.raises(ModelError, match="has no signatures"):
        content_of_signature(path, "serving_default", where="models.net.signature")


def test_a_graph_that_calls_another_is_refused(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeq.tflite.signatures.CALLS", frozenset({"SOFTMAX"}))

    with pytest.raises(ModelError, match=r"calls other graphs of the file \(SOFTMAX\)"):
        alone(both, Signature("classify", 1))
    assert read_model(both).subgraphs == 2
