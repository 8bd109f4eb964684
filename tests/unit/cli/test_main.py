from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

import edgeq as package
from edgeq import cli
from edgeq.errors import SpecError

COMMANDS = [
    "accept",
    "bundle",
    "challenge",
    "compare",
    "doctor",
    "explain",
    "gate",
    "init",
    "repair",
    "report",
    "store",
    "target",
    "verify",
]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"edgeq {package.__version__}\n"


def test_help_names_every_command_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = lines[lines.index("Commands:") + 1 :]
    shown = [line.split()[0] for line in listed]
    assert sorted(shown) == COMMANDS
    assert shown[:3] == ["init", "doctor", "gate"], "in the order in which a project needs them"
    assert not [line for line in listed if line.endswith("...")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: edgeq {command} ")
    assert max(map(len, said.splitlines())) <= 100


CLOSED = """
import os, sys
for number in (0, 1, 2):
    os.close(number)
sys.stdin = sys.stdout = sys.stderr = None  # as Python starts if its caller closed them
from edgeq import cli
code = cli.main(["nosuch"])
first = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
print("kept apart")
os._exit(first if code == 2 and not sys.stdout.isatty() else 1)
"""


def test_streams_that_the_caller_closed_are_no_error_and_no_file_gets_their_number(
    tmp_path: Path,
) -> None:
    """A service manager or `>&-` closes them; what is printed then went into the next file."""
    path = tmp_path / "file"
    run = subprocess.run([sys.executable, "-c", CLOSED, path], check=False, timeout=60)
    assert run.returncode > 2
    assert path.read_bytes() == b""


@pytest.mark.parametrize("arguments", [["nosuch"], ["explain"], ["bundle", "--nosuch"]])
def test_wrong_usage_is_bad_input(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert "Usage: edgeq" in capsys.readouterr().err


def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise SpecError("has two\n  lines", where="edgeq.toml", remedy="Write one")

    monkeypatch.setitem(cli.edgeq.commands, "fail", click.Command("fail", callback=fail))
    assert cli.main(["fail"]) == 2
    assert capsys.readouterr() == ("", "edgeq: edgeq.toml: has two lines. Write one\n")


def test_an_interruption_has_the_code_that_shells_know(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.edgeq.commands, "stop", click.Command("stop", callback=stop))
    assert cli.main(["stop"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_importing_the_command_line_imports_click_alone(tmp_path: Path) -> None:
    script = (
        "import sys; before = set(sys.modules); import edgeq.cli; "
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(*sorted(names - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["click", "edgeq"]
