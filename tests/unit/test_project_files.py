"""The files around the code: each is valid, and they agree with one another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import edgeq
from benchmarks import release
from edgeq.cli import edgeq as command_line

ROOT = Path(__file__).parents[2]


def load(path: Path) -> Any:
    yaml = pytest.importorskip("yaml")
    if not path.exists():
        pytest.skip("a source distribution holds no such file")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["bug", "idea", "wrong-verdict"])
def test_an_issue_template_asks_for_what_it_requires(name: str) -> None:
    template = load(ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml")
    assert {"name", "description", "body"} <= template.keys()
    ids = [part["id"] for part in template["body"]]
    assert len(set(ids)) == len(ids)
    assert any(part.get("validations", {}).get("required") for part in template["body"])
    for command in re.findall(r"`edgeq (\w+)", str(template)):
        assert command in command_line.commands


def test_the_hook_for_pre_commit_runs_a_command_with_an_option_that_exists() -> None:
    for hook in (
        *load(ROOT / ".pre-commit-hooks.yaml"),
        *(
            hook
            for repo in load(ROOT / ".pre-commit-config.yaml")["repos"]
            for hook in repo["hooks"]
        ),
    ):
        program, *words = hook["entry"].split()
        if program == "edgeq":
            command = command_line.commands[words[0]]
            options = {name for option in command.params for name in option.opts}
            assert set(words[1:]) <= options
        re.compile(hook.get("files", ""))


def test_the_citation_has_the_package_version_and_nothing_invented() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert citation["version"] == edgeq.__version__
    assert citation["license"] == "Apache-2.0"
    assert citation["authors"] == [{"name": "The edgeq authors"}]
    assert not {"doi", "url", "repository-code"} & citation.keys()


def test_workflows_and_updates_are_valid() -> None:
    assert load(ROOT / ".github" / "dependabot.yml")["version"] == 2
    for name in ("ci", "release"):
        workflow = load(ROOT / ".github" / "workflows" / f"{name}.yml")
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            assert job["runs-on"].startswith("ubuntu-")
            assert set(job.get("needs", "").split()) <= workflow["jobs"].keys()


def write(folder: Path, version: str, changelog: str) -> None:
    (folder / "edgeq").mkdir()
    (folder / "edgeq" / "__init__.py").write_text(f'__version__ = "{version}"\n', "utf-8")
    (folder / "CITATION.cff").write_text(f"version: {version}\n", encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(changelog, encoding="utf-8")


WHOLE = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-11-29\n\n- All of it.\n"


def test_a_release_that_agrees_with_itself_has_no_problem(tmp_path: Path) -> None:
    write(tmp_path, "1.2.3", WHOLE)
    assert release.problems("v1.2.3", tmp_path) == []


@pytest.mark.parametrize(
    ("tag", "changelog", "problem"),
    [
        ("1.2.3", WHOLE, "is not a tag"),
        ("v1.2.4", WHOLE, "edgeq/__init__.py has version 1.2.3, the tag 1.2.4"),
        ("v1.2.3", "# Changelog\n", "has no section [1.2.3]"),
        ("v1.2.3", WHOLE.replace("- All of it.", ""), "has no section [1.2.3]"),
        ("v1.2.3", WHOLE.replace("d]\n", "d]\n\n- Later.\n", 1), "under Unreleased"),
    ],
)
def test_a_release_that_does_not_is_stopped(
    tmp_path: Path, tag: str, changelog: str, problem: str
) -> None:
    write(tmp_path, "1.2.3", changelog)
    assert any(problem in found for found in release.problems(tag, tmp_path))
