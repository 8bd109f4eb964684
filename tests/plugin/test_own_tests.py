"""Tests of one's own that use a variant: where one fails, the variant is rejected."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from edgeq.judge.verdict import ShipDecision, Verdict
from tests.plugin.projects import Project, case, statuses, suite_properties, text_of

OWN = """
import pytest

@pytest.mark.parametrize("share", [0.5, 2.0])
def test_small(edgeq_variant, edgeq_baseline, share):
    if edgeq_variant.name == "tiny/vendor":
        assert edgeq_variant.bytes < edgeq_baseline.bytes * share, "too large for the flash"

class TestMore:
    def test_skipped(self, edgeq_variant):
        if edgeq_variant.name == "tiny/vendor":
            pytest.skip("the board is not here")

@pytest.mark.xfail(reason="known since June")
def test_known(edgeq_variant):
    assert edgeq_variant.name == "tiny/float16"

@pytest.fixture
def board(edgeq_variant):
    if edgeq_variant.name == "tiny/vendor":
        raise OSError("no board")

def test_board(edgeq_variant, board): ...

@pytest.fixture
def flashed(edgeq_variant):
    yield
    assert edgeq_variant.name == "tiny/float16", "not wiped"

def test_flashed(edgeq_variant, flashed): ...
"""
FAILS = "def test_mine(edgeq_variant):\n    assert edgeq_variant.name != 'tiny/vendor', 'no'\n"
NO_TIMES = ("-m", "not latency and not memory", "-p", "no:cacheprovider")


def answers(project: Project) -> dict[str, ShipDecision | None]:
    return {one.name: one.answer for one in project.record.models[0].variants}


def test_each_outcome_is_a_case_of_its_variant(project: Project) -> None:
    (project.root / "own").mkdir()
    (project.root / "own" / "test_own.py").write_text(OWN, encoding="utf-8")
    result = project.run("own", "--junitxml=junit.xml")
    assert result.ret == 1
    known, name = statuses(project.record), "own.test_own::test_"
    assert {
        key.removeprefix("tiny/float16/"): one for key, one in known.items() if "16" in key
    } == {
        f"{name}small[0.5]": Verdict.PASS,
        f"{name}small[2.0]": Verdict.PASS,
        "own.test_own::TestMore::test_skipped": Verdict.PASS,
        f"{name}known": Verdict.PASS,
        f"{name}board": Verdict.PASS,
        f"{name}flashed": Verdict.PASS,
    }
    found = {
        one.gate: (one.status, one.declared_missing, one.reason)
        for one in project.record.cases
        if one.variant == "vendor"
    }
    small = found.pop(f"{name}small[0.5]")
    assert small[:2] == (Verdict.FAIL, False)
    assert small[2].startswith("AssertionError: too large for the flash")
    assert found == {
        f"{name}small[2.0]": (Verdict.PASS, False, "passed"),
        "own.test_own::TestMore::test_skipped": (
            *(Verdict.MISSING, True),
            "skipped: the board is not here",
        ),
        f"{name}known": (Verdict.MISSING, True, "fails as expected (xfail): known since June"),
        f"{name}board": (
            *(Verdict.MISSING, False),
            "not measured: its set-up failed: OSError: no board",
        ),
        f"{name}flashed": (
            *(Verdict.FAIL, False),
            "its tear-down failed: AssertionError: not wiped",
        ),
    }
    assert answers(project)["vendor"] is ShipDecision.REJECTED
    tests = ET.parse(project.root / "junit.xml").iter("testcase")  # noqa: S314 - pytest wrote it
    ids = {one.attrib["value"] for test in tests for one in test.iter("property")}
    assert f"tiny/vendor/{name}small[0.5]" in ids


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_one_that_fails_rejects_its_variant_everywhere(
    project: Project, workers: tuple[str, ...]
) -> None:
    (project.root / "test_own.py").write_text(FAILS, encoding="utf-8")
    result = project.run(*NO_TIMES, *workers, "--junitxml=junit.xml")
    assert result.ret == 1
    failed = case(project.record, "tiny/vendor/test_own::test_mine")
    assert (failed.status, failed.reason.splitlines()[0]) == (
        Verdict.FAIL,
        "AssertionError: no",
    )
    assert failed.next_step == ("Fix the variant, or the test test_own.py::test_mine")
    assert answers(project) == {"float16": ShipDecision.UNPROVEN, "vendor": ShipDecision.REJECTED}
    said = " ".join(text_of(result).split())
    assert "test_mine + PASS x FAIL" in said
    assert "FAIL tiny/vendor/test_own::test_mine: AssertionError: no" in said
    summary = (project.reports / "summary.md").read_text(encoding="utf-8")
    page = (project.reports / "report.html").read_text(encoding="utf-8")
    for text in (summary, page):
        assert "vendor is rejected (test_own::test_mine FAIL" in text.replace("\\_", "_")
    properties = suite_properties(project.root / "junit.xml")
    assert properties["edgeq.answer.tiny/vendor"] == "rejected"


def test_what_it_rejects_is_not_packed(project: Project) -> None:
    (project.root / "test_own.py").write_text(FAILS, encoding="utf-8")
    assert project.run().ret == 1
    assert answers(project) == {"float16": ShipDecision.CLEARED, "vendor": ShipDecision.REJECTED}
    done = edgeq(project.root, "bundle")
    assert done.returncode == 0, done.stderr
    packed = project.root / "reports" / "bundle"
    assert [path.parent.name for path in packed.rglob("model.tflite")] == ["float16"]
    metadata = next(packed.rglob("metadata.json")).read_text(encoding="utf-8")
    assert '"answer": "cleared"' in metadata


def test_a_skipped_one_leaves_its_variant_unproven(project: Project) -> None:
    (project.root / "test_own.py").write_text(
        "import pytest\n@pytest.mark.skip(reason='later')\ndef test_mine(edgeq_variant): ...\n",
        encoding="utf-8",
    )
    assert project.run().ret == 0
    assert set(answers(project).values()) == {ShipDecision.UNPROVEN}
    assert case(project.record, "tiny/vendor/test_own::test_mine").reason == "skipped: later"


def test_figures_are_accepted_without_them(project: Project) -> None:
    (project.root / "test_own.py").write_text(
        "def test_mine(edgeq_variant): ...\n", encoding="utf-8"
    )
    assert project.run().ret == 0
    assert edgeq(project.root, "accept", "--reason", "first").returncode == 0
    (project.root / "test_own.py").unlink()
    result = project.run()
    assert result.ret == 0, text_of(result)


def edgeq(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgeq.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
