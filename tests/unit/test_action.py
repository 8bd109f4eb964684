"""The GitHub Action: its own steps, run without GitHub on a small project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S
from tests.unit.cli import project

ACTION = Path(__file__).parents[2] / "action.yml"
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")
GH = '#!/bin/bash\nprintf "%s\\n" "$@" > "$GH_SAID"\nexit "${GH_CODE:-0}"\n'


@pytest.fixture
def action() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    if not ACTION.is_file():
        pytest.skip("a source distribution holds no action")
    read: dict[str, Any] = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    return read


class Runner:
    """Runs the shell steps of an action as GitHub would.

    Args:
        action: The action.
        folder: The checkout.
        inputs: Inputs that differ from their defaults.
        facts: What the action reads besides its inputs, by expression.
    """

    def __init__(
        self, action: dict[str, Any], folder: Path, inputs: dict[str, str], facts: dict[str, str]
    ) -> None:
        self.steps = {step["name"]: step for step in action["runs"]["steps"] if "name" in step}
        defaults = {name: one["default"] for name, one in action["inputs"].items()}
        self.facts = {
            **{f"inputs.{name}": text for name, text in {**defaults, **inputs}.items()},
            **facts,
        }
        self.folder = folder
        self.said = folder / "gh.txt"
        tools = folder / "tools"
        tools.mkdir()
        for name, text in (
            ("gh", GH),
            ("edgeq", f'#!/bin/bash\nexec "{sys.executable}" -m edgeq.cli "$@"\n'),
        ):
            (tools / name).write_text(text, encoding="utf-8")
            (tools / name).chmod(0o755)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        self.environment = {
            **kept,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_OUTPUT": str(folder / "outputs"),
            "GH_SAID": str(self.said),
        }

    def filled(self, text: str) -> str:
        return EXPRESSION.sub(lambda match: self.facts[match[1]], str(text))

    def run(self, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        step = self.steps[name]
        own = {key: self.filled(value) for key, value in step["env"].items()}
        assert "${{" not in step["run"], "values reach a script by its environment alone"
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder / self.filled(step.get("working-directory", ".")),
            env={**self.environment, **own, **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def outputs(self) -> dict[str, str]:
        lines = (self.folder / "outputs").read_text(encoding="utf-8").splitlines()
        found = dict(line.split("=", 1) for line in lines)
        self.facts |= {f"steps.gate.outputs.{name}": text for name, text in found.items()}
        return found


FACTS = {"github.token": "token", "github.event.pull_request.number": "7"}


def test_it_judges_keeps_the_report_comments_and_answers(
    action: dict[str, Any], tmp_path: Path
) -> None:
    service = tmp_path / "services" / "vision"
    service.mkdir(parents=True)
    project.write(service)
    inputs = {"working-directory": "services/vision", "arguments": '-k "made or top1"'}
    runner = Runner(action, tmp_path, inputs, FACTS)
    done = runner.run("Gate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout or "1 passed" in done.stdout
    assert runner.outputs() == {"exit-code": "0", "report": "reports/latest/report.html"}
    assert (service / "reports" / "latest" / "report.html").is_file()
    assert (service / "reports" / "junit.xml").is_file()

    assert runner.run("Comment").returncode == 0
    said = runner.said.read_text(encoding="utf-8").split()
    assert said[:3] == ["pr", "comment", "7"]
    assert said[-1] == "reports/latest/summary.md"
    refused = runner.run("Comment", GH_CODE="1")
    assert refused.returncode == 0
    assert "::notice::the summary could not be written" in refused.stdout
    assert runner.run("Answer").returncode == 0


def test_bad_input_is_the_answer_although_the_steps_go_on(
    action: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text("[modles.x]\n", encoding="utf-8")
    runner = Runner(action, tmp_path, {"config": "bad.toml"}, FACTS)
    done = runner.run("Gate")
    assert done.returncode == 0
    assert "unknown key 'modles'" in done.stderr
    assert runner.outputs()["exit-code"] == "2"
    comment = runner.run("Comment")
    assert "edgeq left no summary to comment" in comment.stdout
    assert not runner.said.exists()
    assert runner.run("Answer").returncode == 2
    runner.facts["steps.gate.outputs.exit-code"] = ""  # the step itself did not end
    assert runner.run("Answer").returncode == 1


def test_every_input_is_used_and_explained(action: dict[str, Any]) -> None:
    text = ACTION.read_text(encoding="utf-8").partition("\nruns:")[2]
    for name, one in action["inputs"].items():
        assert one["description"].endswith("."), name
        assert f"inputs.{name}" in text, name
