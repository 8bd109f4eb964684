"""What GitHub Actions is told, where it is GitHub that runs the tests."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project, text_of


def test_a_failure_is_annotated_and_summed_up(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = project.root / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    project.spec["gates"]["size_reduction"] = 0.99
    result = project.run("-m", "size")
    said = [line for line in result.outlines if line.startswith("::error")]
    assert [line.split("::")[1] for line in said] == [
        "error title=rejected%3A tiny/float16 and 1 more",
        *(f"error title=FAIL tiny/{name}/size_reduction" for name in ("float16", "vendor")),
    ]
    told = summary.read_text(encoding="utf-8")
    assert told == f"before\n{(project.reports / 'summary.md').read_text(encoding='utf-8')}\n"
    assert [line for line in result.outlines if line.strip()][-2].startswith("Report: ")


def test_a_summary_that_cant_be_written_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.root))
    result = project.run("-m", "size")
    assert result.ret == 0
    assert "GITHUB_STEP_SUMMARY can't be written: Is a directory" in text_of(result)


def test_nobody_else_is_told(project: Project) -> None:
    project.spec["gates"]["size_reduction"] = 0.99
    assert "::error" not in text_of(project.run("-m", "size"))
