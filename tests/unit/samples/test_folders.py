"""Photographs in folders, and their labels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeq.errors import ImageError
from edgeq.samples.folders import class_folders, find_photos
from edgeq.samples.labels import LabelSet, parse_labels

PETS = LabelSet("pets", ("cat", "Great Dane", "dog"), ("n00000003", "n00000001", "n00000002"))


DIGITS = LabelSet("digits", ("2", "1", "0"))
NUMBERED = parse_labels("0 Rock\n1 Paper\n2 Scissors\n", "labels.txt", where="labels.txt")


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


def labels_of(
    folder: Path,
    role: str = "evaluation",
    *,
    labels_file: Path | None = None,
    classes: LabelSet | None = None,
) -> dict[str, int | None]:
    found = find_photos(folder, role, labels_file=labels_file, classes=classes).photos
    assert all(item.path == folder / item.name for item in found)
    return {item.name: item.label for item in found}


@pytest.mark.parametrize(
    ("names", "classes", "expected"),
    [
        (("0", "2", "10"), None, {"0": 0, "2": 2, "10": 10}),
        (("001", "000"), PETS, {"001": 1, "000": 0}),
        (("n00000001", "n00000003"), PETS, {"n00000001": 1, "n00000003": 0}),
        (("n15075141", "n01440764"), None, {"n15075141": 999, "n01440764": 0}),
        (("dog", "great_dane"), PETS, {"dog": 2, "great_dane": 1}),
        (("b", "a"), None, {"a": 0, "b": 1}),
        (("2", "0"), DIGITS, {"2": 0, "0": 2}),
        (("2", "3"), DIGITS, {"2": 2, "3": 3}),
        (("0 rock", "Paper"), NUMBERED, {"0 rock": 0, "Paper": 1}),
    ],
)
def test_class_folders(
    tmp_path: Path, names: tuple[str, ...], classes: LabelSet | None, expected: dict[str, int]
) -> None:
    make(tmp_path, *(f"{name}/deep/p.JPG" for name in names))

    labels = labels_of(tmp_path, classes=classes)

    assert labels == {f"{name}/deep/p.JPG": label for name, label in expected.items()}


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["cat", "bird"], "'bird' is not the name of one class"),
        (["cat", "dog", "dgo"], r"Did you mean 'dog'\?"),
        (["x", "y"], "'x' is not the name of one class"),
        (["x", "y", "z"], "'x' is not the name of one class"),
        (["cat", "2"], "'2' is not the name of one class"),
        (["cat", "n00000002"], "'n00000002' is not the name of one class"),
        (["n00000001", "n00000009"], "'n00000009' is not the name of one class"),
        (["1", "01"], "two class folders mean the same class"),
    ],
)
def test_class_folders_that_are_refused(names: list[str], what: str) -> None:
    with pytest.raises(ImageError, match=what):
        class_folders(names, Path("set"), PETS)


@pytest.mark.parametrize(
    ("names", "classes", "note"),
    [
        (["Paper", "Rock", "Scissors", "Well"], None, "0 is 'Paper', 1 is 'Rock', 2 is 'Scissors'"),
        (["n01440764"], None, "numbered like ImageNet's 1000 classes"),
        (["0", "1", "2"], DIGITS, "'0' is class 2"),
    ],
)
def test_what_is_assumed_about_class_folders_is_noted(
    names: list[str], classes: LabelSet | None, note: str
) -> None:
    (found,) = class_folders(names, Path("set"), classes).notes

    assert note in found


@pytest.mark.parametrize(
    ("names", "classes"),
    [(["0", "1"], None), (["cat", "dog"], PETS), (["n00000001"], PETS), (["Rock"], NUMBERED)],
)
def test_nothing_is_assumed_about_folders_that_say_it(
    names: list[str], classes: LabelSet | None
) -> None:
    assert class_folders(names, Path("set"), classes).notes == ()


def test_a_long_label_set_is_not_listed(tmp_path: Path) -> None:
    many = LabelSet("many", tuple(f"class {index}" for index in range(1000)))

    with pytest.raises(ImageError, match=r"Did you mean 'class 77'\?") as caught:
        class_folders(["klass 77"], tmp_path, many)

    assert len(str(caught.value)) < 300


def test_photographs_in_the_folder_itself_are_unlabelled(tmp_path: Path) -> None:
    make(tmp_path, "b.png", "a.JPEG", "notes.txt", ".hidden.png", ".git/c.png")

    assert labels_of(tmp_path) == {"a.JPEG": None, "b.png": None}


def test_photographs_beside_class_folders_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "a/1.png", "lost.png")

    with pytest.raises(ImageError, match=r"next to its class folders; the first is 'lost\.png'"):
        labels_of(tmp_path)


@pytest.mark.parametrize("splits", [("images",), ("train", "val")])
def test_a_folder_above_the_class_folders_has_no_labels(
    tmp_path: Path, splits: tuple[str, ...]
) -> None:
    folder = make(tmp_path / "set", *(f"{split}/{name}/1.png" for split in splits for name in "ab"))
    found = find_photos(folder, "evaluation", labels_file=None, classes=None)
    assert {item.label for item in found.photos} == {None}
    assert found.notes[0].endswith(f"are the classes, name set/{splits[0]}")


def test_photographs_may_lie_deeper_than_their_class_folders(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", "cat/home/1.png", "dog/home/1.png")
    assert labels_of(folder) == {"cat/home/1.png": 0, "dog/home/1.png": 1}
    assert labels_of(make(tmp_path / "one", "3/home/1.png")) == {"3/home/1.png": 3}
    dogs = make(tmp_path / "dogs", "dog/home/1.png")
    assert labels_of(dogs, classes=PETS) == {"dog/home/1.png": 2}


def test_an_empty_class_folder_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "a/1.png", "b/readme.txt")

    with pytest.raises(ImageError, match="class folder 'b' holds no photograph"):
        labels_of(tmp_path)


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    real = make(tmp_path / "real", "1.png")
    folder = make(tmp_path / "set", "b/2.png")
    (folder / "a").symlink_to(real)
    (real / "loop").symlink_to(real)

    assert labels_of(folder) == {"a/1.png": 0, "b/2.png": 1}


def test_a_name_that_no_report_could_write_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", "0/a.png", "0/é.png")
    assert set(labels_of(folder)) == {"0/a.png", "0/é.png"}
    Path(os.fsdecode(b"%s/0/\xff.txt" % os.fsencode(folder))).touch()
    assert len(labels_of(folder)) == 2
    Path(os.fsdecode(b"%s/0/\xff.png" % os.fsencode(folder))).touch()
    with pytest.raises(ImageError, match=r"not UTF-8: b'0/\\xff.png'. Rename it"):
        labels_of(folder)


def test_missing_folder_and_file_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        labels_of(tmp_path / "none")
    make(tmp_path, "a.png")
    with pytest.raises(ImageError, match="is not a folder"):
        labels_of(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("names", "what"), [((), "is empty"), (("a.txt", "b.doc", "c"), r"\(none\), .doc, .txt")]
)
def test_folder_without_photographs(tmp_path: Path, names: tuple[str, ...], what: str) -> None:
    make(tmp_path, *names)

    with pytest.raises(ImageError, match=f"holds no photograph: .*{what}"):
        labels_of(tmp_path)


def test_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", refuse)

    with pytest.raises(ImageError, match="can't be read: Permission denied"):
        labels_of(tmp_path)


def test_labels_file_in_the_folder_speaks_before_folders(tmp_path: Path) -> None:
    make(tmp_path, "a/1.png", "b/2.odd")
    (tmp_path / "labels.csv").write_text("file,class_index\na/1.png,2\nb/2.odd,0\n")

    assert labels_of(tmp_path, classes=PETS) == {"a/1.png": 2, "b/2.odd": 0}


@pytest.mark.parametrize("role", ["evaluation", "calibration"])
def test_labels_file_beside_the_folders_with_splits(tmp_path: Path, role: str) -> None:
    make(tmp_path, "calibration/1.png", "evaluation/1.png")
    (tmp_path / "labels.csv").write_text(
        "split,file,class_index\ncalibration,1.png,2\nevaluation,1.png,1\n"
    )

    assert labels_of(tmp_path / role, role) == {"1.png": {"calibration": 2, "evaluation": 1}[role]}


def test_split_by_the_name_of_the_folder(tmp_path: Path) -> None:
    make(tmp_path, "val/1.png")
    (tmp_path / "labels.csv").write_text("split,file,class_index\nval,1.png,2\ntrain,2.png,1\n")

    assert labels_of(tmp_path / "val") == {"1.png": 2}


def test_labels_file_beside_the_folders_with_paths(tmp_path: Path) -> None:
    make(tmp_path, "one/1.png", "two/1.png")
    (tmp_path / "labels.csv").write_text("file,class_index\none/1.png,2\ntwo/1.png,1\n")

    assert labels_of(tmp_path / "one") == {"1.png": 2}
    assert labels_of(tmp_path / "two") == {"1.png": 1}


def test_labels_file_beside_the_folder_that_is_about_others(tmp_path: Path) -> None:
    make(tmp_path, "evaluation/1.png", "calibration/2.png")
    (tmp_path / "labels.csv").write_text("file,class_index\n1.png,2\n")

    assert labels_of(tmp_path / "calibration", "calibration") == {"2.png": None}


def test_labels_file_of_the_spec(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", "1.png")
    labels_file = tmp_path / "elsewhere.csv"
    labels_file.write_text("file,class_index\nset/1.png,2\n")

    assert labels_of(folder, labels_file=labels_file) == {"1.png": 2}


def test_labels_file_of_the_spec_names_nothing_here(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", "1.png")
    labels_file = tmp_path / "elsewhere.csv"
    labels_file.write_text("file,class_index\n2.png,2\n")

    assert labels_of(folder, "calibration", labels_file=labels_file) == {"1.png": None}
    with pytest.raises(ImageError, match="1 of 1 photographs have no label"):
        labels_of(folder, "evaluation", labels_file=labels_file)


@pytest.mark.parametrize("place", ["set/labels.csv", "labels.csv"])
def test_photographs_without_a_label_are_refused(tmp_path: Path, place: str) -> None:
    folder = make(tmp_path / "set", "1.png", "2.png", "3.png")
    (tmp_path / place).write_text("file,class_index\n1.png,2\n")

    with pytest.raises(
        ImageError, match=r"2 of 3 photographs have no label .*the first is '2\.png'"
    ):
        labels_of(folder)


def test_rows_without_a_photograph_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "1.png")
    (tmp_path / "labels.csv").write_text("file,class_index\n1.png,0\n2.png,0\n3.png,0\n")

    with pytest.raises(ImageError, match=r"2 of 3 files .* are not in .*the first is '2\.png'"):
        labels_of(tmp_path)


def test_labels_file_for_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,class_index\n")

    with pytest.raises(ImageError, match="names no photograph"):
        labels_of(tmp_path)
