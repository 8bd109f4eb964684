"""Documentation, messages and docstrings hold no turn of phrase that reads as translated."""

from __future__ import annotations

from pathlib import Path

import pytest

prose = pytest.importorskip("benchmarks.prose", reason="the benchmarks are not beside the tests")


def test_nothing_reads_as_translated() -> None:
    places = [
        f"{path}:{line}: {words!r}: {rule.advice}"
        for path in prose.files(prose.DEFAULT)
        for line, words, rule in prose.hits(path)
    ]
    assert places == []


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('"""Return it,\n    None where there\n    is none."""', ["if", "if"]),
        ('message = "is no folder"', ["is not a"]),
        ('message = "there is no folder"', []),
        ('message = "is no\\n slower"', []),
        ("held = against  # a name is not prose", []),
        ('message = f"{name} is no file"', ["is not a"]),
    ],
)
def test_docstrings_and_messages_are_looked_through(
    text: str, advice: list[str], tmp_path: Path
) -> None:
    module = tmp_path / "module.py"
    module.write_text(text, "utf-8")
    assert [rule.advice for _, _, rule in prose.hits(module)] == advice


def test_code_in_a_document_is_not_prose(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("It is no\nfolder.\n```sh\nis no folder\n```\n", "utf-8")
    assert [(line, words) for line, words, _ in prose.hits(page)] == [(1, "is no folder")]
