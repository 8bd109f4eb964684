"""The property tests draw the same examples in CI, and other ones each time they explore."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
PROPERTY = """
from pathlib import Path

from hypothesis import given, strategies as st

@given(st.integers())
def test_drawn(number):
    with Path("drawn").open("a") as file:
        print(number, file=file)
"""


def drawn(pytester: pytest.Pytester, *arguments: str) -> list[str]:
    """Return the examples of one run."""
    (pytester.path / "drawn").unlink(missing_ok=True)
    shutil.rmtree(pytester.path / ".hypothesis", ignore_errors=True)
    result = pytester.runpytest_subprocess("-m", "hypothesis", *arguments)
    result.assert_outcomes(passed=1, deselected=1)
    return (pytester.path / "drawn").read_text("utf-8").split()


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    shutil.copy(CONFTEST, pytester.path)
    pytester.makepyfile(f"{PROPERTY}\ndef test_plain(): pass")
    return pytester


def test_ci_draws_the_same_examples(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    assert drawn(project) == drawn(project)


@pytest.mark.parametrize("ci", ["", "true"])
def test_exploring_draws_other_examples_and_more_of_them(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)
    one, other = (drawn(project, "--hypothesis-profile", "explore") for _ in range(2))
    assert one != other
    assert min(len(one), len(other)) > 500


def test_elsewhere_examples_differ(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert drawn(project) != drawn(project)
