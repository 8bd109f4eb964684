"""``edgeq challenge``: the exit code, the table and the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeq.cli import main
from edgeq.faults.fault import BUILT_IN, new_fault
from tests.unit.cli import project


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_caught_faults_are_told_and_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = ("--fault", "cut_short", "--fault", "nan_outputs", "--fault", "other_metadata")
    assert main(["challenge", *faults, "--json", "answer.json"]) == 0
    shown = capsys.readouterr()
    assert "tiny: faults in vendor" in shown.out
    assert "Mutation score 100 %: 2 of 2 applicable faults caught, 0 missed" in shown.out
    assert shown.err == ""
    told = json.loads((folder / "answer.json").read_text("utf-8"))
    assert [one["verdict"] for one in told["faults"]] == ["caught", "caught"]
    assert told["score"] == 1.0
    latest = folder / "reports" / "latest" / "challenge.json"
    assert latest.read_bytes() == (folder / "answer.json").read_bytes()


def test_a_missed_fault_is_exit_code_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project.write(folder, project.SPEC.replace("top1_agreement = 0.1", "top1_agreement = 0.0"))
    assert main(["challenge", "--fault", "yuv_range"]) == 1
    shown = capsys.readouterr().out
    assert "missed" in shown
    assert "yuv_range: " in shown


@pytest.mark.parametrize(
    "arguments", [("--fault", "layer_zero"), ("--model", "net"), ("--config", "none.toml")]
)
def test_bad_input_is_exit_code_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["challenge", *arguments]) == 2
    assert capsys.readouterr().err.startswith("edgeq: ")


def test_a_broken_fault_is_exit_code_2_and_the_others_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def theirs(_: object) -> bytes:
        """Something that happens elsewhere."""
        raise RuntimeError("no luck")

    monkeypatch.setitem(
        vars(BUILT_IN)["_entries"], "theirs", new_fault(theirs, "theirs", "file", "low", "other")
    )
    assert main(["challenge", "--fault", "theirs", "--fault", "cut_short"]) == 2
    shown = capsys.readouterr()
    assert "theirs: its function failed: RuntimeError: no luck" in shown.out
    assert "1 of 1 applicable faults caught" in shown.out
    assert shown.err.startswith("edgeq: faults that could not be made: theirs. ")
    told = json.loads((folder / "reports" / "latest" / "challenge.json").read_text("utf-8"))
    assert [one["verdict"] for one in told["faults"]] == ["broken", "caught"]


def test_the_catalogue_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["challenge", "--list"]) == 0
    shown = capsys.readouterr().out
    assert "layer_zeroed" in shown
    assert "faults, " in shown.splitlines()[-1]
