from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from edgeq.cli import main
from tests.unit.cli.project import SPEC as PLAIN
from tests.unit.cli.project import edgeq, write

SPEC = (
    PLAIN.replace(
        'file = "vendor.tflite"',
        'file = "vendor.tflite"\npreprocessing = {filter = "nearest"}\nlabels = "own.txt"',
    ).replace('source = "net.tflite"', 'source = "net.tflite"\nlabels = "names.txt"')
    + """
[variants.broken]
model = "tiny"
file = "vendor.tflite"
method = "int8"
"""
)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    write(folder, SPEC)
    for name in ("names", "own"):
        text = "".join(f"{name} {number}\n" for number in range(5))
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    done = edgeq(folder, "gate", "-q")
    assert done.returncode == 1, done.stdout + done.stderr
    return folder


@pytest.fixture
def here(judged: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(judged)
    return judged


def test_what_is_cleared_is_packed_and_what_not_is_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle"]) == 0
    said = capsys.readouterr()
    assert "Packed: 1 of 2\n  tiny/vendor: cleared\n" in said.out
    assert "Not packed:\n  tiny/broken: rejected\n    types: FAIL; " in said.out
    assert "Package: reports/bundle\nZip: reports/bundle.zip (sha256 " in said.out
    assert said.err == ""


def test_the_package_of_a_ready_made_variant_tells_its_own_preprocessing_and_labels(
    here: Path, tmp_path: Path
) -> None:
    assert main(["bundle", "--output", str(tmp_path / "package")]) == 0
    folder = tmp_path / "package" / "tiny" / "vendor"
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["preprocessing"]["filter"] == "nearest"
    assert (folder / "labels.txt").read_text(encoding="utf-8").splitlines()[0] == "own 0"


def test_a_record_elsewhere_may_be_named(here: Path, tmp_path: Path) -> None:
    record = tmp_path / "run.json"
    record.write_bytes((here / "reports" / "latest" / "run.json").read_bytes())
    assert main(["bundle", "--record", str(record), "--output", str(tmp_path / "package")]) == 0


def test_another_spec_than_the_judged_one_is_noted(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = here / "other.toml"
    other.write_text(SPEC.replace("= 0.1", "= 0.2"), encoding="utf-8")
    assert main(["bundle", "--config", str(other), "--output", str(tmp_path / "package")]) == 0
    assert "the spec has changed since this record" in capsys.readouterr().err


def test_without_a_record_it_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bundle"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("edgeq: reports/latest/run.json: can't be read")
    assert "Run `edgeq gate` first" in said


def test_a_package_is_verified_and_damage_is_found(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "package"
    assert main(["bundle", "--output", str(package)]) == 0
    for path in (package, package.with_suffix(".zip")):
        capsys.readouterr()
        assert main(["bundle", "--check", str(path)]) == 0
        assert "contains what its manifest says" in capsys.readouterr().out
    with zipfile.ZipFile(package.with_suffix(".zip"), "a") as opened:
        opened.writestr("more.txt", "more")
    (package / "example.py").write_text("changed", encoding="utf-8")
    assert main(["bundle", "--check", str(package)]) == 2
    assert "changed: example.py" in capsys.readouterr().err
    assert main(["bundle", "--check", str(package.with_suffix(".zip"))]) == 2
    assert "not in the manifest: more.txt" in capsys.readouterr().err


def test_a_check_packs_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "--check", "x", "--output", "y"]) == 2
    assert "--check can't be combined with other options" in capsys.readouterr().err
