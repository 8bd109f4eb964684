"""The exit code follows the record, whatever markers, fixtures, hooks and files do to the tests."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.exit_code import exit_code
from edgeq.record.structs import RunRecord
from tests.plugin.projects import SUITE, Project, statuses, suite_properties, text_of

GATES = {"max_bytes": 1_000_000, "size_reduction": -1.0}
FAILING = {**GATES, "max_bytes": 1}
OTHER = "def test_other(): pass\n"
MARKED = f"import pytest\n{SUITE}pytestmark = pytest.mark."
SKIPS_ALL = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.skip(reason="later"))
"""
DROPS_ALL = "def pytest_collection_modifyitems(items): items[:] = []\n"
DROPS_ONE = """
def pytest_collection_modifyitems(config, items):
    dropped = [item for item in items if "max_bytes" in item.name]
    items[:] = [item for item in items if item not in dropped]
"""
DESELECTS_ONE = f"{DROPS_ONE}    config.hook.pytest_deselected(items=dropped)\n"
FIXTURE = """
import pytest

@pytest.fixture(autouse=True)
def board(request):
    if "max_bytes" in request.node.name:
        {before}
    yield
    if "max_bytes" in request.node.name:
        {after}
"""
CALLS_ALL_PASSED = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    report.outcome = "passed"
    return report
"""
SWALLOWS_ONE = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    return True if "max_bytes" in item.name else None
"""
SETS_ZERO = """
import pytest

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    yield
    session.exitstatus = 0
"""
ENDS_WELL = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    pytest.exit("that will do", returncode=0)
"""
LEAVES = """
import pytest

def pytest_runtest_setup(item):
    if "max_bytes" in item.name:
        pytest.exit("that will do", returncode=0)
"""
SWALLOWED = """
import pytest

@pytest.mark.edgeq("max_bytes")
def test_max_bytes(edgeq_case):
    try:
        edgeq_case.check()
    except BaseException:
        pass
"""
NEVER_ASKED = SWALLOWED.replace("edgeq_case.check()", "pass")
RERUNS = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for last in (False, True):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        again = not last and any(report.failed for report in reports)
        for report in reports:
            if again and report.failed:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not again:
            return True
"""
LOSES_A_WORKER = """
import os

def pytest_runtest_setup(item):
    if "max_bytes" in item.name:
        os._exit(0)
"""


@pytest.fixture
def project(project: Project) -> Project:
    """A project with one variant and few gates, which pass."""
    project.spec["methods"] = []
    project.spec["gates"] = dict(GATES)
    return project


def run(project: Project, *arguments: str, suite: str = SUITE, conftest: str = "") -> RunRecord:
    """Run the gate; check that exit code, record, JUnit and terminal say the same."""
    (project.root / "test_gate.py").write_text(suite, encoding="utf-8")
    (project.root / "conftest.py").write_text(conftest, encoding="utf-8")
    result = project.run("--junitxml=junit.xml", *arguments)
    record = project.record
    code = exit_code(record)
    assert result.ret == code or (code == 0 and result.ret != 0), text_of(result)
    assert record.summary.passes <= (code == 0)
    assert record.summary.may_ship <= record.summary.passes
    if conftest == ENDS_WELL:  # before the terminal's summary and JUnit
        return record
    said = " ".join(text_of(result).split())
    assert ("The run fails: " in said) is (code == 1), said
    properties = suite_properties(project.root / "junit.xml")
    assert properties["edgeq.exit_code"] == str(code)
    assert (properties["edgeq.may_ship"] == "true") is record.summary.may_ship
    return record


def troubles(project: Project) -> dict[str, str]:
    """Return by name the tests that JUnit shows as failed, with an error, or as skipped."""
    document = ET.parse(project.root / "junit.xml")  # noqa: S314 - pytest wrote it
    return {
        test.attrib["name"].partition("[")[0]: child.tag
        for test in document.iter("testcase")
        for child in test
        if child.tag in {"failure", "error", "skipped"}
    }


@pytest.mark.parametrize(
    ("suite", "conftest", "status"),
    [
        pytest.param(f"{MARKED}xfail\n", "", Verdict.FAIL, id="xfail"),
        pytest.param(f"{MARKED}xfail(strict=True)\n", "", Verdict.FAIL, id="strict xfail"),
        pytest.param(f"{MARKED}xfail(run=False)\n", "", Verdict.MISSING, id="xfail not run"),
        pytest.param(f"{MARKED}skip(reason='later')\n", "", Verdict.MISSING, id="skip"),
        pytest.param(SUITE, SKIPS_ALL, Verdict.MISSING, id="a hook skips"),
        pytest.param(SUITE, CALLS_ALL_PASSED, Verdict.FAIL, id="a hook says passed"),
        pytest.param(SUITE, SETS_ZERO, Verdict.FAIL, id="a hook sets 0"),
        pytest.param(SUITE, ENDS_WELL, Verdict.FAIL, id="a hook ends the session with 0"),
        pytest.param(f"{SUITE}{SWALLOWED}", "", Verdict.FAIL, id="a test swallows"),
        pytest.param(f"{SUITE}{NEVER_ASKED}", "", Verdict.MISSING, id="a test never asks"),
        pytest.param(SUITE, RERUNS, Verdict.FAIL, id="reruns"),
        pytest.param(
            SUITE,
            FIXTURE.format(before="pytest.skip('no board')", after="pass"),
            Verdict.MISSING,
            id="a fixture skips",
        ),
        pytest.param(
            SUITE,
            FIXTURE.format(before="pytest.xfail('no board')", after="pass"),
            Verdict.MISSING,
            id="a fixture expects failure",
        ),
    ],
)
def test_nothing_makes_a_failing_case_pass(
    project: Project, suite: str, conftest: str, status: Verdict
) -> None:
    project.spec["gates"] = dict(FAILING)
    record = run(project, suite=suite, conftest=conftest)
    assert exit_code(record) == 1
    assert statuses(record)["tiny/vendor/max_bytes"] is status
    assert record.models[0].variants[0].answer is ShipDecision.REJECTED
    if conftest != ENDS_WELL:
        assert troubles(project)["test_max_bytes"] in {"failure", "error"}


@pytest.mark.parametrize(
    ("suite", "conftest", "status"),
    [
        pytest.param(f"{MARKED}xfail(strict=True)\n", "", Verdict.PASS, id="strict xfail"),
        pytest.param(
            SUITE,
            FIXTURE.format(before="raise OSError('no board')", after="pass"),
            Verdict.MISSING,
            id="set-up fails",
        ),
        pytest.param(
            SUITE,
            FIXTURE.format(before="pass", after="raise OSError('not wiped')"),
            Verdict.FAIL,
            id="tear-down fails",
        ),
    ],
)
def test_a_passing_case_is_what_its_own_test_says(
    project: Project, suite: str, conftest: str, status: Verdict
) -> None:
    record = run(project, suite=suite, conftest=conftest)
    assert statuses(record)["tiny/vendor/max_bytes"] is status
    assert (exit_code(record) == 0) is (status is Verdict.PASS)
    assert ("test_max_bytes" in troubles(project)) is (status is not Verdict.PASS)


@pytest.mark.parametrize(
    "conftest",
    [
        pytest.param(DROPS_ONE, id="dropped"),
        pytest.param(DESELECTS_ONE, id="deselected by a hook"),
        pytest.param(SWALLOWS_ONE, id="swallowed"),
        pytest.param(LEAVES, id="the session is left"),
    ],
)
def test_a_case_that_a_hook_takes_away_fails_the_run(project: Project, conftest: str) -> None:
    record = run(project, conftest=conftest)
    assert "tiny/vendor/max_bytes" in record.lost
    assert exit_code(record) == 1
    assert not record.partial
    assert record.models[0].variants[0].answer is ShipDecision.REJECTED


def test_a_part_that_was_chosen_excuses_nothing_else(project: Project) -> None:
    record = run(project, "-m", "not proof", conftest=DROPS_ONE)
    assert record.lost == ("tiny/vendor/max_bytes",)
    assert (exit_code(record), record.partial) == (1, True)
    said = " ".join((project.reports / "summary.md").read_text(encoding="utf-8").split())
    assert "declared cases were not run, 1 of them not on purpose" in said
    assert exit_code(run(project, "-m", "not proof")) == 0
    assert project.record.partial


@pytest.mark.parametrize(
    "arguments",
    [
        ("-k", "size"),
        ("-m", "size"),
        ("--deselect", "test_gate.py::test_made"),
        ("test_gate.py::test_max_bytes",),
    ],
)
def test_a_part_that_was_chosen_says_so_and_passes(
    project: Project, arguments: tuple[str, ...]
) -> None:
    record = run(project, *arguments)
    assert exit_code(record) == 0
    assert (record.partial, record.summary.passes, record.lost) == (True, False, ())
    said = (project.reports / "summary.md").read_text(encoding="utf-8")
    assert "on purpose" in said
    assert "Part of the gate was run" in said


@pytest.mark.parametrize(
    ("suite", "conftest", "arguments"),
    [
        pytest.param(SUITE, DROPS_ALL, (), id="all dropped"),
        pytest.param(f"import pytest\npytest.skip('no', allow_module_level=True)\n{SUITE}", "", ()),
        pytest.param("", "", (), id="lost"),
        pytest.param(SUITE, "", ("--ignore", "test_gate.py"), id="ignored"),
        pytest.param(SUITE, "collect_ignore = ['test_gate.py']\n", (), id="ignored by a conftest"),
    ],
)
def test_a_gate_without_any_verdict_leaves_a_record_that_says_so(
    project: Project, suite: str, conftest: str, arguments: tuple[str, ...]
) -> None:
    (project.root / "test_other.py").write_text(OTHER, encoding="utf-8")
    record = run(project, *arguments, suite=suite, conftest=conftest)
    assert exit_code(record) == 1
    assert record.cases == ()
    assert "tiny/vendor/max_bytes" in record.lost
    assert not (project.root / "reports" / "history").exists()
    said = (project.reports / "summary.md").read_text(encoding="utf-8")
    assert "declared cases were not run; nothing was judged" in said


def test_who_leaves_the_gate_to_edgeq_says_so(project: Project) -> None:
    project.spec["suite"] = "edgeq gate"
    (project.root / "test_gate.py").write_text(OTHER, encoding="utf-8")
    assert project.run().ret == 0
    assert not project.reports.exists()


def test_other_tests_are_not_the_gate(project: Project) -> None:
    (project.root / "own").mkdir()
    (project.root / "own" / "test_other.py").write_text(OTHER, encoding="utf-8")
    for arguments in (("own",), ("own/test_other.py",), ("-k", "other"), ("-m", "not edgeq")):
        result = project.run(*arguments)
        assert result.ret == 0, arguments
        assert not project.reports.exists(), arguments
    assert "No case of the gate was run: all 8 were deselected." in text_of(result)


def test_a_worker_of_xdist_that_is_lost_fails_the_run(project: Project) -> None:
    record = run(project, "-n", "1", "--max-worker-restart=0", conftest=LOSES_A_WORKER)
    assert exit_code(record) == 1
    assert "tiny/vendor/max_bytes" in record.lost


def test_the_collector_can_not_be_switched_off(project: Project) -> None:
    project.spec["gates"] = dict(FAILING)
    assert exit_code(run(project, "-p", "no:edgeq-collector")) == 1
