"""TFLite Metadata, read without trusting it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.config.structs import Preprocessing
from edgeq.errors import ModelError
from edgeq.tflite.metadata import (
    LabelFile,
    Metadata,
    Normalization,
    contradiction,
    read_metadata,
)
from tests.unit import tiny_model
from tests.unit.tiny_metadata import VALUE_LABELS, metadata, with_buffer, with_metadata

NET = tiny_model.classifier(classes=3)
HALF = Normalization((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))


def read(folder: Path, content: bytes) -> Metadata:
    path = folder / "net.tflite"
    path.write_bytes(content)
    return read_metadata(path)


def test_a_file_without_metadata_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, NET) == Metadata()
    with pytest.raises(ModelError, match="no such file"):
        read_metadata(tmp_path / "none.tflite")


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        ([127.5], [127.5], HALF),
        ([1, 2, 3], [4, 5, 6], Normalization((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))),
        ([0], [1, 2, 4], Normalization((0.0, 0.0, 0.0), (1.0, 2.0, 4.0))),
        ([], [], None),
    ],
)
def test_normalization(
    tmp_path: Path, mean: list[float], std: list[float], expected: Normalization | None
) -> None:
    assert read(tmp_path, with_metadata(NET, mean=mean, std=std)) == Metadata(expected)


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ([0], [0]),
        ([float("nan")], [1]),
        ([0], [float("inf")]),
        ([0, 1], [1]),
        ([0] * 5, [1]),
        ([0], []),
    ],
)
def test_a_normalization_that_can_not_be_used_is_noted(
    tmp_path: Path, mean: list[float], std: list[float]
) -> None:
    said = read(tmp_path, with_metadata(NET, mean=mean, std=std, labels="a\nb\nc"))

    assert said.normalization is None
    assert said.labels[0].text == "a\nb\nc"
    assert "net.tflite is not used: its mean and deviation" in said.notes[0]


def test_labels_of_an_axis_are_read_and_those_of_values_are_not(tmp_path: Path) -> None:
    said = read(tmp_path, with_metadata(NET, labels="\ufeffrose\ntulip\n", locale="en"))
    values = read(tmp_path, with_metadata(NET, labels="rose\ntulip\n", kind=VALUE_LABELS))

    assert said.labels == {0: LabelFile("labels.txt", "rose\ntulip\n")}
    assert values == Metadata()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"attach": False}, "the file 'labels.txt' inside it can't be read"),
        ({"packed_as": zipfile.ZIP_LZMA}, "packed unusually"),
        ({"labels": "x" * 4_000_001}, "too large"),
    ],
)
def test_a_label_file_that_can_not_be_used_is_noted(
    tmp_path: Path, options: dict[str, Any], what: str
) -> None:
    content = with_metadata(NET, **{"mean": [0], "std": [1], "labels": "a", **options})

    said = read(tmp_path, content)

    assert not said.labels
    assert said.normalization is not None
    assert what in said.notes[0]


def test_damaged_labels_are_noted(tmp_path: Path) -> None:
    content = with_metadata(NET, labels="rose", packed_as=zipfile.ZIP_STORED)

    said = read(tmp_path, content.replace(b"labels.txtrose", b"labels.txtnose"))

    assert not said.labels  # the zip's checksum is wrong
    assert "can't be read" in said.notes[0]


@pytest.mark.parametrize("content", [b"", b"M001", b"\xff" * 64, metadata(mean=[1], std=[1])[:40]])
def test_damaged_metadata_is_noted(tmp_path: Path, content: bytes) -> None:
    said = read(tmp_path, with_buffer(NET, content))

    assert (said.normalization, dict(said.labels)) == (None, {})
    assert len(said.notes) == 1


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6))
def test_no_metadata_brings_the_reader_down(tmp_path: Path, edits: list[tuple[int, int]]) -> None:
    inside = bytearray(metadata(mean=[1, 2, 3], std=[1], named=True))
    for at, value in edits:
        inside[at % len(inside)] = value

    said = read(tmp_path, with_buffer(NET, bytes(inside)))

    assert all("\n" not in note and len(note) < 500 for note in said.notes)


@pytest.mark.parametrize(
    ("mean", "std", "contradicts"),
    [(127.5, 127.5, False), (127.0, 128.0, False), (0.0, 255.0, True), (0.0, 1.0, True)],
)
def test_contradiction(mean: float, std: float, contradicts: bool) -> None:
    declared = Preprocessing(mean=(mean,) * 3, std=(std,) * 3)

    problem = contradiction("net.tflite", declared, HALF)

    assert (problem is not None) == contradicts
    if problem is not None:
        assert f"(mean {mean:g}, deviation {std:g}) contradicts" in problem
        assert "inside net.tflite (mean 127.5, deviation 127.5); the spec's is used" in problem
