from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from edgeq.config.load import parse
from edgeq.config.structs import Task
from edgeq.errors import ImageError, ModelError, SpecError, WorkerError
from edgeq.measure.predictions import make_answers
from edgeq.pipeline.readout import as_answers, blaming, readout, require_one_label
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.samples.labels import LabelSet
from edgeq.tasks.recognition import Reading
from edgeq.tflite.edits import Edit, apply_edits
from edgeq.tflite.model_file import ModelFile, read_model
from tests.unit.tasks.test_recognition import part_of_softmax
from tests.unit.tiny_model import Head, Op, Tensor, build, classifier, detector, heads

CLASSES = Reading("classification", 0, "", 5)
SECOND = Reading("classification", 1, "", 3)
TENSORS = Reading("tensors", 0, "")


def model(tmp_path: Path, content: bytes) -> ModelFile:
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    return read_model(path)


def outputs(found: ModelFile, edits: tuple[Edit, ...]) -> list[str]:
    path = found.path.with_name("edited.tflite")
    path.write_bytes(apply_edits(found.path.read_bytes(), edits))
    edited = read_model(path)
    return [edited.tensors[index].name for index in edited.outputs]


def test_a_classifier_hands_out_logits_too_and_nothing_is_judged_as_tensors(tmp_path: Path) -> None:
    file = model(tmp_path, classifier())
    found = readout(file, CLASSES)
    assert (found.places, found.scores, found.logits, found.sigmoid) == (2, 0, 1, False)
    assert found.judged == ()
    assert outputs(file, found.edits) == ["probabilities", "logits"]


def test_logits_without_a_softmax_need_no_edit(tmp_path: Path) -> None:
    found = readout(model(tmp_path, classifier(softmax=False)), CLASSES)
    assert (found.places, found.scores, found.logits, found.edits) == (1, 0, None, ())


def test_both_outputs_are_judged_beside_the_classes(tmp_path: Path) -> None:
    file = model(tmp_path, heads(Head("box", 4), Head("kind", 3, last="SOFTMAX", scale=1 / 256)))
    found = readout(file, SECOND)
    assert (found.scores, found.logits) == (1, 2)
    assert [(one.at, one.name, one.step) for one in found.judged] == [
        (0, "box", 0.0),
        (1, "kind", 1 / 256),
    ]
    assert outputs(file, found.edits) == ["box", "kind", "kind/0"]


def test_logits_that_are_an_output_already_are_not_repeated(tmp_path: Path) -> None:
    tensors = [Tensor("logits", (1, 5)), Tensor("image", (1, 5)), Tensor("p", (1, 5))]
    ops = [Op("RELU", ("image",), ("logits",)), Op("SOFTMAX", ("logits",), ("p",))]
    file = model(tmp_path, build(tensors, ops, ["image"], ["p", "logits"]))
    found = readout(file, CLASSES)
    assert (found.places, found.scores, found.logits, found.edits) == (2, 0, 1, ())
    assert [one.name for one in found.judged] == ["p", "logits"]


def test_tensors_are_handed_out_as_they_are(tmp_path: Path) -> None:
    found = readout(model(tmp_path, classifier()), TENSORS)
    assert (found.places, found.scores, found.logits, found.edits) == (1, None, None, ())
    assert [one.name for one in found.judged] == ["probabilities"]


def test_one_sigmoid_is_told(tmp_path: Path) -> None:
    assert readout(model(tmp_path, heads(Head("p", 1, last="LOGISTIC"))), CLASSES).sigmoid
    assert not readout(model(tmp_path, heads(Head("p", 2, last="LOGISTIC"))), CLASSES).sigmoid


SEVERAL = np.array([[0.9, 0.8, 0.1], [0.7, 0.2, 0.6], [0.9, 0.1, 0.2]], np.float32)


@pytest.mark.parametrize(
    ("scores", "last", "named"),
    [
        (SEVERAL, "LOGISTIC", {}),
        (SEVERAL, "LOGISTIC", {"task": "classification"}),
        (SEVERAL, "SOFTMAX", {}),
        (SEVERAL[[0, 2, 2]], "LOGISTIC", {}),
    ],
)
def test_sigmoids_of_which_several_apply_to_most_images_are_not_class_scores(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scores: np.ndarray,
    last: str,
    named: dict[str, object],
) -> None:
    file = model(tmp_path, heads(Head("p", 3, last=last)))
    monkeypatch.setattr(
        VariantUnderTest, "readout", readout(file, Reading("classification", 0, ""))
    )
    table = {"models": {"net": {"source": "x.tflite", **named}}}
    run = Run(parse(table, root=Path(), origin=Path("x")))
    baseline = VariantUnderTest(run, "net", "baseline", is_baseline=True)
    predictions = make_answers(scores, None, is_probability=False)
    text = r"on 66.7 % of 3 images two or more .* set task = \"multilabel\""
    refused = scores is SEVERAL and last == "LOGISTIC" and not named
    with pytest.raises(SpecError, match=text) if refused else nullcontext():
        require_one_label(baseline, predictions)


def test_a_variant_that_lacks_the_output_has_no_scores(tmp_path: Path) -> None:
    found = readout(model(tmp_path, heads(Head("box", 4))), SECOND)
    assert found.scores is None
    assert [one.name for one in found.judged] == ["box"]


def test_boxes_and_scores_are_judged_in_place_of_the_detections(tmp_path: Path) -> None:
    file = model(tmp_path, detector())
    found = readout(file, TENSORS)
    assert [one.name for one in found.judged] == ["boxes", "scores"]
    assert [one.at for one in found.judged] == [4, 5]
    assert found.places == 6
    assert found.defined == (4, 5)
    assert outputs(file, found.edits)[4:] == ["boxes", "scores"]


@pytest.mark.parametrize("io", [True, False])
def test_the_step_of_a_quantized_output_is_told(tmp_path: Path, io: bool) -> None:
    file = model(tmp_path, heads(Head("box", 8, shape=(1, 2, 4), scale=0.5, io=io)))
    assert [one.step for one in readout(file, TENSORS).judged] == [0.5]


ROWS = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)


def named(name: str, *, is_baseline: bool = False) -> VariantUnderTest:
    run = Run(parse({"models": {"net": {"source": "x.tflite"}}}, root=Path(), origin=Path("x")))
    return VariantUnderTest(run, "net", name, is_baseline=is_baseline)


@pytest.fixture
def tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., VariantUnderTest]:
    """Return a maker of variants that are of one file, whatever their spec says."""

    def make(labels: LabelSet | None = None, *, task: Task = "classification") -> VariantUnderTest:
        path = tmp_path / "net.tflite"
        path.write_bytes(classifier(classes=3))
        reading = Reading(task, 0, "a test says so", 3)
        monkeypatch.setattr(VariantUnderTest, "labels", labels)
        monkeypatch.setattr(VariantUnderTest, "reading", reading)
        monkeypatch.setattr(VariantUnderTest, "readout", readout(read_model(path), reading))
        return named("int8")

    return make


def test_what_feeds_the_softmax_is_handed_out_behind_the_outputs(
    tested: Callable[..., VariantUnderTest],
) -> None:
    outputs = [ROWS.reshape(2, 1, 1, 3), np.log(ROWS)]
    found = as_answers(tested(), outputs)
    assert found.is_probability
    assert np.array_equal(found.scores, ROWS)
    assert np.array_equal(found.logits, np.log(ROWS))
    assert found.logits_source == "softmax_input"


def test_a_model_that_is_judged_as_tensors_gives_no_answers(
    tested: Callable[..., VariantUnderTest],
) -> None:
    with pytest.raises(ModelError, match="judged as tensors: a test says so"):
        as_answers(tested(task="tensors"), [ROWS])


def test_outputs_of_other_labels_are_refused(tested: Callable[..., VariantUnderTest]) -> None:
    with pytest.raises(ImageError, match="these labels are for 2 outputs"):
        as_answers(tested(LabelSet("two", ("a", "b"))), [ROWS, ROWS])


def test_a_baseline_that_does_not_run_is_bad_input() -> None:
    error = WorkerError("crashed", where="net/float32")
    with (
        pytest.raises(ModelError, match="the baseline does not run: crashed") as caught,
        blaming(named("baseline", is_baseline=True)),
    ):
        raise error
    assert caught.value.where == "net/float32"
    assert caught.value.remedy


def test_a_variant_that_does_not_run_fails_itself() -> None:
    error = WorkerError("crashed", where="net/int8")
    with pytest.raises(WorkerError) as caught, blaming(named("int8")):
        raise error
    assert caught.value is error


def test_one_logit_is_its_own_logit_and_one_value_of_a_softmax_has_none(tmp_path: Path) -> None:
    found = readout(model(tmp_path, heads(Head("y", 1))), CLASSES)
    assert (found.scores, found.logits, found.sigmoid, found.probabilities) == (0, 0, True, False)
    assert (found.inside, found.edits) == ((), ())
    found = readout(model(tmp_path, part_of_softmax(2, 1)), CLASSES)
    assert (found.scores, found.logits, found.sigmoid, found.probabilities) == (0, None, True, True)


def test_a_logit_decides_at_zero(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(heads(Head("y", 1)))
    table = {"source": "net.tflite", "task": "classification"}
    spec = parse({"models": {"net": table}}, root=tmp_path, origin=tmp_path / "edgeq.toml")
    logits = np.array([[-300.0], [-0.5], [0.5]], np.float32)
    predictions = as_answers(Run(spec).baseline("net"), [logits])
    assert predictions.scores[:, 1] == pytest.approx([0, 0.37754, 0.62246], abs=1e-5)
    assert predictions.logits.tolist() == [[0, -300], [0, -0.5], [0, 0.5]]
    assert predictions.is_probability
    assert predictions.scores.argmax(axis=1).tolist() == [0, 0, 1]
