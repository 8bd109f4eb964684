"""Every declared case needs a test, unless the user asked for a part."""

from __future__ import annotations

from tests.plugin.projects import SUITE, Project, text_of


def test_a_suite_that_leaves_a_gate_out_fails_and_says_which(project: Project) -> None:
    (project.root / "test_gate.py").write_text(
        SUITE + "del test_worst_cosine  # noqa: F821\n", encoding="utf-8"
    )
    result = project.run()
    assert result.ret == 1
    result.assert_outcomes(passed=23)
    record = project.record
    assert record.summary.not_run == ("tiny/float16/worst_cosine", "tiny/vendor/worst_cosine")
    assert not record.partial
    said = " ".join(text_of(result).split())
    assert (
        "2 declared cases not run: tiny/float16/worst_cosine and tiny/vendor/worst_cosine" in said
    )
    assert (
        "The run fails: 2 declared cases were not run. 0 of 2 variants are cleared. tiny: " in said
    )
    assert "tiny: both variants are rejected (float16: 1 declared case not run; top-1 " in said


def test_tests_of_ones_own_in_place_of_a_shipped_one_count(project: Project) -> None:
    own = (
        "import pytest\n"
        "@pytest.mark.edgeq('worst_cosine')\n"
        "def test_my_cosine(edgeq_case):\n"
        "    assert edgeq_case.check().value > 0.9\n"
    )
    (project.root / "test_gate.py").write_text(
        f"{SUITE}del test_worst_cosine\n{own}", encoding="utf-8"
    )
    result = project.run("-k", "cosine or made")
    assert result.ret == 0
    assert {one.gate for one in project.record.cases} == {"made", "worst_cosine"}


def test_a_test_without_its_gate_is_told_how_to_name_it(project: Project) -> None:
    (project.root / "test_gate.py").write_text(
        "def test_it(edgeq_case): edgeq_case.check()\n", encoding="utf-8"
    )
    result = project.run()
    assert result.ret != 0
    said = text_of(result)
    assert "mark it with the gate it answers, for example @pytest.mark.edgeq(" in said
    assert "Traceback" not in said


def test_a_test_of_an_unknown_gate_is_told_which_was_meant(project: Project) -> None:
    (project.root / "test_gate.py").write_text(
        "import pytest\n"
        "@pytest.mark.edgeq('top1_agrement')\n"
        "def test_it(edgeq_case): edgeq_case.check()\n",
        encoding="utf-8",
    )
    result = project.run()
    assert result.ret == 2
    assert "Did you mean 'top1_agreement'?" in text_of(result)
    assert "Traceback" not in text_of(result)
