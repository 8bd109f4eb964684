from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeq.config.structs import Task
from edgeq.errors import SpecError
from edgeq.tasks.recognition import KnownClasses, Reading, recognize
from edgeq.tflite.model_file import read_model
from tests.unit import tiny_model
from tests.unit.tiny_model import Head, Op, Tensor, build, detector, heads

Read = Callable[..., Reading]

NOTHING = KnownClasses()


def labelled(count: int | None) -> KnownClasses:
    return KnownClasses(count=lambda: count)


def label_set(outputs: int, count: int | None = None) -> KnownClasses:
    return KnownClasses(outputs=outputs, label_set="animals", count=lambda: count)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def recognized(
        content: bytes,
        known: KnownClasses = NOTHING,
        *,
        task: Task | None = None,
        output: str | None = None,
        decoder: str | None = None,
    ) -> Reading:
        path = tmp_path / "net.tflite"
        path.write_bytes(content)
        model = read_model(path)
        return recognize(
            model, known, task=task, output=output, where="models.net", decoder=decoder
        )

    return recognized


def test_a_softmax_holds_class_scores(read: Read) -> None:
    found = read(heads(Head("probabilities", 5, last="SOFTMAX")))
    assert (found.task, found.output, found.classes) == ("classification", 0, 5)
    assert "softmax of 5" in found.evidence


@pytest.mark.parametrize(
    "head",
    [
        Head("p", 5, last="SOFTMAX", shape=(1, 1, 1, 5)),
        Head("p", 5, last="SOFTMAX", scale=1 / 256, point=-128),
        Head("p", 5, last="SOFTMAX", scale=1 / 256, point=-128, io=True),
        Head("p", 5, last="SOFTMAX", shape=(1, 1, 5), scale=1 / 256, point=-128, io=True),
    ],
)
def test_a_softmax_is_seen_behind_reshaping_and_quantizing(read: Read, head: Head) -> None:
    found = read(heads(head))
    assert (found.task, found.classes) == ("classification", 5)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_batch_is_no_class(read: Read, batch: int) -> None:
    found = read(tiny_model.classifier(batch=batch))
    assert (found.task, found.classes) == ("classification", 5)


def test_an_open_batch_is_no_open_shape(read: Read) -> None:
    assert read(tiny_model.classifier(dynamic=True)).task == "classification"


def test_logits_alone_show_nothing(read: Read) -> None:
    found = read(heads(Head("logits", 5)))
    assert (found.task, found.classes) == ("tensors", 0)
    assert 'set task = "classification"' in found.evidence


@pytest.mark.parametrize(
    ("known", "task"),
    [
        (label_set(5), "classification"),
        (label_set(6), "tensors"),
        (labelled(5), "classification"),
        (labelled(3), "classification"),  # not every class has an image
        (labelled(2), "tensors"),  # an embedding beside a few labels
        (labelled(6), "tensors"),
        (labelled(None), "tensors"),
    ],
)
def test_labels_that_fit_make_logits_class_scores(
    read: Read, known: KnownClasses, task: Task
) -> None:
    assert read(heads(Head("logits", 5)), known).task == task


def test_image_labels_are_not_read_where_the_file_says_enough(read: Read) -> None:
    def count() -> int:
        pytest.fail("the labels were read")

    known = KnownClasses(count=count)
    assert read(heads(Head("p", 5, last="SOFTMAX")), known).task == "classification"
    assert read(heads(Head("map", 8, shape=(1, 2, 4))), known).task == "tensors"


def test_one_sigmoid_tells_two_classes_apart(read: Read) -> None:
    found = read(heads(Head("person", 1, last="LOGISTIC")))
    assert (found.task, found.output, found.classes) == ("classification", 0, 2)


def test_one_number_that_is_no_sigmoid_is_a_regression(read: Read) -> None:
    found = read(heads(Head("age", 1)))
    assert found.task == "regression"
    assert found.evidence.startswith("output 0 ('age') is one value that nothing bounds (if it is")
    assert read(heads(Head("age", 1), Head("size", 1, seed=1))).task == "tensors"


@pytest.mark.parametrize(
    ("known", "task"),
    [
        (NOTHING, "multilabel"),
        (labelled(5), "classification"),
        (labelled(2), "multilabel"),
        (label_set(5), "multilabel"),  # several labels may be true of one image
        (label_set(5, 5), "classification"),
    ],
)
def test_several_sigmoids_are_classes_only_if_images_have_one_label_each(
    read: Read, known: KnownClasses, task: Task
) -> None:
    found = read(heads(Head("tags", 5, last="LOGISTIC")), known)
    assert found.task == task
    assert task == "classification" or "5 sigmoids" in found.evidence


@pytest.mark.parametrize("known", [NOTHING, label_set(4), labelled(4)])
def test_a_map_of_class_scores_is_no_classifier(read: Read, known: KnownClasses) -> None:
    map_ = Head("map", 16, last="SOFTMAX", shape=(1, 2, 2, 4))
    found = read(heads(map_), known)
    assert found.task == "tensors"
    assert "no output holds one score for each class" in found.evidence
    assert "[1, 2, 2, 4]" in found.evidence


def test_boxes_joined_with_scores_are_no_class_scores(read: Read) -> None:
    both = (Head("box", 4), Head("scores", 6, last="SOFTMAX"))
    assert read(heads(*both, joined="all"), labelled(10)).task == "tensors"


def test_an_embedding_is_no_class_scores_although_the_labels_count_up_to_it(read: Read) -> None:
    assert read(heads(Head("e", 8, last="L2_NORMALIZATION")), labelled(8)).task == "embedding"


def test_further_outputs_with_class_scores_are_heads(read: Read) -> None:
    several = (Head("kind", 3, last="SOFTMAX"), Head("box", 4), Head("sure", 1, last="LOGISTIC"))
    assert read(heads(*several)).heads == (2,)
    assert read(heads(*several), output="sure").heads == (0,)


def test_a_task_of_the_table_is_asked_for_by_name(read: Read) -> None:
    found = read(heads(Head("points", 6)), task="keypoints")
    assert (found.task, found.output, found.classes, found.tensors) == ("keypoints", 0, 0, 1)
    assert "the spec says so" in found.evidence
    assert found.kind is not None
    second = read(heads(Head("score", 1), Head("points", 6, seed=1)), task="keypoints")
    assert second.output == 1  # the first that can hold points
    named = read(heads(*TWO), task="embedding", output="kind")
    assert (named.task, named.output) == ("embedding", 1)


@pytest.mark.parametrize(
    ("task", "output", "words"),
    [
        ("segmentation", None, "no output of the model is a map of height, width and classes"),
        ("segmentation", "kind", "output 1 of the model is a map"),
        ("segmentaton", None, "unknown task 'segmentaton'"),
    ],
)
def test_a_task_that_does_not_fit_the_outputs_is_refused(
    read: Read, task: str, output: str | None, words: str
) -> None:
    with pytest.raises(SpecError) as caught:
        read(heads(*TWO), task=task, output=output)
    assert words in str(caught.value)
    assert "models.net.task" in str(caught.value)


def test_the_head_with_class_scores_is_found_behind_boxes(read: Read) -> None:
    found = read(heads(Head("box", 4), Head("p", 3, last="SOFTMAX")))
    assert (found.task, found.output, found.classes) == ("classification", 1, 3)


def test_labels_choose_between_two_heads(read: Read) -> None:
    both = heads(Head("colour", 3, last="SOFTMAX"), Head("kind", 5, last="SOFTMAX", seed=1))
    assert read(both).output == 0
    assert read(both, label_set(5)).output == 1


def test_open_shapes_are_no_classes(read: Read) -> None:
    tensors = [
        Tensor("image", (1, 4, 4, 3)),
        Tensor("flat", (1, 48), signature=(1, -1)),
        Tensor("shape", (2,), "int32", data=np.array([1, -1], np.int32)),
        Tensor("p", (1, 48), signature=(1, -1)),
    ]
    ops = [Op("RESHAPE", ("image", "shape"), ("flat",)), Op("SOFTMAX", ("flat",), ("p",))]
    assert read(build(tensors, ops, ["image"], ["p"])).task == "tensors"


def test_what_comes_out_of_post_processing_is_no_class_scores(read: Read) -> None:
    found = read(detector(), label_set(4))
    assert (found.task, found.decoder) == ("detection", "ssd")
    with pytest.raises(SpecError, match="holds one score for each class"):
        read(detector(), output="1")


def test_a_detector_is_read_as_tensors_if_the_spec_says_so(read: Read) -> None:
    assert read(detector(), task="tensors").task == "tensors"


def test_the_spec_may_name_a_decoder_of_its_own(read: Read) -> None:
    found = read(heads(Head("boxes", 8)), task="detection", decoder="mine.boxes:decode")
    assert (found.task, found.decoder, found.classes) == ("detection", "mine.boxes:decode", 0)
    assert "the spec names 'mine.boxes:decode'" in found.evidence


def test_a_detector_that_no_decoder_fits_is_refused(read: Read) -> None:
    with pytest.raises(SpecError, match="no decoder fits the outputs") as caught:
        read(heads(Head("p", 5, last="SOFTMAX")), task="detection")
    assert "yolov8" in str(caught.value.remedy)


TWO = (Head("box", 4), Head("kind", 3, seed=1))


@pytest.mark.parametrize("output", ["kind", "scores", "1"])
def test_an_output_is_named_in_the_file_by_a_signature_or_by_its_place(
    read: Read, output: str
) -> None:
    found = read(heads(*TWO, signatures=("boxes", "scores")), output=output)
    assert (found.task, found.output, found.classes) == ("classification", 1, 3)
    assert "the spec says so" in found.evidence


def test_a_name_comes_before_a_place(read: Read) -> None:
    found = read(heads(Head("1", 4), Head("0", 3, seed=1)), output="0")
    assert found.output == 1


def test_an_unknown_output_names_the_nearest(read: Read) -> None:
    with pytest.raises(SpecError) as caught:
        read(heads(*TWO, signatures=("boxes", "scores")), output="score")
    said = str(caught.value)
    assert "scores" in said
    assert "models.net.output" in said
    assert "mean" in said


def test_a_place_that_is_not_there_is_refused(read: Read) -> None:
    with pytest.raises(SpecError):
        read(heads(*TWO), output="2")
    with pytest.raises(SpecError):
        read(heads(*TWO), output="-1")


@pytest.mark.parametrize("output", ["", "²", " 0", "+0"])
def test_odd_places_are_refused_and_no_crash(read: Read, output: str) -> None:
    with pytest.raises(SpecError):
        read(heads(*TWO), output=output)


def test_tensors_may_be_asked_for_of_a_classifier(read: Read) -> None:
    found = read(tiny_model.classifier(), label_set(5), task="tensors")
    assert (found.task, found.evidence) == ("tensors", "the spec says so")


def test_classification_may_be_asked_for_of_several_sigmoids(read: Read) -> None:
    found = read(heads(Head("tags", 5, last="LOGISTIC")), task="classification")
    assert (found.task, found.classes) == ("classification", 5)


@pytest.mark.parametrize("output", [None, "map"])
def test_classification_of_a_map_is_refused_with_what_to_do(read: Read, output: str | None) -> None:
    with pytest.raises(SpecError) as caught:
        read(heads(Head("map", 8, shape=(1, 2, 4))), task="classification", output=output)
    assert '"tensors"' in str(caught.value)


def test_a_model_without_an_output_is_judged_as_tensors(read: Read) -> None:
    tensors = [Tensor("image", (1, 4, 4, 3)), Tensor("kept", (1, 4, 4, 3))]
    found = read(build(tensors, [Op("RELU", ("image",), ("kept",))], ["image"], []))
    assert found.task == "tensors"


@pytest.mark.parametrize("shape", [(), (5,), (1, 0), (1, 1, 1, 1, 5)])
def test_any_rank_is_read(read: Read, shape: tuple[int, ...]) -> None:
    tensors = [Tensor("image", (1, 4, 4, 3)), Tensor("out", shape)]
    read(build(tensors, [Op("RELU", ("image",), ("out",))], ["image"], ["out"]))


def part_of_softmax(values: int, kept: int, last: str = "SOFTMAX") -> bytes:
    """Return a model that gives the last of the values of its scores."""
    ends = {"begin": [0, values - kept], "end": [1, values], "strides": [1, 1]}
    tensors = [
        Tensor("image", (1, 4, 4, 3)),
        Tensor("axes", (2,), "int32", np.array([1, 2], np.int32)),
        Tensor("features", (1, 3)),
        Tensor("weights", (values, 3), data=np.ones((values, 3), np.float32)),
        Tensor("logits", (1, values)),
        Tensor("scores", (1, values)),
        *(Tensor(name, (2,), "int32", np.array(at, np.int32)) for name, at in ends.items()),
        Tensor("part", (1, kept)),
    ]
    ops = [
        Op("MEAN", ("image", "axes"), ("features",)),
        Op("FULLY_CONNECTED", ("features", "weights"), ("logits",)),
        Op(last, ("logits",), ("scores",)),
        Op("STRIDED_SLICE", ("scores", *ends), ("part",)),
    ]
    return build(tensors, ops, ["image"], ["part"])


@pytest.mark.parametrize(("values", "kept", "classes"), [(2, 1, 2), (9, 8, 8)])
def test_a_part_of_a_softmax_is_class_scores(
    read: Read, values: int, kept: int, classes: int
) -> None:
    found = read(part_of_softmax(values, kept))
    assert (found.task, found.classes) == ("classification", classes)
    assert ("one value of a softmax of 2" in found.evidence) == (kept == 1)


@pytest.mark.parametrize(
    ("values", "kept", "last"), [(9, 3, "SOFTMAX"), (9, 1, "SOFTMAX"), (9, 8, "LOGISTIC")]
)
def test_a_few_of_many_scores_are_not_classes(
    read: Read, values: int, kept: int, last: str
) -> None:
    assert read(part_of_softmax(values, kept, last)).task != "classification"


def test_one_number_is_the_logit_of_two_classes_if_the_spec_says_so(read: Read) -> None:
    found = read(heads(Head("y", 1)), task="classification")
    assert (found.task, found.classes) == ("classification", 2)
    assert found.evidence.endswith("'y'), the logit of two classes")
    assert 'set task = "classification"' in read(heads(Head("y", 1))).evidence
    with pytest.raises(SpecError, match="holds one score for each class"):
        read(heads(Head("y", 1, last="L2_NORMALIZATION")), task="classification")
