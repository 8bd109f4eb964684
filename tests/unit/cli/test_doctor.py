from __future__ import annotations

from pathlib import Path

import pytest

from edgeq import doctor
from edgeq.cli import main
from tests.unit.cli.project import write


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGEQ_DATA", raising=False)
    return tmp_path


def test_a_project_that_can_be_gated(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "spec      ok edgeq.toml: 7 cases" in lines
    assert "models    ok tiny: vendor" in lines
    assert lines[-1] == "The gate can run: `edgeq gate`."
    assert max(map(len, lines)) <= 100


def test_what_keeps_the_gate_from_running_is_marked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "vendor.tflite").unlink()
    assert main(["doctor"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("variants  !! vendor:")]
    assert lines[-1] == "1 of these stops the gate or leaves cases MISSING (marked !!)."


def test_another_spec_may_be_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--config", "none.toml"]) == 2
    assert "spec      !! none.toml: can't be read" in capsys.readouterr().out


def test_without_a_spec_it_names_edgeq_init_and_ends_well(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "edgeq.toml").unlink()
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("spec      -- no edgeq.toml here or in a parent folder;")
    assert lines[-1] == "No model is declared: `edgeq init` writes a spec."
    assert not any(line.startswith("models") for line in lines)


def test_lines_are_broken_below_their_text(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = doctor.Finding("tools", "absent", "word " * 30 + "end")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: (long, long))
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:-1]
    assert [line[:13] for line in lines] == ["tools     -- ", " " * 13, " " * 10 + "-- ", " " * 13]
    assert {line[13:17] for line in lines} == {"word"}


def test_the_spec_alone_is_checked_for_hooks(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "net.tflite").unlink()  # no model is read
    assert main(["doctor", "--spec-only"]) == 0
    assert capsys.readouterr().out == "edgeq.toml: 7 cases\n"
    (here / "pyproject.toml").write_text("[tool.other]\n", encoding="utf-8")
    (here / "bad.toml").write_text("[modles.x]\n", encoding="utf-8")
    (here / "worse.toml").write_text("methods = 3\n", encoding="utf-8")
    names = ["pyproject.toml", "bad.toml", "edgeq.toml", "worse.toml"]
    assert main(["doctor", "--spec-only", *names]) == 2
    said = capsys.readouterr()
    assert said.out == "edgeq.toml: 7 cases\n"
    first, second = said.err.splitlines()
    assert "unknown key 'modles'" in first
    assert second.startswith("worse.toml")


def test_files_are_for_the_check_of_specs_alone(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "edgeq.toml"]) == 2
    assert "name another spec with --config" in capsys.readouterr().err
