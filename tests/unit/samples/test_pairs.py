from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.errors import ImageError
from edgeq.samples.pairs import find_samples, load_pairs, match, scene_of
from edgeq.samples.sets import ImageSet, NamedSet, Photo, load_set
from tests.unit.samples.pictures import gradient, save

WHERE = "edgeq.toml: variants.camera.evaluation"


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    for seed, name in enumerate(("0/a.png", "0/b.png", "1/c.png")):
        save(tmp_path / "evaluation" / name, seed=seed)
    (tmp_path / "evaluation" / "labels.csv").write_text(
        "file,class_index,group\n0/a.png,3,x\n0/b.png,4,x\n1/c.png,5,y\n", "utf-8"
    )
    return load_set(NamedSet("evaluation", "evaluation", tmp_path))


def camera(root: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        path = root / "camera" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        gradient(seed=50 + seed).save(path)


def pairs(root: Path, images: ImageSet, every: tuple[str, ...] | None = None) -> ImageSet:
    return load_pairs("camera", images, root=root, where=WHERE, every=every)


def test_samples_follow_the_order_of_the_set_with_its_labels(
    tmp_path: Path, images: ImageSet
) -> None:
    camera(tmp_path, "1/c.jpg", "0/b.bmp", "0/a.png")
    found = pairs(tmp_path, images)
    assert [photo.name for photo in found.photos] == ["0/a.png", "0/b.bmp", "1/c.jpg"]
    assert (found.source, found.role) == ("camera", "evaluation")
    assert found.labels().tolist() == images.labels().tolist() == [3, 4, 5]
    assert found.groups() == images.groups()
    assert found.content_sha256 != images.content_sha256
    assert all(photo.path.is_file() for photo in found.photos)


def test_what_is_said_of_labels_beside_the_samples_does_not_count(
    tmp_path: Path, images: ImageSet
) -> None:
    camera(tmp_path, "0/a.jpg", "0/b.jpg", "1/c.jpg")
    (tmp_path / "camera" / "labels.csv").write_text("file,class_index\n0/a.jpg,1\n", "utf-8")
    assert pairs(tmp_path, images).labels().tolist() == [3, 4, 5]


def test_a_scene_that_is_on_one_side_only_is_refused_by_name(
    tmp_path: Path, images: ImageSet
) -> None:
    camera(tmp_path, "0/a.jpg", "1/b.jpg", "1/c.jpg", "2/d.jpg")
    with pytest.raises(ImageError) as caught:
        pairs(tmp_path, images)
    assert caught.value.what == (
        "1 evaluation photograph without a counterpart here: 0/b.png; 2 photographs without a "
        "counterpart in the evaluation set: 1/b.jpg, 2/d.jpg"
    )
    assert caught.value.where == WHERE


def test_samples_of_photographs_beyond_the_limit_are_allowed(
    tmp_path: Path, images: ImageSet
) -> None:
    first = ImageSet(images.role, images.source, images.photos[:1])
    camera(tmp_path, "0/a.jpg", "0/b.jpg", "1/c.jpg")
    with pytest.raises(ImageError, match=r"0/b\.jpg, 1/c\.jpg"):
        pairs(tmp_path, first)
    every = tuple(photo.name for photo in images.photos)
    assert [photo.name for photo in pairs(tmp_path, first, every).photos] == ["0/a.jpg"]


@pytest.mark.parametrize(
    ("photographs", "samples", "said"),
    [
        (("a.png", "a.jpg"), ("a.bmp",), "'a.png' and 'a.jpg' of the evaluation set"),
        (("a.png",), ("a.bmp", "a.jpg"), "'a.bmp' and 'a.jpg' of the variant's samples"),
    ],
)
def test_two_photographs_of_one_name_are_refused(
    photographs: tuple[str, ...], samples: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ImageError) as caught:
        match(photographs, samples, where=WHERE)
    assert said in caught.value.what


def test_the_last_ending_alone_is_left_out() -> None:
    assert scene_of("a.b/c.d.png") == "a.b/c.d"
    assert match(["x.1.png", "x.2.png"], ["x.2.jpg", "x.1.jpg"], where="") == ("x.1.jpg", "x.2.jpg")


def test_a_source_that_is_not_there_names_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImageError, match="does not exist") as caught:
        find_samples("camera", "evaluation", root=tmp_path, where=WHERE)
    assert WHERE in str(caught.value.remedy)
    monkeypatch.setenv("EDGEQ_DATA", str(tmp_path))
    save(tmp_path / "board" / "evaluation" / "a.png")
    assert list(find_samples("data:board", "evaluation", root=Path(), where=WHERE)) == ["a.png"]


def test_a_packaged_sample_pairs_with_itself() -> None:
    pytest.importorskip("foolbox")
    images = load_set(NamedSet("sample:imagenet", "evaluation", Path()))
    found = load_pairs("sample:imagenet", images, root=Path(), where=WHERE)
    assert found == images
    assert all(isinstance(photo, Photo) for photo in found.photos)
