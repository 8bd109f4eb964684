"""A part of the gate: pytest's own ways to choose tests."""

from __future__ import annotations

from edgeq.judge.verdict import Verdict
from tests.plugin.projects import Project, case, statuses, text_of

SHUFFLE = """
import random

def pytest_collection_modifyitems(items):
    random.Random(7).shuffle(items)
"""


def test_by_name(project: Project) -> None:
    result = project.run("-k", "vendor and not latency")
    assert result.ret == 0
    assert {one.variant for one in project.record.cases} == {"vendor"}
    assert len(project.record.cases) == 12
    assert project.record.models[0].variants[0].sha256 == ""


def test_by_marker(project: Project) -> None:
    result = project.run("-m", "size")
    assert result.ret == 0
    assert {one.gate for one in project.record.cases} == {"size_reduction", "max_bytes"}
    assert project.record.partial


def test_all_but_a_marker_and_in_any_order(project: Project) -> None:
    assert project.run("-m", "not latency").ret == 0
    in_order = project.record
    assert {one.gate for one in in_order.cases}.isdisjoint({"latency_ratio", "max_latency_ms"})
    assert len(in_order.cases) == 23

    (project.root / "conftest.py").write_text(SHUFFLE, encoding="utf-8")
    result = project.run("-m", "not latency", "-v")
    assert result.ret == 0
    assert project.record.cases == in_order.cases
    assert project.record.models == in_order.models
    tests = [line for line in result.outlines if "::test_" in line]
    assert tests != sorted(tests)


def test_one_test(project: Project) -> None:
    result = project.run("test_gate.py::test_max_bytes[tiny-vendor]")
    assert result.ret == 0
    assert [one.id for one in project.record.cases] == ["tiny/vendor/max_bytes"]
    assert project.record.partial


def test_a_call_that_runs_no_test_leaves_the_last_record(project: Project) -> None:
    assert project.run("-m", "size").ret == 0
    before = (project.reports / "run.json").read_bytes()
    for arguments, code in (
        (["-k", "and and"], 4),
        (["test_gate.py::test_no_gate"], 4),
        (["--fixtures"], 0),
        (["--fixtures-per-test"], 0),
    ):
        result = project.run(*arguments)
        assert result.ret == code
        assert "declared cases were not run" not in text_of(result)
        assert (project.reports / "run.json").read_bytes() == before


def test_last_failed(project: Project) -> None:
    (project.root / "test_gate.py").unlink()
    (project.root / "test_size.py").write_text(
        "from edgeq.gate import test_max_bytes, test_size_reduction\n", encoding="utf-8"
    )
    (project.root / "test_agreement.py").write_text(
        "from edgeq.gate import test_top1_agreement, test_worst_cosine\n", encoding="utf-8"
    )
    project.spec["default_gates"] = False
    project.spec["gates"] = {"max_bytes": 10_000, "size_reduction": 0.99, "top1_agreement": 0.5}
    assert project.run().ret == 1
    assert len(project.record.cases) == 6

    assert project.run("--lf").ret == 1
    assert {one.gate for one in project.record.cases if one.as_of is None} == {"size_reduction"}
    assert len(project.record.cases) == 6

    project.spec["gates"]["size_reduction"] = -1.0
    project.write()
    result = project.run("--lf")
    assert result.ret == 0
    assert project.record.partial
    assert "The run fails" not in text_of(result)


def test_stopping_at_the_first_failure(project: Project) -> None:
    project.spec["gates"]["max_bytes"] = 1
    result = project.run("-x")
    assert result.ret == 1
    failed = [one for one in project.record.cases if one.status is not Verdict.PASS]
    assert [one.gate for one in failed] == ["max_bytes"]
    assert project.record.summary.not_run
    assert not project.record.summary.passes
    assert "The run fails: 1 case FAIL" in " ".join(text_of(result).split())


def test_collecting_makes_nothing(project: Project) -> None:
    project.spec["store"] = "store"
    result = project.run("--co", "-q")
    assert result.ret == 0
    assert "test_gate.py::test_made[tiny-float16]" in result.outlines
    assert "25 tests collected" in result.outlines[-1]
    assert not (project.root / "store").exists()
    assert not (project.root / "reports" / "latest").exists()


def test_a_part_says_so_and_keeps_pytests_exit_code(project: Project) -> None:
    result = project.run("-m", "size")
    assert result.ret == 0
    said = " ".join(text_of(result).split())
    why = "21 declared cases were not run, on purpose"
    headline = "Part of the gate was run: 0 of 2 variants are cleared"
    found = "tiny: not judged, no case that looks at its predictions was run"
    assert f"Nothing fails: {why}. {headline}. {found}." in said
    assert "note: 21 declared cases not run, for example tiny/float16/made and" in said
    assert "answer o not judged o not judged" in said
    summary = (project.reports / "summary.md").read_text(encoding="utf-8")
    page = (project.reports / "report.html").read_text(encoding="utf-8")
    for text in (said, summary, page):
        assert f"Nothing fails: {why}." in text
        assert headline in text
        assert f"{found}." in text
        assert "The run fails" not in text
        assert "may ship" not in text.partition('<script type="application/json"')[0]


def test_a_part_that_fails_says_so(project: Project) -> None:
    project.spec["gates"]["size_reduction"] = 0.99
    project.spec["gates"]["vendor"] = {"size_reduction": -1.0}
    result = project.run("-m", "size")
    assert result.ret == 1
    said = " ".join(text_of(result).split())
    assert "The run fails: 1 case FAIL; 21 declared cases were not run, on purpose. " in said
    assert "Part of the gate was run: 0 of 2 variants are cleared. " in said
    assert "tiny: float16 is rejected (size_reduction FAIL); vendor is not judged (no case" in said
    assert statuses(project.record)["tiny/vendor/size_reduction"] is Verdict.PASS
    assert case(project.record, "tiny/float16/size_reduction").status is Verdict.FAIL
