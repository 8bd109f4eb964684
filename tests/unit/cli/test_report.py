from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from edgeq.cli import main
from edgeq.record import structs as records
from tests.unit.report.records import full_record


@pytest.fixture
def run_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("old", "run.json")
    records.write(full_record(), path)
    return path


def test_a_record_is_rendered_beside_itself(
    run_json: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run_json.read_bytes()
    assert main(["report", str(run_json)]) == 0
    assert capsys.readouterr().out == "Report: old/report.html\n"
    assert "<html" in Path("old/report.html").read_text(encoding="utf-8")
    assert run_json.read_bytes() == before


def test_without_a_name_the_latest_record_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    records.write(full_record(), Path("reports", "latest", "run.json"))
    assert main(["report"]) == 0
    assert "Report: reports/latest/report.html" in capsys.readouterr().out
    assert Path("reports", "latest", "report.html").is_file()
    spec = 'reports = "elsewhere"\nmethods = ["int8"]\n[models.net]\nsource = "net.tflite"\n'
    Path("edgeq.toml").write_text(spec, encoding="utf-8")
    assert main(["report"]) == 2
    assert capsys.readouterr().err.startswith("edgeq: elsewhere/latest/run.json: ")


def test_runs_of_the_history_that_cant_be_read_are_named(
    run_json: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("history").mkdir()
    name = "20260101T000000000000Z-1-0123abcd.json"
    Path("history", name).write_bytes(b"{")
    assert main(["report", str(run_json)]) == 0
    out, err = capsys.readouterr()
    assert out == "Report: old/report.html\n"
    assert err.startswith("History: ")
    assert f"{name}: not a past run" in err


def test_a_record_of_another_name_gets_a_folder_of_its_own(run_json: Path) -> None:
    Path("old/earlier.json").write_bytes(run_json.read_bytes())
    run_json.write_text("another record", encoding="utf-8")
    assert main(["report", "old/earlier.json"]) == 0
    assert Path("old/earlier/report.html").is_file()
    assert run_json.read_text(encoding="utf-8") == "another record"


def test_the_folder_may_be_chosen(run_json: Path) -> None:
    assert main(["report", str(run_json), "--output", "new"]) == 0
    assert sorted(path.name for path in Path("new").iterdir()) == [
        "cases.csv",
        "report.html",
        "run.json",
        "summary.md",
    ]


def test_a_damaged_record_is_refused(run_json: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_json.write_text("{", encoding="utf-8")
    assert main(["report", str(run_json)]) == 2
    assert capsys.readouterr().err.startswith("edgeq: old/run.json: not an edgeq record")
    assert not Path("old/report.html").exists()


@pytest.mark.parametrize("there_is_one", [True, False])
def test_the_page_is_opened_where_there_is_a_browser(
    run_json: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    there_is_one: bool,
) -> None:
    opened: list[str] = []

    def browse(address: str) -> bool:
        opened.append(address)
        return there_is_one

    monkeypatch.setattr(webbrowser, "open", browse)
    assert main(["report", str(run_json), "--open"]) == 0
    assert opened == [Path("old/report.html").resolve().as_uri()]
    assert ("No browser" in capsys.readouterr().err) is not there_is_one


def test_a_page_gives_its_record_back(run_json: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run_json)]) == 0
    before = run_json.read_bytes()
    run_json.unlink()
    assert main(["report", "old/report.html"]) == 0
    assert run_json.read_bytes() == before
    Path("other.html").write_text("<p>nothing</p>", encoding="utf-8")
    assert main(["report", "other.html"]) == 2
    assert "holds no record" in capsys.readouterr().err
