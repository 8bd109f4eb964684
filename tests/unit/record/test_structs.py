from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.errors import RecordError
from edgeq.judge.verdict import Verdict
from edgeq.record import json_schema
from edgeq.record.structs import (
    SCHEMA,
    CaseRecord,
    RunRecord,
    Summary,
    from_json,
    read,
    summarize,
    to_json,
    write,
)
from tests.unit.drawn_records import RECORDS


def case(gate: str = "types", status: Verdict = Verdict.PASS, **options: Any) -> CaseRecord:
    return CaseRecord(
        id=f"net/int8/{gate}",
        model="net",
        variant="int8",
        gate=gate,
        status=status,
        reason="so it is",
        **options,
    )


def record(**options: Any) -> RunRecord:
    summary = Summary(passed=1, failed=0, inconclusive=0, missing=0, passes=True)
    given_ = {"edgeq": "1", "started": "2026-01-01", "duration_s": 1.5, "spec_sha256": "ab"}
    return RunRecord(**{**given_, "summary": summary, "cases": (case(),), **options})


@settings(max_examples=60)
@given(RECORDS)
def test_a_record_survives_json(one: RunRecord) -> None:
    assert from_json(to_json(one)) == one


def test_the_json_is_indented_plain_and_named(tmp_path: Path) -> None:
    text = to_json(record()).decode()
    plain = json.loads(text)
    assert plain["schema"] == SCHEMA == "edgeq.run/2"
    assert plain["cases"][0]["status"] == Verdict.PASS.value
    assert text.endswith("}\n")
    assert '\n "edgeq": "1"' in text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("options", "place"),
    [
        (lambda n: {"duration_s": n}, "$.duration_s"),
        (lambda n: {"cases": (case(value=n),)}, "$.cases[0].value"),
        (lambda n: {"cases": (case(interval=(0.0, n)),)}, "$.cases[0].interval[1]"),
        (
            lambda n: {"cases": (case(evidence={"load": [1.0, {"x": n}]}),)},
            "$.cases[0].evidence.load[1].x",
        ),
    ],
)
def test_a_number_that_is_not_finite_is_refused_by_place(
    tmp_path: Path, number: float, options: Any, place: str
) -> None:
    with pytest.raises(RecordError, match="not finite") as caught:
        write(record(**options(number)), tmp_path / "run.json")
    assert caught.value.where == place
    assert not (tmp_path / "run.json").exists()


def test_a_record_is_read_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "run.json"
    write(record(), path)
    assert read(path) == record()


def test_a_missing_record_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="can't be read: No such file") as caught:
        read(tmp_path / "run.json")
    assert "edgeq gate" in (caught.value.remedy or "")


def test_a_newer_schema_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    newer = {**json.loads(to_json(record())), "schema": "edgeq.run/9", "cases": "other"}
    path.write_text(json.dumps(newer), "utf-8")
    with pytest.raises(RecordError, match=r"edgeq\.run/9") as caught:
        read(path)
    assert caught.value.where == str(path)
    assert "Upgrade edgeq" in (caught.value.remedy or "")


def test_what_an_older_writer_left_out_has_its_default() -> None:
    plain = json.loads(to_json(record()))
    required = {"schema", "edgeq", "started", "duration_s", "spec_sha256", "summary"}
    older = {key: value for key, value in plain.items() if key in required}
    assert from_json(json.dumps(older).encode()) == record(cases=())


def test_what_a_newer_writer_added_to_this_schema_is_passed_over() -> None:
    plain = json.loads(to_json(record()))
    plain["weather"] = plain["cases"][0]["mood"] = "fine"
    assert from_json(json.dumps(plain).encode()) == record()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"schema": 1}',
        b'{"schema": "\xff"}',
        b'{"schema": "edgeq.run/1", "x": ' + b"[" * 100_000,
        b"<html>",
    ],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError, match="not an edgeq record") as caught:
        from_json(data, where="run.json")
    assert caught.value.where == "run.json"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("summary", None),
        ("duration_s", "long"),
        ("cases", [{"id": "x"}]),
        ("models", 3),
        ("edgeq", b"\xff"),
    ],
)
def test_a_damaged_record_is_refused(key: str, value: object) -> None:
    plain = json.loads(to_json(record()))
    text = json.dumps({**plain, key: "?" if isinstance(value, bytes) else value}).encode()
    with pytest.raises(RecordError, match="the record is damaged"):
        from_json(text.replace(b'"?"', b'"\xff"'))


@settings(max_examples=100)
@given(st.data())
def test_a_cut_or_flipped_record_raises_nothing_else(data: st.DataObject) -> None:
    content = bytearray(to_json(record()))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(content)))
    try:
        found = from_json(bytes(content[: cut or None]))
    except RecordError:
        return
    assert isinstance(found, RunRecord)


DECLARED = ("net/int8/types", "net/int8/made")
BOTH = (case("types"), case("made"))


def test_the_summary_counts_verdicts() -> None:
    cases = (
        case("a", Verdict.PASS),
        case("b", Verdict.FAIL),
        case("c", Verdict.INCONCLUSIVE),
        case("d", Verdict.MISSING),
        case("e", Verdict.PASS),
    )
    found = summarize(cases, tuple(one.id for one in cases))
    counts = (found.passed, found.failed, found.inconclusive, found.missing)
    assert counts == (2, 1, 1, 1)
    assert found.complete
    assert not found.passes


def test_what_was_not_run_is_lost_unless_it_was_left_out() -> None:
    counted = summarize((case("types"),), DECLARED)
    assert counted.not_run == counted.lost == ("net/int8/made",)
    assert not counted.complete
    part = summarize((case("types"),), DECLARED, left_out={"net/int8/made"})
    assert (part.not_run, part.lost) == (("net/int8/made",), ())


@pytest.mark.parametrize(
    ("partial", "interrupted", "lost"),
    [(False, False, DECLARED), (True, False, ("net/int8/types",)), (True, True, ())],
)
def test_a_record_says_what_nobody_left_out(
    *, partial: bool, interrupted: bool, lost: tuple[str, ...]
) -> None:
    counted = summarize((), DECLARED, left_out={"net/int8/made"})
    cut = msgspec.structs.replace(
        record(), summary=counted, partial=partial, interrupted=interrupted
    )
    assert cut.lost == lost


@pytest.mark.parametrize("cases", [(*BOTH, case("extra")), (*BOTH, case("made"))])
def test_verdicts_that_nobody_declared_leave_a_run_incomplete(
    cases: tuple[CaseRecord, ...],
) -> None:
    assert not summarize(cases, DECLARED).complete


def test_verdicts_of_one_variant_come_in_order() -> None:
    other = msgspec.structs.replace(case("made"), variant="float16")
    assert record(cases=(*BOTH, other)).verdicts("net", "int8") == BOTH


def test_a_record_from_before_changes_were_known_is_read() -> None:
    plain = json.loads(to_json(record()))
    del plain["changes"]
    assert from_json(json.dumps(plain).encode()) == record()


def test_a_record_of_the_first_schema_is_read_with_what_it_meant() -> None:
    plain = json.loads(to_json(record()))
    plain["schema"] = "edgeq.run/1"
    del plain["summary"]["passes"]
    plain["summary"]["may_ship"] = True  # said then that nothing fails
    found = from_json(json.dumps(plain).encode())
    assert found == record()
    assert found.schema == SCHEMA
    assert found.summary.passes
    assert not found.summary.may_ship


@pytest.mark.parametrize("summary", [None, {}, {"may_ship": "yes"}, {"may_ship": None}])
def test_a_damaged_record_of_the_first_schema_is_refused(summary: object) -> None:
    plain = {**json.loads(to_json(record())), "schema": "edgeq.run/1", "summary": summary}
    with pytest.raises(RecordError, match="the record is damaged"):
        from_json(json.dumps(plain).encode())


def test_the_published_schema_is_current() -> None:
    kept = msgspec.json.decode(json_schema.FILE.read_bytes())
    assert kept == msgspec.json.decode(json_schema.run_schema()), (
        "run: python -m edgeq.record.json_schema"
    )
