"""Calibration and evaluation sets."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ImageError
from edgeq.samples.labels import LabelSet
from edgeq.samples.sets import Counted, ImageSet, NamedSet, Photo, count_photos, load_set, overlap

TWO = LabelSet("two", ("cat", "dog"))


def make(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_photographs_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    make(tmp_path / "set", {"b/1.png": "x", "a/2.png": "y", "a/10.png": "z"})

    images = load_set(NamedSet("set", "evaluation", tmp_path))

    assert [photo.name for photo in images.photos] == ["a/10.png", "a/2.png", "b/1.png"]
    assert images.labelled
    assert np.array_equal(images.labels(), [0, 0, 1])
    assert images.labels().dtype == np.int64
    assert images.source == "set"
    assert len(images.sha256) == 64


def test_limit_takes_the_first_by_name(tmp_path: Path) -> None:
    make(tmp_path, {"b.png": "x", "a.png": "y"})

    images = load_set(NamedSet(str(tmp_path), "calibration", Path("elsewhere"), limit=1))

    assert [photo.name for photo in images.photos] == ["a.png"]


def test_photographs_are_counted_without_being_read(tmp_path: Path) -> None:
    make(tmp_path / "sorted", {"a/1.png": "", "b/2.png": ""})
    make(tmp_path / "flat", {"1.png": "x"})
    (tmp_path / "sorted" / "a" / "3.png").symlink_to("gone")

    counted = count_photos(NamedSet("sorted", "evaluation", tmp_path))
    assert (counted.photographs, counted.labelled) == (3, True)
    assert sorted(counted.labels) == [0, 0, 1]
    assert counted.notes[0].startswith("sorted: no label set is named, so its class folders are")
    assert count_photos(NamedSet("flat", "evaluation", tmp_path)) == Counted(1, (), ())
    with pytest.raises(ImageError, match="does not exist"):
        count_photos(NamedSet("none", "evaluation", tmp_path))


def image_set(*photos: tuple[str, str, int | None], source: str = "here") -> ImageSet:
    return ImageSet(
        "evaluation",
        source,
        tuple(
            Photo(str(Path(source, name)), name, digest, label) for name, digest, label in photos
        ),
    )


def test_the_hash_depends_on_content_labels_and_order_alone() -> None:
    images = image_set(("a.png", "aa", 0), ("b.png", "bb", 1))
    moved = image_set(("x.png", "aa", 0), ("y.png", "bb", 1), source="there")
    others = [
        image_set(("a.png", "aa", 0), ("b.png", "cc", 1)),
        image_set(("a.png", "aa", 0), ("b.png", "bb", 0)),
        image_set(("a.png", "aa", 0), ("b.png", "bb", None)),
        image_set(("b.png", "bb", 1), ("a.png", "aa", 0)),
        image_set(("a.png", "aa", 0)),
    ]

    assert images.sha256 == moved.sha256
    assert len({images.sha256, *(other.sha256 for other in others)}) == 6
    assert images.content_sha256 == others[1].content_sha256 != others[0].content_sha256


def test_the_hash_stays_the_same_between_versions() -> None:
    images = image_set(("a.png", "aa", 0), ("b.png", "bb", None))

    # Stored variants are addressed by it.
    assert images.sha256 == "6f4043a912450be37f12f8ca8d028782e99bce3721b91e988d3c00e3f2bfb910"


def test_unlabelled_photographs(tmp_path: Path) -> None:
    make(tmp_path, {"a.png": "x"})
    images = load_set(NamedSet(str(tmp_path), "evaluation", tmp_path))

    assert not images.labelled
    with pytest.raises(ImageError, match=r"'a\.png' has no label"):
        images.labels()


def test_labels_out_of_range_are_refused(tmp_path: Path) -> None:
    make(tmp_path, {"1/a.png": "x", "2/b.png": "y"})

    with pytest.raises(ImageError, match=r"'2/b.png' is 2, but there are 2 classes \(0 to 1\)"):
        load_set(NamedSet(str(tmp_path), "evaluation", tmp_path), TWO)
    load_set(NamedSet(str(tmp_path), "evaluation", tmp_path)).require_classes(3)


def test_labels_of_other_classes_are_not_used(tmp_path: Path) -> None:
    make(tmp_path, {"0/a.png": "x", "7/b.png": "y", "388/c.png": "z"})
    images = load_set(NamedSet(str(tmp_path), "evaluation", tmp_path))

    foreign = images.of_classes(2)

    assert not foreign.labelled
    assert "2 of 3 labels are beyond the model's 2 classes" in foreign.notes[0]
    assert foreign.content_sha256 == images.content_sha256
    assert images.of_classes(389) is images
    assert images.of_classes(8) is images  # one label of three is a mistake, and refused as one


def test_labels_file_of_the_spec_is_relative_to_the_root(tmp_path: Path) -> None:
    make(tmp_path, {"set/a.png": "x", "labels/mine.csv": "file,class_index\na.png,1\n"})

    images = load_set(NamedSet("set", "evaluation", tmp_path, labels="labels/mine.csv"))

    assert np.array_equal(images.labels(), [1])


def test_data_sets_are_below_the_folder_of_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(
        tmp_path / "tiny",
        {
            "calibration/a.png": "x",
            "evaluation/a.png": "y",
            "labels.csv": "split,file,class_index\ncalibration,a.png,0\nevaluation,a.png,1\n",
        },
    )
    monkeypatch.setenv("EDGEQ_DATA", str(tmp_path))

    calibration = load_set(NamedSet("data:tiny", "calibration", Path("elsewhere")))
    evaluation = load_set(NamedSet("data:tiny", "evaluation", Path("elsewhere")))

    assert [calibration.labels()[0], evaluation.labels()[0]] == [0, 1]
    assert not overlap(calibration, evaluation)


def test_unset_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEQ_DATA", raising=False)

    with pytest.raises(ImageError, match="EDGEQ_DATA is not set"):
        load_set(NamedSet("data:imagenet", "evaluation", tmp_path))


def test_reference_data(tmp_path: Path) -> None:
    if not os.environ.get("EDGEQ_DATA"):
        pytest.skip("EDGEQ_DATA is not set")

    calibration = load_set(NamedSet("data:imagenet", "calibration", tmp_path))
    evaluation = load_set(NamedSet("data:imagenet", "evaluation", tmp_path))

    assert (len(calibration.photos), len(evaluation.photos)) == (100, 500)
    assert calibration.labelled
    assert evaluation.labelled
    assert not overlap(calibration, evaluation)


def test_overlap_is_by_content(tmp_path: Path) -> None:
    make(tmp_path, {"one/a.png": "x", "one/b.png": "y", "two/c.png": "y", "two/d.png": "y"})

    one = load_set(NamedSet("one", "calibration", tmp_path))
    two = load_set(NamedSet("two", "evaluation", tmp_path))

    assert overlap(one, two) == (("b.png", "c.png"), ("b.png", "d.png"))
    assert overlap(two, one) == (("c.png", "b.png"), ("d.png", "b.png"))


def test_broken_link_and_unreadable_kinds_of_files(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(ImageError, match=r"a\.png: is a broken symbolic link"):
        load_set(NamedSet(str(tmp_path), "evaluation", tmp_path))

    (tmp_path / "a.png").unlink()
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png: is not a regular file"):
        load_set(NamedSet(str(tmp_path), "evaluation", tmp_path))

    (tmp_path / "a.png").unlink()
    (tmp_path / "a.png").symlink_to("/dev/null")
    with pytest.raises(ImageError, match=r"a\.png: is not a regular file"):
        load_set(NamedSet(str(tmp_path), "evaluation", tmp_path))


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    make(tmp_path, {"a.png": "x"})

    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(ImageError, match=r"a\.png: can't be read: Permission denied"):
        load_set(NamedSet(str(tmp_path), "evaluation", tmp_path), digest=refuse)


def test_images_share_a_group_that_is_named_or_their_content(tmp_path: Path) -> None:
    make(tmp_path / "set", {"a.png": "x", "b.png": "y", "c.png": "z", "d.png": "z"})
    (tmp_path / "set" / "labels.csv").write_text(
        "file,group\na.png,one\nb.png,one\nc.png,\nd.png,\n"
    )

    images = load_set(NamedSet("set", "evaluation", tmp_path))

    assert not images.labelled
    first, second, third, fourth = images.groups()
    assert first == second == ("group", "one")
    assert third == fourth == ("content", images.photos[2].sha256)
