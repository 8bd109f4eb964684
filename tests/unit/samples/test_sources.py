"""Photographs that packages carry."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgeq.errors import ImageError, MissingExtraError, SpecError
from edgeq.samples.labels import label_set
from edgeq.samples.sets import NamedSet, load_set, overlap
from edgeq.samples.sources import SAMPLES, Role, Sample, find_sample
from tests.patience import PATIENCE_S
from tests.unit.samples.pictures import open_photo

ROLES: tuple[Role, ...] = ("calibration", "evaluation")

needs_samples = pytest.mark.skipif(
    find_spec("foolbox") is None, reason="the samples extra is not installed"
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that ends the process of whoever imports it, with two photographs."""
    folder = tmp_path / "edgeq_sample_package"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    for name in ("good_0_7.png", "good_1_3.png", "other_0_1.png"):
        (folder / "data" / name).touch()
    sample = Sample("two", folder.name, "data", r"good_\d+_(?P<label>\d+)\.png", 2)
    monkeypatch.setitem(SAMPLES._entries, "mine", {"evaluation": sample, "calibration": sample})
    return folder


def test_a_package_is_found_without_importing_it(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(package.parent)

    found = find_sample("mine", "evaluation")

    assert sorted((item.name, item.label) for item in found) == [
        ("good_0_7.png", 7),
        ("good_1_3.png", 3),
    ]
    assert package.name not in sys.modules


def test_a_missing_package_is_an_extra_to_install(package: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'edgeq\[samples\]'"):
        find_sample("mine", "evaluation")


def test_another_number_of_photographs_is_refused(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(package.parent)
    (package / "data" / "good_0_7.png").unlink()

    with pytest.raises(ImageError, match="holds 1 of the 2 photographs"):
        find_sample("mine", "evaluation")


def test_unknown_sample() -> None:
    with pytest.raises(SpecError, match=r"Did you mean 'imagenet'\?"):
        find_sample("imagenett", "evaluation")


@needs_samples
@pytest.mark.samples
@pytest.mark.parametrize("name", SAMPLES.names())
def test_every_sample_is_there_disjoint_and_readable(name: str, tmp_path: Path) -> None:
    classes = label_set(name, tmp_path)

    sets = {role: load_set(NamedSet(f"sample:{name}", role, tmp_path), classes) for role in ROLES}

    assert not overlap(sets["calibration"], sets["evaluation"])
    assert len(sets["evaluation"].labels()) == 20
    for images in sets.values():
        assert {open_photo(photo.path).image.mode for photo in images.photos} == {"RGB"}


@needs_samples
@pytest.mark.samples
def test_reading_a_sample_does_not_import_its_package() -> None:
    code = (
        "import sys; from pathlib import Path; from edgeq.samples.sets import NamedSet, load_set; "
        "load_set(NamedSet('sample:imagenet', 'evaluation', Path())); "
        "sys.exit('foolbox' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_S)
