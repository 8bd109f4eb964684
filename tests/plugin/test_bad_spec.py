"""A spec that is wrong: one line and exit code 2 before anything is collected."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project, text_of


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("methodz", ["int8"], "edgeq.toml: unknown key 'methodz'*Did you mean 'methods'?*"),
        (
            "gates.top1_agrement",
            0.9,
            "*unknown gate 'top1_agrement'*Did you mean 'top1_agreement'?*",
        ),
        ("methods", ["int9"], "*unknown method 'int9'*Did you mean 'int8'*"),
        ("engine", "litetr", "*unknown engine 'litetr'*Did you mean 'litert'?*"),
        ("gates.top1_agreement", 1.5, "*top1_agreement = 1.5 is outside its range*"),
    ],
)
def test_a_wrong_key_or_value(project: Project, place: str, value: object, said: str) -> None:
    table = project.spec
    *tables, key = place.split(".")
    for name in tables:
        table = table[name]
    table[key] = value
    refused_in_one_line(project, said)


def test_no_toml(project: Project) -> None:
    project.write("methods = [\n")
    refused_in_one_line(project, "*edgeq.toml: is not valid TOML: *")


def test_no_such_file(project: Project) -> None:
    project.write()
    refused_in_one_line(project, "*nowhere.toml: can't be read*", "--edgeq-config", "nowhere.toml")


def refused_in_one_line(project: Project, said: str, *arguments: str) -> None:
    result = project.run(*arguments)
    assert result.ret == 2
    pattern = said if said.startswith("*") else f"*{said}"
    result.stdout.fnmatch_lines([pattern])
    text = text_of(result)
    assert "Traceback" not in text
    assert "collected" not in text
    assert not (project.root / "reports" / "latest").exists()
