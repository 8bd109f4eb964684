from __future__ import annotations

from pathlib import Path

import click
import pytest

from edgeq.cli import main
from edgeq.cli.explain import complete, explain
from edgeq.record import structs as records
from tests.unit.report.records import MODEL, full_record

FAILED = "weight_only_int4/top1_agreement"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("reports", "latest", "run.json")
    records.write(full_record(), path)
    return path


@pytest.mark.usefixtures("run")
def test_a_case_of_the_latest_run_is_told_within_the_width(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", FAILED]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{MODEL}/{FAILED}"
    assert lines[1] == "  verdict     FAIL"
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("  image ") for line in lines) == 1


@pytest.mark.usefixtures("run")
def test_of_several_cases_those_that_did_not_pass_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", "weight_only_int4"]) == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith(MODEL)]
    assert heads == [f"{MODEL}/{FAILED}", f"{MODEL}/weight_only_int4/worst_cosine"]
    assert main(["explain", "float16"]) == 0
    assert capsys.readouterr().out.startswith("All 5 cases with 'float16' in their id passed.")


@pytest.mark.usefixtures("run")
def test_an_unknown_case_is_one_line_with_the_one_that_was_probably_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", f"{MODEL}/weight_only_int4/top_agreement"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"Did you mean {MODEL}/{FAILED}?" in said.err
    assert said.err.count("\n") == 1


def test_without_a_run_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["explain", "x"]) == 2
    assert "Run `edgeq gate` first" in capsys.readouterr().err
    context = click.Context(explain)
    assert complete(context, explain.params[0], "x") == []


def test_another_record_can_be_named_and_the_shell_completes_ids(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [item.value for item in complete(click.Context(explain), explain.params[0], "int4")]
    assert f"{MODEL}/{FAILED}" in ids
    assert all("int4" in name for name in ids)
    run.rename("other.json")
    assert main(["explain", FAILED, "--record", "other.json"]) == 0
    assert capsys.readouterr().out.startswith(f"{MODEL}/{FAILED}")
