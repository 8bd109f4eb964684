"""What the file of a model shows of its task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgeq.tasks.kinds import KINDS, recognized_kind
from edgeq.tflite.model_file import read_model
from tests.unit.tiny_model import Head, Op, Tensor, build, heads

SIZE = (16, 16)


def mapped(
    operator: str,
    shape: Sequence[int],
    *,
    dtype: str = "float32",
    size: Sequence[int] = SIZE,
    name: str = "map",
) -> bytes:
    """Return a model of one operator from an input to a map of a shape."""
    tensors = [Tensor("image", (1, *size, 3)), Tensor(name, (1, *shape), dtype)]
    return build(tensors, [Op(operator, ("image",), (name,))], ["image"], [name])


@pytest.mark.parametrize(
    ("content", "task", "words", "classes"),
    [
        (mapped("SOFTMAX", (16, 16, 4)), "segmentation", "a softmax of 4 for each pixel", 4),
        (mapped("LOGISTIC", (16, 16, 1)), "segmentation", "one sigmoid for each pixel", 2),
        (mapped("ARG_MAX", (16, 16)), "segmentation", "the index of a class", 0),
        (mapped("RESIZE_BILINEAR", (16, 16, 21)), "segmentation", "21 enlarged scores", 21),
        (mapped("RELU", (16, 16, 3)), "image_to_image", "as large as the input", 0),
        (mapped("RELU", (32, 32, 3)), "image_to_image", "2 times as large as the input", 0),
        (heads(Head("tags", 5, last="LOGISTIC")), "multilabel", "5 sigmoids", 5),
        (heads(Head("e", 8, last="L2_NORMALIZATION")), "embedding", "scaled to the length 1", 0),
        (heads(Head("image_embedding", 8)), "embedding", "calls itself so", 0),
        (heads(Head("age", 1)), "regression", "one value that nothing bounds", 0),
    ],
)
def test_a_file_shows_its_task(
    tmp_path: Path, content: bytes, task: str, words: str, classes: int
) -> None:
    file = tmp_path / "net.tflite"
    file.write_bytes(content)
    recognized = recognized_kind(read_model(file))
    assert recognized is not None
    kind, evidence = recognized
    assert (kind.name, evidence.classes, evidence.output) == (task, classes, 0)
    assert words in evidence.text
    assert kind.fits(read_model(file).tensors[read_model(file).outputs[0]].shape[1:])


@pytest.mark.parametrize(
    "content",
    [
        mapped("SOFTMAX", (8, 8, 4)),  # a grid of something else
        mapped("RELU", (16, 16, 4)),  # scores, or features
        mapped("LOGISTIC", (16, 16, 17)),  # may be heat maps of joints
        mapped("RELU", (24, 24, 3)),
        heads(Head("logits", 5)),
        heads(Head("box", 4), Head("age", 1, seed=1)),
    ],
)
def test_what_a_file_does_not_show_is_not_guessed(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "net.tflite"
    file.write_bytes(content)
    assert recognized_kind(read_model(file)) is None


def test_every_task_says_what_its_outputs_are() -> None:
    for name, kind in KINDS:
        assert kind.wants
        assert kind.has_labels, name
        assert not kind.fits(())


def test_a_unit_length_as_keras_writes_it_is_recognized(tmp_path: Path) -> None:
    one = np.array(1e12, np.float32)
    tensors = [
        Tensor("image", (1, 8)),
        Tensor("square", (1, 8)),
        Tensor("axis", (), "int32", np.array(1, np.int32)),
        Tensor("sum", (1, 1)),
        Tensor("root", (1, 1)),
        Tensor("most", (), "float32", one),
        Tensor("least", (1, 1)),
        Tensor("Identity", (1, 8)),
    ]
    ops = [
        Op("SQUARE", ("image",), ("square",)),
        Op("SUM", ("square", "axis"), ("sum",)),
        Op("RSQRT", ("sum",), ("root",)),
        Op("MINIMUM", ("root", "most"), ("least",)),
        Op("MUL", ("image", "least"), ("Identity",)),
    ]
    file = tmp_path / "net.tflite"
    file.write_bytes(build(tensors, ops, ["image"], ["Identity"]))
    recognized = recognized_kind(read_model(file))
    assert recognized is not None
    assert recognized[0].name == "embedding"
