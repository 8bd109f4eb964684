from __future__ import annotations

import msgspec

from edgeq.judge.verdict import Verdict
from edgeq.record.change import Change, ChangeKind
from edgeq.record.structs import CaseRecord, RunRecord
from edgeq.report.explain import explain, matching
from tests.unit.report import records

FAILED = f"{records.MODEL}/weight_only_int4/top1_agreement"


def case_of(record: RunRecord, name: str) -> CaseRecord:
    (case,) = matching(record, name)
    return case


def texts(record: RunRecord, name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for head, text in explain(record, case_of(record, name)):
        found.setdefault(head, []).append(text)
    return found


def test_a_case_is_meant_by_its_id_by_whole_parts_of_it_or_by_any_part() -> None:
    record = records.full_record()
    assert case_of(record, FAILED).id == FAILED
    assert case_of(record, "weight_only_int4/top1_agreement").id == FAILED
    assert case_of(record, "int4/top1").id == FAILED
    every = [case.variant for case in matching(record, "float16")]
    assert every
    assert set(every) == {"float16"}
    assert matching(record, "no such case") == ()


def test_value_limit_reason_and_next_step_are_told_with_what_it_rests_on() -> None:
    record = records.full_record()
    told = texts(record, FAILED)
    assert told["verdict"] == ["FAIL"]
    assert told["checks"][0].startswith("Share of images on which")
    assert told["value"][0].startswith("50.6")
    assert told["next step"] == ["Try weight_only_int8"]
    assert told["variant"][0].startswith("weight_only_int4 (weight_only_int4 by ")
    assert told["variant"][0].endswith(": rejected")
    assert told["predictions"][0].startswith("253 of 500 images agree")
    assert told["confused"] == ["247 images from class 281 to class 282"]
    assert len(told["image"]) == 5
    assert told["repeat"] == [
        "edgeq gate 'edgeq.gate.suite::test_top1_agreement[efficientnetv2-b0-weight_only_int4]'"
    ]
    assert "cause" not in told
    assert told["also open"] == ["worst_cosine MISSING"]


def test_cause_evidence_and_changes_are_told_if_there_are_any() -> None:
    record = records.full_record()
    evidence = {"agreeing": 253, "resolution": "said above", "cause": {"layer": "CONV_2D 3"}}
    cases = tuple(
        msgspec.structs.replace(case, cause="the channels are swapped", evidence=evidence)
        if case.id == FAILED
        else case
        for case in record.cases
    )
    change = Change(id=FAILED, kind=ChangeKind.WORSE, reason="90 -> 50.6 %")
    told = texts(msgspec.structs.replace(record, cases=cases, changes=(change,)), FAILED)
    assert told["cause"] == ["The channels are swapped"]
    assert told["evidence"] == ["agreeing: 253", "cause: layer: CONV_2D 3"]
    assert told["resolution"] == ["Said above"]
    assert told["accepted"] == ["worse: 90 -> 50.6 %"]


def test_a_proof_says_nothing_about_images_and_an_own_test_is_pytests() -> None:
    made = records.case("int8", "made", Verdict.FAIL, reason="too large")
    gate = "test_own::test_mine"
    own = msgspec.structs.replace(made, id=f"{records.MODEL}/int8/{gate}", gate=gate)
    record = records.record((records.variant("int8", 10),), (records.case("int8", "made"), own))
    assert "predictions" not in texts(record, "made")
    assert texts(record, "test_mine")["repeat"] == [f"pytest -k 'test_mine[{records.MODEL}-int8]'"]
