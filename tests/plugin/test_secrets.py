"""What a run writes tells nothing of the machine's user, folders, name and environment."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from edgeq import cli
from tests.plugin.projects import Project

SECRET = "hunter2-and-more"  # noqa: S105 - not one


def outputs(project: Project) -> dict[str, bytes]:
    """Return every file that a run wrote for others to see."""
    reports = project.root / "reports"
    return {
        path.relative_to(project.root).as_posix(): path.read_bytes()
        for path in reports.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("broken", [False, True])
def test_no_output_of_a_run_tells_where_it_was_made(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, broken: bool
) -> None:
    home = tmp_path / "home of alice"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HUB_TOKEN", SECRET)
    monkeypatch.setenv("USER", "alice-the-user")
    monkeypatch.setenv("LOGNAME", "alice-the-user")
    if broken:
        (home / "broken.tflite").write_bytes(b"broken")
        project.spec["variants"]["broken"] = {
            "model": "tiny",
            "file": str(home / "broken.tflite"),
        }
        project.spec["variants"]["gone"] = {
            "model": "tiny",
            "file": f"/mnt/alice-the-user/{SECRET}.tflite",
        }
    result = project.run()
    assert result.ret == (2 if broken else 0)
    monkeypatch.chdir(project.root)
    assert cli.main(["bundle"]) == 0
    found = outputs(project)
    assert {"reports/latest/run.json", "reports/latest/report.html"} <= found.keys()
    assert any(name.startswith("reports/benchmarks/") for name in found)
    private = [str(project.root), str(home), f'"{platform.node()}"', SECRET, "alice-the-user"]
    told = [
        (word, name) for name, data in found.items() for word in private if word.encode() in data
    ]
    assert told == []
    if broken:
        assert any(b"~/broken.tflite" in data for data in found.values())
