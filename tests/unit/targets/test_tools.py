from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgeq.errors import EdgeqError
from edgeq.targets.tools import run_tool

PYTHON = sys.executable
FILE = Path("net.tflite")


def run(code: str, *, timeout_s: float = 60.0, own_environment: bool = False) -> str:
    return run_tool(
        [PYTHON, "-c", code],
        name="tool",
        timeout_s=timeout_s,
        where=FILE,
        remedy="Do it",
        own_environment=own_environment,
    )


def test_what_it_prints_is_returned() -> None:
    assert run("import sys; print('out'); print('err', file=sys.stderr)") == "out\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print('first'); print('last'); raise SystemExit(3)", "last"),
        ("print('E: broken'); print('last'); raise SystemExit(3)", "E: broken"),
        ("raise SystemExit(3)", "no reason given"),
    ],
)
def test_a_failure_has_its_reason(code: str, reason: str) -> None:
    with pytest.raises(EdgeqError) as caught:
        run(code)
    assert str(caught.value) == f"net.tflite: tool failed: {reason}. Do it"


def test_what_hangs_is_stopped_and_nothing_is_left() -> None:
    with pytest.raises(EdgeqError, match=r"tool was stopped after 0\.5 s"):
        run("import time; time.sleep(601)", timeout_s=0.5)
    left = subprocess.run(["pgrep", "-f", "time.sleep[(]601[)]"], capture_output=True, check=False)
    assert left.returncode == 1


def test_what_is_missing_is_said() -> None:
    with pytest.raises(EdgeqError, match="tool can't be run"):
        run_tool(["no-such-tool-anywhere"], name="tool", timeout_s=1.0)


def test_secrets_are_for_package_tools_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret")
    code = "import os; print(os.environ.get('MY_TOKEN'))"
    assert run(code) == "None\n"
    assert run(code, own_environment=True) == "secret\n"
