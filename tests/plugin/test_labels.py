"""Label files, class folders and TFLite Metadata in whole runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edgeq.record.structs import RunRecord
from tests.plugin.projects import SIZE, Project, text_of
from tests.unit import tiny_model
from tests.unit.tiny_metadata import with_metadata

NAMES = ["Rock", "Paper", "Scissors"]
CLASSES, SEED, COUNT = 3, 2, 60
MEAN, STD = 127.5, 0.5
"""With which the net's classes are others than without."""


def classifier(**shape: object) -> bytes:
    return tiny_model.classifier(size=SIZE, classes=CLASSES, seed=SEED, **shape)  # type: ignore[arg-type]


def save_named(folder: Path, mean: float = 0.0, std: float = 1.0) -> None:
    """Write photographs into folders by the name of the class that the net gives them."""
    generator = np.random.default_rng(0)
    counts = dict.fromkeys(range(CLASSES), 0)
    for _ in range(100 * COUNT):
        noise = generator.integers(-20, 21, (*SIZE, 3))
        pixels = np.clip(generator.integers(0, 256, 3) + noise, 0, 255)
        label = tiny_model.class_of((pixels - mean) / std, classes=CLASSES, seed=SEED)
        if counts[label] < COUNT // CLASSES:
            target = folder / NAMES[label]
            target.mkdir(parents=True, exist_ok=True)
            file = target / f"{sum(counts.values()):03}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(file)
            counts[label] += 1
    assert sum(counts.values()) == COUNT


def prepare(project: Project, content: bytes, **model: object) -> None:
    (project.root / "named.tflite").write_bytes(content)
    project.spec["models"] = {"tiny": {"source": "named.tflite", **model}}
    project.spec["images"] = {"evaluation": "named"}
    project.spec["variants"] = {}
    project.write()


def notes_of(record: RunRecord) -> str:
    return "\n".join(record.models[0].notes)


def accuracy_of(record: RunRecord) -> float:
    accuracy = record.models[0].variants[0].accuracy
    assert accuracy is not None
    return accuracy.baseline_top1.value


def test_numbered_lines_name_the_class_folders(project: Project) -> None:
    save_named(project.root / "named")
    lines = "".join(f"{at} {name}\n" for at, name in enumerate(NAMES))
    (project.root / "labels.txt").write_text(lines, encoding="utf-8")
    prepare(project, classifier(), labels="labels.txt")

    result = project.run("-m", "not latency")

    assert result.ret == 0
    assert accuracy_of(project.record) == 1.0
    assert "numbered from 0" in notes_of(project.record)
    assert "numbered from 0" in text_of(result)
    assert "numbered from 0" in (project.reports / "report.html").read_text(encoding="utf-8")


def test_folders_that_no_label_names_are_never_counted_in_silence(project: Project) -> None:
    save_named(project.root / "named")
    prepare(project, classifier())

    result = project.run("-m", "not latency")

    assert result.ret == 1  # the alphabet's order is not the net's
    assert "0 is 'Paper', 1 is 'Rock', 2 is 'Scissors'" in notes_of(project.record)

    (project.root / "labels.txt").write_text("Stein\nPapier\nSchere\n", encoding="utf-8")
    prepare(project, classifier(), labels="labels.txt")

    result = project.run("-m", "not latency")

    assert result.ret == 2
    assert "'Paper' is not the name of one class of the labels 'labels.txt'" in text_of(result)


def test_metadata_says_what_the_spec_does_not(project: Project) -> None:
    save_named(project.root / "named", MEAN, STD)
    content = with_metadata(classifier(), mean=[MEAN], std=[STD], labels="\n".join(NAMES))
    prepare(project, content)

    result = project.run("-m", "not latency")

    assert result.ret == 0
    record = project.record
    assert accuracy_of(record) == 1.0
    preprocessing, labels = record.models[0].preprocessing, record.models[0].labels
    assert preprocessing is not None
    assert preprocessing.mean == (127.5,) * 3
    assert labels is not None
    assert (labels.name, labels.count) == ("labels.txt inside named.tflite", 3)
    assert "labels.txt inside named.tflite is used" in notes_of(record)
    assert "metadata inside named.tflite applies (mean 127.5, deviation 0.5)" in notes_of(record)


def test_a_contradiction_with_the_spec_is_said(project: Project) -> None:
    save_named(project.root / "named")
    (project.root / "labels.txt").write_text("\n".join(NAMES), encoding="utf-8")
    content = with_metadata(classifier(), mean=[MEAN], std=[STD], labels="\n".join(reversed(NAMES)))
    prepare(project, content, labels="labels.txt", preprocessing="keras-0-255")

    result = project.run("-m", "not latency")

    assert result.ret == 0
    assert accuracy_of(project.record) == 1.0
    assert "(mean 0, deviation 1) contradicts the metadata inside named.tflite" in notes_of(
        project.record
    )
    assert "'Scissors' is class 2 there, and class 0 in the file" in notes_of(project.record)


def test_a_ready_made_file_is_fed_as_its_own_metadata_says(project: Project) -> None:
    save_named(project.root / "named")
    prepare(project, classifier())
    content = with_metadata(classifier(divided=255.0), mean=[0], std=[255])
    (project.root / "vendor.tflite").write_bytes(content)
    (project.root / "labels.txt").write_text("\n".join(NAMES), encoding="utf-8")
    project.spec["models"]["tiny"]["labels"] = "labels.txt"
    project.spec["variants"] = {"vendor": {"model": "tiny", "file": "vendor.tflite"}}
    project.write()

    project.run("-m", "not latency")

    vendor = next(one for one in project.record.models[0].variants if one.name == "vendor")
    assert vendor.agreement is not None
    assert vendor.agreement.top1 == 1.0
    assert "vendor: the spec says nothing about its preprocessing" in notes_of(project.record)


def test_labels_of_other_classes_leave_agreement_to_be_judged(project: Project) -> None:
    save_named(project.root / "named")
    for at, name in enumerate(NAMES):
        (project.root / "named" / name).rename(project.root / "named" / str(100 * at))
    prepare(project, classifier())
    del project.spec["gates"]["accuracy_drop"]
    project.write()

    result = project.run("-m", "not latency")

    assert result.ret == 0
    assert "40 of 60 labels are beyond the model's 3 classes" in notes_of(project.record)
    agreement = project.record.models[0].variants[0].agreement
    assert agreement is not None
    assert agreement.top1 == 1.0
