"""Short versions of the scripts in benchmarks/robustness, with the same rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.robustness import configurations, documents, images, models
from edgeq.errors import EdgeqError
from tests.unit import tiny_model
from tests.unit.tiny_model import Op, Tensor, build

SIZE = (4, 4)


@pytest.fixture(scope="module")
def runner() -> Iterator[models.Runner]:
    """A worker for as long as it lives, and then another."""
    one = models.Runner()
    yield one
    one.close()


def test_no_damaged_model_does_harm(tmp_path: Path) -> None:
    found = models.fuzz(models.tiny_seeds(), 120, tmp_path)
    assert found.faults == []
    assert sum(found.outcomes.values()) == 120
    assert len(found.outcomes) > 2
    assert found.outcomes["ran"] > 0


def test_no_hostile_image_does_harm(tmp_path: Path) -> None:
    outcomes, faults = images.fuzz(150, tmp_path)
    assert faults == []
    assert len(outcomes) > 6


def test_no_hostile_configuration_does_harm(tmp_path: Path) -> None:
    outcomes, faults = configurations.fuzz(400, tmp_path)
    assert faults == []
    assert outcomes["a spec"] > 0
    assert outcomes["SpecError"] > 0


def test_no_damaged_document_does_harm(tmp_path: Path) -> None:
    for number, kind in enumerate(documents.kinds(tmp_path)):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        outcomes, faults = documents.fuzz(kind, 40, folder)
        assert faults == []
        assert sum(outcomes.values()) == 40
        assert len(outcomes) > 1, kind.name


def test_a_reader_that_lets_anything_through_is_found(tmp_path: Path) -> None:
    def careless(path: Path) -> str:
        return path.read_text(encoding="utf-8")[:1] + "x" * (1 // (path.stat().st_size % 2))

    kind = documents.Kind("texts", "text", (b"abc\n",), documents.damaged_text, careless)
    outcomes, faults = documents.fuzz(kind, 20, tmp_path)
    assert outcomes["a fault of edgeq"] == len(faults) > 0


def relu(*shapes: tuple[int, ...], dtype: str = "float32") -> bytes:
    """Return a model with so many inputs and outputs."""
    tensors = [Tensor(f"in{at}", shape, dtype) for at, shape in enumerate(shapes)]
    tensors += [Tensor(f"out{at}", shape, dtype) for at, shape in enumerate(shapes)]
    ops = [Op("RELU", (f"in{at}",), (f"out{at}",)) for at in range(len(shapes))]
    names = range(len(shapes))
    return build(tensors, ops, [f"in{at}" for at in names], [f"out{at}" for at in names])


IMAGE = (1, *SIZE, 3)
REFUSED = {
    "two inputs and outputs": (relu(IMAGE, IMAGE), "takes 2 inputs"),
    "no outputs": (
        build([Tensor("a", IMAGE), Tensor("b", IMAGE)], [Op("RELU", ("a",), ("b",))], ["a"], []),
        "the model has no output",
    ),
    "no inputs": (relu(), "takes 0 inputs .nothing."),
    "absurd shape": (relu((1, 2**30, 2**30, 3)), "the runtime refused load"),
    "zero-sized": (relu((1, 0, 0, 3)), "float32 1x0x0x3"),
    "strings": (relu(IMAGE, dtype="string"), "takes bytes"),
    "a number": (relu(()), "takes float32 scalar"),
    "five dimensions": (relu((1, 1, *SIZE, 3)), "takes float32 1x1x4x4x3"),
    "two channels": (relu((1, *SIZE, 2)), "takes float32 1x4x4x2"),
    "Flex": (
        build(
            [Tensor("a", IMAGE), Tensor("b", IMAGE)],
            [Op("CUSTOM", ("a",), ("b",), custom="FlexErf")],
            ["a"],
            ["b"],
        ),
        "has TensorFlow .Flex. operators",
    ),
    "custom": (
        build(
            [Tensor("a", IMAGE), Tensor("b", IMAGE)],
            [Op("CUSTOM", ("a",), ("b",), custom="Mine")],
            ["a"],
            ["b"],
        ),
        "has custom operators",
    ),
    "one class": (tiny_model.classifier(size=SIZE, classes=1), "at least two classes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_models_that_are_no_image_classifiers_are_refused(
    name: str, tmp_path: Path, runner: models.Runner
) -> None:
    content, reason = REFUSED[name]
    path = tmp_path / "odd.tflite"
    path.write_bytes(content)
    with pytest.raises(EdgeqError, match=reason):
        runner.outcome(path, SIZE)


def many_tensors() -> bytes:
    """Return a classifier with thousands of tensors that nothing uses."""
    shape = (1, 3)
    tensors = [Tensor("image", IMAGE), Tensor("axes", (2,), "int32", np.array([1, 2], np.int32))]
    tensors += [Tensor("scores", shape)] + [Tensor(f"t{at}", shape) for at in range(5000)]
    return build(tensors, [Op("MEAN", ("image", "axes"), ("scores",))], ["image"], ["scores"])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(tiny_model.classifier(size=SIZE, classes=2), id="two classes"),
        pytest.param(tiny_model.classifier(size=SIZE, classes=100_000), id="100,000 classes"),
        pytest.param(tiny_model.classifier(size=SIZE, softmax=False), id="no softmax"),
        pytest.param(tiny_model.classifier(size=SIZE, nchw=True), id="channels first"),
        pytest.param(tiny_model.classifier(size=SIZE, dynamic=True), id="open batch"),
        pytest.param(tiny_model.classifier(size=SIZE, batch=3), id="batch of three"),
        pytest.param(many_tensors(), id="thousands of tensors"),
    ],
)
def test_models_that_are_unusual_run(content: bytes, tmp_path: Path, runner: models.Runner) -> None:
    path = tmp_path / "odd.tflite"
    path.write_bytes(content)
    assert runner.outcome(path, SIZE) == "ran"
