"""Partial runs of one spec become one answer, as long as nothing changed that they rest on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pytest
from PIL import Image

from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.words import utc
from tests.plugin.projects import Project, Table, save_photographs, statuses, text_of

NO_TIMES = ("-m", "not latency")
TIMES = ("-m", "latency")
MINE = "def test_mine(edgeq_variant): assert edgeq_variant.bytes\n"


def answers(project: Project) -> set[ShipDecision | None]:
    return {one.answer for one in project.record.models[0].variants}


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_two_parts_are_one_answer(project: Project, workers: tuple[str, ...]) -> None:
    first = project.run(*NO_TIMES, *workers)
    assert first.ret == 0, text_of(first)
    before, said = project.record, " ".join(text_of(first).split())
    assert before.partial
    assert answers(project) == {ShipDecision.UNPROVEN}
    assert (
        "note: The answer is incomplete: run the rest with -m latency, which is joined with this "
        'run, or declare that it is not asked for: without = ["latency"]' in said
    )

    second = project.run(*TIMES)
    assert second.ret == 0, text_of(second)
    joined, said = project.record, " ".join(text_of(second).split())
    assert answers(project) == {ShipDecision.CLEARED}
    assert joined.summary.complete
    assert joined.summary.may_ship
    assert not joined.partial
    assert {case.gate for case in joined.cases if case.as_of is None} == {"latency_ratio"}
    assert {case.as_of for case in joined.cases} == {None, before.started}
    earlier = {case.id: case for case in before.cases}
    for case in joined.cases:
        if case.as_of is not None:
            assert (case.status, case.value) == (earlier[case.id].status, earlier[case.id].value)
    assert f"note: 23 verdicts of the run of {utc(before.started)}: same spec, same files" in said
    assert "Both variants are cleared and may ship" in said
    assert joined.models[0].variants[0].agreement == before.models[0].variants[0].agreement
    page = (project.reports / "report.html").read_text(encoding="utf-8")
    assert f"23 verdicts of the run of {utc(before.started)}" in page


def test_latency_that_is_not_asked_for_leaves_a_complete_answer(project: Project) -> None:
    project.spec["without"] = ["latency"]
    result = project.run(*NO_TIMES)
    assert result.ret == 0, text_of(result)
    assert answers(project) == {ShipDecision.CLEARED}
    assert project.record.summary.may_ship
    assert "note: tiny: latency: left out by the spec (`without`)" in text_of(result)
    assert "latency_ratio" not in {case.gate for case in project.record.cases}


def test_an_option_declares_the_same(project: Project) -> None:
    result = project.run("--edgeq-without", "latency", "--edgeq-without", "memory")
    assert result.ret == 0, text_of(result)
    assert answers(project) == {ShipDecision.CLEARED}
    assert {"latency_ratio", "max_peak_memory"}.isdisjoint(
        case.gate for case in project.record.cases
    )
    assert "steady_memory" in {case.gate for case in project.record.cases}


def test_what_fails_in_one_part_rejects_in_the_next(project: Project) -> None:
    project.spec["gates"]["vendor"] = {"max_bytes": 1}
    assert project.run(*NO_TIMES).ret == 1
    before = project.record
    result = project.run("-k", "float16")
    assert result.ret == 1
    record = project.record
    found = {one.name: one.answer for one in record.models[0].variants}
    assert found == {"float16": ShipDecision.CLEARED, "vendor": ShipDecision.REJECTED}
    failed = [case for case in record.cases if case.status is Verdict.FAIL]
    assert [(case.id, case.as_of) for case in failed] == [("tiny/vendor/max_bytes", before.started)]
    assert f"(as of {utc(before.started)})" in " ".join(text_of(result).split())


def test_the_last_failed_are_joined_with_the_rest(project: Project) -> None:
    project.spec["gates"]["max_bytes"] = 1
    assert project.run().ret == 1
    before = project.record
    assert project.run("--lf").ret == 1
    assert statuses(project.record) == statuses(before)
    measured = {case.gate for case in project.record.cases if case.as_of is None}
    assert measured == {"max_bytes"}


def other_vendor(project: Project) -> None:
    project.save_model("vendor.tflite", io="int8")


def other_baseline(project: Project) -> None:
    project.save_model("net.tflite", seed=2)


def other_photograph(project: Project) -> None:
    photo = min((project.root / "evaluation").rglob("*.png"))
    with Image.open(photo) as image:
        changed = image.point(lambda value: max(value - 1, 0))
    changed.save(photo)


def one_photograph_more(project: Project) -> None:
    save_photographs(project.root / "more", count=1, seed=5)
    for photo in (project.root / "more").rglob("*.png"):
        folder = project.root / "evaluation" / photo.parent.name
        folder.mkdir(exist_ok=True)
        shutil.copy(photo, folder / "more.png")


def other_limit(project: Project) -> None:
    project.spec["gates"]["worst_cosine"] = 0.4
    project.write()


def in_the_record(change: Callable[[Table], None]) -> Callable[[Project], None]:
    def changed(project: Project) -> None:
        file = project.reports / "run.json"
        table = json.loads(file.read_text(encoding="utf-8"))
        change(table)
        file.write_text(json.dumps(table), encoding="utf-8")

    return changed


def no_record(project: Project) -> None:
    (project.reports / "run.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "carried"),
    [
        (other_vendor, {"float16"}),
        (other_baseline, set()),
        (other_photograph, set()),
        (one_photograph_more, set()),
        (other_limit, set()),
        (in_the_record(lambda table: table.update(edgeq="0.0.1")), set()),
        (no_record, set()),
    ],
)
def test_a_stale_verdict_clears_nothing(
    project: Project, change: Callable[[Project], None], carried: set[str]
) -> None:
    assert project.run(*NO_TIMES).ret == 0
    change(project)
    project.run(*TIMES)
    record = project.record
    assert {case.variant for case in record.cases if case.as_of is not None} == carried
    answers = {one.name: one.answer for one in record.models[0].variants}
    assert {name for name, one in answers.items() if one is ShipDecision.CLEARED} == carried
    assert record.partial


def test_times_of_another_machine_are_not_taken_over(project: Project) -> None:
    assert project.run("-m", "latency or memory").ret == 0
    in_the_record(lambda table: table["machine"].update(processor="another"))(project)
    assert project.run("-m", "not latency and not memory").ret == 0
    record = project.record
    assert not [case for case in record.cases if case.as_of is not None]
    assert {name.rpartition("/")[2] for name in record.summary.not_run} == {
        "latency_ratio",
        "max_peak_memory",
    }


def test_ones_own_tests_are_joined_too(project: Project) -> None:
    own = project.root / "test_own.py"
    own.write_text(MINE, encoding="utf-8")
    assert project.run(*NO_TIMES).ret == 0
    assert project.run(*TIMES).ret == 0
    assert answers(project) == {ShipDecision.CLEARED}
    kept = {case.gate: case.as_of for case in project.record.cases}
    assert kept["test_own::test_mine"] is not None

    own.write_text(MINE.replace("bytes", "sha256"), encoding="utf-8")
    assert project.run(*TIMES).ret == 0
    assert answers(project) == {ShipDecision.UNPROVEN}
    assert project.record.summary.not_run == (
        "tiny/float16/test_own::test_mine",
        "tiny/vendor/test_own::test_mine",
    )
    assert project.run("test_own.py").ret == 0
    assert answers(project) == {ShipDecision.CLEARED}

    own.unlink()
    assert project.run(*TIMES).ret == 0
    assert answers(project) == {ShipDecision.CLEARED}
    assert not [case for case in project.record.cases if "::" in case.gate]


def test_a_whole_run_takes_nothing_over(project: Project) -> None:
    assert project.run(*NO_TIMES).ret == 0
    assert project.run().ret == 0
    assert {case.as_of for case in project.record.cases} == {None}
