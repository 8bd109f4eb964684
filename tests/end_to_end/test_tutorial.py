"""The tutorial, followed to the letter: its files, its commands and what they print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.projects import ROOT, RUN_S

PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"```(python|toml|console)\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"\d[\d,.]*")
MAX_COMMANDS = 10
RED = 1
"""Exit code of the first `edgeq gate` on the page."""


@dataclass(frozen=True)
class Command:
    """A command with the lines that the page shows of its output; ``...`` stands for any."""

    text: str
    shown: tuple[str, ...]


def commands(block: str) -> list[Command]:
    """Return the commands of a ``console`` block."""
    parts = re.split(r"(?m)^\$ ", block)[1:]
    return [Command(*_split(part)) for part in parts]


def _split(part: str) -> tuple[str, tuple[str, ...]]:
    text, *shown = part.rstrip().splitlines()
    return text, tuple(line for line in shown if line != "...")


def masked(line: str) -> str:
    """Return a line without its numbers, which other processors may round differently."""
    return " ".join(NUMBER.sub("#", line).split())


def ran(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the page with this interpreter and this edgeq."""
    program, *arguments = shlex.split(command)
    programs = {"python": [sys.executable], "edgeq": [sys.executable, "-m", "edgeq.cli"]}
    # readline, which pytest imports, tells programs of a terminal of 80 columns.
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.run(
        [*programs[program], *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )


def edit(spec: Path, block: str) -> None:
    """Set keys of the spec as a reader would: in place of the lines that have them."""
    text = spec.read_text(encoding="utf-8")
    for line in block.splitlines():
        key = line.partition(" = ")[0]
        text, count = re.subn(rf"(?m)^#?{key} = .*$", line, text, count=1)
        assert count == 1, key
    spec.write_text(text, encoding="utf-8")


@pytest.mark.keras
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    spec = tmp_path / "edgeq.toml"
    codes: list[int] = []
    for kind, block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "python":
            (tmp_path / "digits.py").write_text(block, encoding="utf-8")
        elif kind == "toml":
            edit(spec, block)
        for command in commands(block) if kind == "console" else ():
            done = ran(command.text, tmp_path)
            codes.append(done.returncode)
            lines = iter(map(masked, done.stdout.splitlines()))
            for shown in filter(None, map(masked, command.shown)):
                assert shown in lines, f"{command.text} does not print {shown}: {done.stdout}"
            if "[variants.repaired]" in command.shown:
                found = re.search(r"(?ms)^\[variants\.repaired\].*?\n\n", done.stdout)
                assert found is not None
                with spec.open("a", encoding="utf-8") as file:
                    file.write(f"\n{found[0]}")
    assert codes == [0, 0, RED, 0, 0, 0, 0, 0]
    assert len(codes) + 2 <= MAX_COMMANDS  # and two that install
    assert (tmp_path / "reports" / "bundle" / "manifest.json").is_file()
