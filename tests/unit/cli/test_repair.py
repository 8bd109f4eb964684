"""``edgeq repair``: its arguments, exit codes and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.cli import main
from edgeq.record.repair import RESULT
from tests.unit.faults.project import lay_out

SPEC = """
methods = ["int8"]
default_gates = false
[models.net]
source = "net.tflite"
preprocessing = "keras-tf"
[images]
calibration = "calibration"
evaluation = "evaluation"
[gates]
max_bytes = {limit}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_spec(folder: Path, limit: int) -> None:
    (folder / "edgeq.toml").write_text(SPEC.format(limit=limit), "utf-8")


def test_the_table_for_the_spec_is_printed_and_the_figures_are_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_spec(folder, 20_000)
    assert main(["repair", "net"]) == 0
    shown = capsys.readouterr()
    assert '[variants.repaired]\nmodel = "net"\nmethod = "' in shown.out
    assert shown.err == ""
    found = RESULT.read(folder / "reports" / "latest" / "repair.json")
    assert found.repaired is not None
    assert found.aim == "size"


def test_what_can_not_pass_is_exit_code_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_spec(folder, 2000)
    assert main(["repair", "--budget", "1s"]) == 1
    assert "max_bytes FAIL" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--until", "smaller"], "--until: 'smaller' is not a goal"),
        (["--from", "int9"], "unknown method 'int9'"),
        (["nett"], "unknown model 'nett'. Did you mean 'net'?"),
        (["--budget", "soon"], "'soon' is not a time: write 60s or 2min"),
        (["--for", "fun"], "'fun' is not one of 'size', 'latency'"),
    ],
)
def test_bad_arguments_are_exit_code_2(
    folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_spec(folder, 2000)
    assert main(["repair", *arguments]) == 2
    assert message in capsys.readouterr().err
