"""What the doctor says of cases, outputs and sets, with nothing made."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeq.doctor import examine
from tests.plugin.projects import save_photographs
from tests.unit.tiny_model import Op, Tensor, build, classifier

SIZE = (8, 8)
CLASSES = 40
SPEC = """
methods = ["int8"]

[models.net]
source = "net.tflite"
preprocessing = "keras-0-255"

[images]
calibration = "calibration"
evaluation = "evaluation"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("EDGEQ_DATA", raising=False)
    (tmp_path / "net.tflite").write_bytes(classifier(size=SIZE, classes=CLASSES, seed=1))
    save_photographs(tmp_path / "evaluation")
    save_photographs(tmp_path / "calibration", seed=1, flat=True)
    (tmp_path / "edgeq.toml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def bad(project: Path) -> list[str]:
    return [one.text for one in examine(project) if one.state == "bad"]


def change(project: Path, old: str, new: str) -> None:
    assert old in SPEC
    (project / "edgeq.toml").write_text(SPEC.replace(old, new), encoding="utf-8")


def texts(project: Path) -> list[str]:
    return [one.text for one in examine(project)]


def test_a_whole_project_lacks_nothing(project: Path) -> None:
    assert bad(project) == []
    (outputs,) = [text for text in texts(project) if text.startswith("judged as ")]
    assert "judged as classification" in outputs
    assert not (project / ".edgeq").exists()


def one_channel(**shape: object) -> bytes:
    return classifier(size=SIZE, classes=CLASSES, seed=1, **shape)  # type: ignore[arg-type]


def indices() -> bytes:
    """Return a model that gives a class's index in place of its scores."""
    tensors = [Tensor("image", (1, *SIZE, 3)), Tensor("class", (1,), "int32")]
    return build(tensors, [Op("RELU", ("image",), ("class",))], ["image"], ["class"])


def bytes_in() -> bytes:
    tensors = [Tensor("image", (1, *SIZE, 3), "uint8"), Tensor("scores", (1, CLASSES))]
    return build(tensors, [Op("RELU", ("image",), ("scores",))], ["image"], ["scores"])


def spectrum() -> bytes:
    """Return a model of a spoken word's features: 49 frames of 10, quantized weights inside."""
    return classifier(size=(49, 10), channels=1, classes=12, io="int8")


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "keyword spotting": (spectrum, "is not a float model"),
    "six channels": (
        lambda: one_channel(channels=6),
        "has 6 channels. Name its images, as arrays of this shape, as `samples`",
    ),
    "indices": (indices, "indices, flags and texts have no distance that could be judged. Export"),
    "bytes": (bytes_in, "takes or gives uint8 ('image'), although it is not quantized. Export"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_inputs_that_are_not_taken_are_refused_with_the_way_out(project: Path, kind: str) -> None:
    model, said = REFUSED[kind]
    (project / "net.tflite").write_bytes(model())
    (text,) = bad(project)
    assert text.startswith("weights: net.tflite: ")
    assert said in text
    assert not (project / ".edgeq").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'calibration = "calibration"\n',
            "",
            "net/int8: *needs a calibration set. Set ",
        ),
        ('evaluation = "evaluation"', "", "there are no evaluation images. Name a set"),
        ('"evaluation"', '"calibration"', "12 of 12 calibration images are evaluation images"),
        ('"keras-0-255"', '"keras-0-255"\nlabels = "cifar10"', "these labels are for 10 outputs"),
        ('"keras-0-255"', '"keras-0-255"\noutput = "no"', "unknown output 'no'"),
        ('"keras-0-255"', '"keras-0-255"\nlabels = "names.txt"', "neither a label set nor a file"),
        ("[images]", '[images]\nlabels = "no.csv"', "no.csv: the labels file does not exist"),
    ],
)
def test_what_leaves_cases_missing_is_said(project: Path, old: str, new: str, said: str) -> None:
    change(project, old, new)
    first, _, rest = said.partition("*")
    assert any(first in text and rest in text for text in bad(project)), bad(project)


def test_absent_images_are_said_once(project: Path) -> None:
    change(project, 'evaluation = "evaluation"', "")
    (text,) = [text for text in bad(project) if "there are no evaluation images" in text]
    assert text.startswith("outputs, ")
    assert "accuracy_drop" in text


def test_labels_of_a_model_before_its_export_are_asked_for_once(project: Path) -> None:
    with zipfile.ZipFile(project / "net.keras", "w") as archive:
        archive.writestr("config.json", '{"config": {"layers": []}}')
    for photograph in [*(project / "evaluation").rglob("*.*")]:
        photograph.rename(project / "evaluation" / photograph.name)
    for folder in (project / "evaluation").iterdir():
        if folder.is_dir():
            folder.rmdir()
    change(project, "net.tflite", "net.keras")
    (text,) = bad(project)
    assert text.startswith("accuracy_drop, map_drop, ")
    assert "the evaluation images have no labels. Which of these applies shows once" in text
    change(project, '"net.tflite"', '"net.keras"\ntask = "classification"')
    (text,) = [text for text in bad(project) if "accuracy_drop" in text]
    assert "Name a CSV file in the spec" in text


def test_labels_of_other_classes_are_said(project: Path) -> None:
    (project / "evaluation" / "34").rename(project / "evaluation" / "99")
    (text,) = bad(project)
    assert "the label of '99/" in text
    assert "40 classes" in text


def test_images_without_labels_are_said_unless_that_is_declared(project: Path) -> None:
    save_photographs(project / "flat", flat=True)
    change(project, '"evaluation"', '"flat"')
    (text,) = bad(project)
    assert text.startswith("accuracy_drop: not measured: the evaluation images have no labels")
    declared = SPEC.replace('"evaluation"', '"flat"').replace(
        "methods", 'allow_missing = ["accuracy_drop"]\nmethods'
    )
    (project / "edgeq.toml").write_text(declared, encoding="utf-8")
    assert bad(project) == []
    assert any(text.startswith("accuracy_drop: ") for text in texts(project))


def test_a_ready_made_variant_of_another_shape_is_said(project: Path) -> None:
    (project / "small.tflite").write_bytes(classifier(size=(4, 4), classes=CLASSES, io="uint8"))
    variant = '\n[variants.small]\nmodel = "net"\nfile = "small.tflite"\n'
    (project / "edgeq.toml").write_text(SPEC + variant, encoding="utf-8")
    (text,) = bad(project)
    assert text.startswith("small: small.tflite: takes images of [4, 4], not of [8, 8]")
    assert "input_size = [4, 4] in [variants.small]" in text
    assert not bad_with(project, f"{SPEC}{variant}input_size = [4, 4]\n")


def bad_with(project: Path, spec: str) -> list[str]:
    (project / "edgeq.toml").write_text(spec, encoding="utf-8")
    return bad(project)
