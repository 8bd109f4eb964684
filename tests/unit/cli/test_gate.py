from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeq.cli.gate import SETTINGS, SUITE, pytest_arguments
from edgeq.record import structs
from tests.patience import PATIENCE_S
from tests.unit.cli.project import CASES, SPEC, edgeq, write

OWN_SETTINGS = """
[tool.pytest]
strict = true
addopts = ["-n", "2", "--no-such-option"]
filterwarnings = ["error"]
python_functions = ["check_*"]
required_plugins = ["no-such-plugin"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def commands(project: Path) -> tuple[str, ...]:
    return structs.read(project / "reports" / "latest" / "run.json").commands


def test_the_suite_runs_without_a_test_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOX_ENV_DIR", raising=False)  # pytest keeps its cache there under tox
    done = edgeq(project, "gate", "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[:3] == [
        "Spec: edgeq.toml",
        "Models: tiny (1 variant)",
        f"Cases: {CASES}",
    ]
    assert f"collected {CASES} items" in done.stdout
    assert "\nedgeq.gate.suite::test_made[tiny-vendor] PASSED" in done.stdout
    assert "warning" not in done.stdout
    assert commands(project) == ("edgeq gate -v",)
    assert (project / ".pytest_cache" / "v" / "cache" / "nodeids").is_file()


def test_its_own_settings_stand_in_for_those_of_the_project(project: Path) -> None:
    (project / "pyproject.toml").write_text(OWN_SETTINGS, encoding="utf-8")
    (project / "conftest.py").write_text("raise RuntimeError\n", encoding="utf-8")
    done = edgeq(project, "gate")
    assert done.returncode == 0, done.stdout + done.stderr


def test_arguments_go_to_pytest_and_their_paths_stay_at_home(project: Path) -> None:
    elsewhere = project / "results" / "junit.xml"
    done = edgeq(project, "gate", "-m", "not agreement", "-qx", f"--junitxml={elsewhere}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 deselected" in done.stdout
    assert 'classname="edgeq.gate.suite"' in elsewhere.read_text(encoding="utf-8")
    assert commands(project) == ("edgeq gate -m 'not agreement' -qx --junitxml=results/junit.xml",)


def test_a_test_named_by_its_id_runs_alone(project: Path) -> None:
    done = edgeq(project, "gate", f"{SUITE}::test_made[tiny-vendor]")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "collected 1 item\n" in done.stdout


def test_ids_are_the_same_under_xdist(project: Path) -> None:
    done = edgeq(project, "gate", "-n", "2", "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"PASSED edgeq\.gate\.suite::|INCONCLUSIVE edgeq", done.stdout)) == CASES


def test_a_failed_case_runs_again_alone(project: Path) -> None:
    strict = SPEC + "max_bytes = 1\n"
    (project / "edgeq.toml").write_text(strict, encoding="utf-8")
    assert edgeq(project, "gate").returncode == 1
    again = edgeq(project, "gate", "--lf")
    assert again.returncode == 1
    assert "FAIL tiny/vendor/max_bytes: " in again.stdout
    assert again.stdout.count("tiny/vendor/max_bytes") == 1
    in_full = edgeq(project, "gate", "--lf", "-v")
    assert "FAILED edgeq.gate.suite::test_max_bytes[tiny-vendor] - " in in_full.stdout
    assert "1 failed" in again.stdout
    assert "passed" not in again.stdout.splitlines()[-1]


def test_benchmarks_are_kept_below_the_reports_without_a_spec(project: Path) -> None:
    spec = project / "spec" / "other.toml"
    spec.parent.mkdir()
    (project / "edgeq.toml").rename(spec)
    probe = project / "test_probe.py"
    probe.write_text("def test_probe(benchmark): benchmark(int)\n", encoding="utf-8")
    quickly = ("--benchmark-save=mine", "--benchmark-max-time=0.01")
    done = edgeq(project, "gate", str(probe), "-k", "test_probe", *quickly)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Spec: built-in")
    assert list((project / "reports" / "benchmarks").rglob("*_mine.json"))
    assert not (project / ".benchmarks").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "unknown key 'modles'. Did you mean 'models'?"),
        (("--config", "none.toml"), "none.toml: can't be read"),
        (("--edgeq-config", "none.toml"), "none.toml: can't be read"),
    ],
)
def test_a_bad_spec_is_one_line(project: Path, arguments: tuple[str, ...], said: str) -> None:
    (project / "edgeq.toml").write_text("[modles.x]\n", encoding="utf-8")
    done = edgeq(project, "gate", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("edgeq: ")
    assert said in done.stderr


def test_no_case_of_that_name_is_pytests_own_code(project: Path) -> None:
    assert edgeq(project, "gate", "-k", "nothing").returncode == 5


def test_an_interruption_is_told_from_bad_input(project: Path) -> None:
    hang = project / "test_hang.py"
    hang.write_text(
        "import time\ndef test_hang():\n    open('here', 'w').close()\n    time.sleep(600)\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "edgeq.cli", "gate", "test_hang.py", "-k", "test_hang"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    with subprocess.Popen(
        command, cwd=project, env=kept, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        while running.poll() is None and not (project / "here").exists():
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 130


def test_the_users_arguments_come_last_and_so_they_hold() -> None:
    said = pytest_arguments(("-c", "own.ini", "--rootdir", "elsewhere"))
    assert said[-5:] == [SUITE, "-c", "own.ini", "--rootdir", "elsewhere"]
    assert SETTINGS.is_file()
