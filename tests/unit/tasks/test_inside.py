"""What a model's file says about itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.samples.labels import LabelSet, parse_labels
from edgeq.tasks.inside import Inside, disagreement, label_notes, read_inside
from edgeq.tflite.metadata import Normalization
from tests.unit import tiny_model
from tests.unit.tiny_metadata import with_metadata
from tests.unit.tiny_model import Head

PETS = LabelSet("pets.txt", ("cat", "dog", "Great Dane"))


def inside(folder: Path, content: bytes) -> Inside:
    path = folder / "net.tflite"
    path.write_bytes(content)
    return read_inside(path)


def test_labels_that_fit_an_output_are_taken(tmp_path: Path) -> None:
    net = tiny_model.classifier(classes=3)

    found = inside(tmp_path, with_metadata(net, labels="0 cat\n1 dog\n2 ant", mean=[1], std=[2]))

    assert found.labels is not None
    assert found.labels.names == ("cat", "dog", "ant")
    assert found.labels.name == "labels.txt inside net.tflite"
    assert found.normalization == Normalization((1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
    assert "numbered from 0" in found.notes[0]


def test_two_labels_fit_one_sigmoid(tmp_path: Path) -> None:
    net = tiny_model.heads(Head("dog", 1, last="LOGISTIC"))

    found = inside(tmp_path, with_metadata(net, labels="cat\ndog\n"))

    assert found.labels is not None
    assert found.labels.names == ("cat", "dog")


@pytest.mark.parametrize(
    ("labels", "what"),
    [("cat\ndog\n", "they are 2, and output 0 has 3 values"), ("a\n\nb", "line 2 is empty")],
)
def test_labels_that_do_not_fit_are_noted(tmp_path: Path, labels: str, what: str) -> None:
    found = inside(tmp_path, with_metadata(tiny_model.classifier(classes=3), labels=labels))

    assert found.labels is None
    assert what in found.notes[0]


def test_pixels_go_into_uint8_as_they_are(tmp_path: Path) -> None:
    net = tiny_model.classifier(classes=3, io="uint8")

    assert inside(tmp_path, with_metadata(net, mean=[127.5], std=[127.5])).normalization is None


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("cat\ndog\ngreat dane", None),
        ("felis catus\nhound\nGreat_Dane", None),
        ("dog\ncat\nGreat Dane", "'dog' is class 1 there, and class 0 in the file"),
        ("cat\ndog", "3 classes and 2"),
    ],
)
def test_disagreement(names: str, problem: str | None) -> None:
    other = parse_labels(names, "labels.txt inside net.tflite", where="net.tflite")

    found = disagreement(PETS, other)

    assert (found is None) == (problem is None)
    if found is not None and problem is not None:
        assert found.startswith("The labels 'pets.txt' contradict those of labels.txt inside net")
        assert problem in found
        assert found.endswith("'pets.txt' is used")
    assert label_notes(PETS, Inside("net.tflite", labels=other)) == ((found,) if found else ())


def test_what_is_used_without_a_word_in_the_spec_is_noted() -> None:
    assert label_notes(None, Inside("net.tflite")) == ()
    assert label_notes(None, Inside("net.tflite", labels=PETS, notes=("odd",))) == (
        "odd",
        "The spec names no labels: pets.txt is used",
    )
