from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.errors import RecordError
from edgeq.history import past
from edgeq.history.compare import follow, previous
from edgeq.history.past import moment_of, moment_text, of_past, past_run
from edgeq.history.snapshot import of_record
from edgeq.io.files import sha256_bytes
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.change import ChangeKind
from edgeq.record.structs import RunRecord
from edgeq.words import utc
from tests.unit.history.figures import case, case_id, flips, run, with_value


def at(record: RunRecord, day: int, **changes: object) -> RunRecord:
    started = f"2026-01-{day:02}T00:00:00+00:00"
    return msgspec.structs.replace(record, started=started, **changes)


def kept(folder: Path, *records: RunRecord, most: int = 50) -> tuple[past.PastRun, ...]:
    for record in records:
        past.keep(past_run(record), folder, max_runs=most)
    return past.read_all(folder).runs


def test_a_run_comes_back_with_its_figures(tmp_path: Path) -> None:
    record = run(agreement=flips(a="right_to_wrong"), commit="abc")
    (found,) = kept(tmp_path, record)
    assert found == past_run(record)
    assert found.commit == "abc"
    before, after = of_past(found), of_record(record)
    assert before.figures.keys() == after.figures.keys()
    for name, figure in after.figures.items():
        assert (before.figures[name].value, before.figures[name].status) == (
            figure.value,
            figure.status,
        )
        assert before.figures[name].conditions == figure.conditions
        assert before.figures[name].variant.flips == {"a.jpg": "right_to_wrong"}


def days(runs: Sequence[past.PastRun]) -> list[int]:
    return [int(one.started[8:10]) for one in runs]


def keep_as_before(folder: Path, record: RunRecord) -> None:
    """Write a run's file as versions did whose names hold the start to the second alone."""
    data = msgspec.json.encode(past_run(record))
    stamp = record.started[:19].replace("-", "").replace(":", "")
    (folder / f"{stamp}Z-{sha256_bytes(data)[:8]}.json").write_bytes(data)


def test_the_oldest_make_room_and_other_files_stay(tmp_path: Path) -> None:
    other = tmp_path / "notes.json"
    other.write_text("{}", encoding="utf-8")
    runs = kept(tmp_path, *(at(run(case("made")), day) for day in (1, 2, 3, 4)), most=2)
    assert days(runs) == [3, 4]
    assert other.exists()
    assert days(kept(tmp_path, at(run(case("made")), 5), most=1)) == [5]


def test_a_clock_that_was_set_back_does_not_change_the_order(tmp_path: Path) -> None:
    kept(tmp_path, *(at(run(case("made")), day) for day in (11, 12)), most=2)
    assert days(kept(tmp_path, at(run(case("made")), 1), most=2)) == [12, 1]
    record = at(run(case("made")), 2)
    found = previous(record, past.read_all(tmp_path).runs)
    assert found is not None
    assert days([found]) == [1]
    assert days(kept(tmp_path, record, most=2)) == [1, 2]


@pytest.mark.parametrize("started", ["2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.000007Z"])
def test_runs_of_one_moment_keep_their_order(tmp_path: Path, started: str) -> None:
    commits = tuple("fedcba9876543210")
    records = [
        msgspec.structs.replace(run(case("made")), started=started, commit=commit)
        for commit in commits
    ]
    runs = kept(tmp_path, *records)
    assert tuple(one.commit for one in runs) == commits
    for place, record in enumerate(records):
        assert past.before(record, runs) == runs[:place]
    assert tuple(one.commit for one in kept(tmp_path, records[0], most=3)) == ("1", "0", "f")


def test_runs_of_earlier_versions_come_first_in_the_order_of_their_starts(tmp_path: Path) -> None:
    for day in (11, 10, 12):
        keep_as_before(tmp_path, at(run(case("made")), day))
    assert days(past.read_all(tmp_path).runs) == [10, 11, 12]
    runs = kept(tmp_path, *(at(run(case("made")), day) for day in (9, 13)), most=4)
    assert days(runs) == [11, 12, 9, 13]


def test_two_processes_that_keep_a_run_at_once_lose_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as both:
        both.setattr(past, "_files", lambda _: ())  # neither sees the other's file
        for day in (2, 1):
            past.keep(past_run(at(run(case("made")), day)), tmp_path, max_runs=9)
    assert days(past.read_all(tmp_path).runs) == [1, 2]
    assert days(kept(tmp_path, at(run(case("made")), 3))) == [1, 2, 3]


def test_a_run_that_is_not_kept_comes_after_those_that_started_earlier() -> None:
    starts = ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.25+00:00", "2026-01-01T00:00:01Z")
    runs = [past_run(msgspec.structs.replace(run(case("made")), started=one)) for one in starts]
    for start, earlier in (
        ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00.249999+00:00", 1),
        ("2026-01-01T01:00:00.3+01:00", 2),
        ("2026-01-01T00:00:01.000001", 3),
    ):
        record = msgspec.structs.replace(run(case("made")), started=start, duration_s=77.0)
        assert past.before(record, runs) == runs[:earlier], start
    with pytest.raises(RecordError, match="the run's start 'noon' is not a time"):
        past.before(msgspec.structs.replace(record, started="noon"), runs)


def test_a_start_that_is_not_a_time_is_damage(tmp_path: Path) -> None:
    (path,) = (past.keep(past_run(run(case("made"))), tmp_path, max_runs=1),)
    assert path is not None
    started = past.read_all(tmp_path).runs[0].started
    path.write_text(path.read_text("utf-8").replace(started, "noon"), encoding="utf-8")
    (damage,) = past.read_all(tmp_path).damaged
    assert f"{path}: the run's start 'noon' is not a time" in damage


def test_none_are_kept_where_none_are_wanted(tmp_path: Path) -> None:
    kept(tmp_path, run(case("made")))
    assert past.keep(past_run(at(run(case("made")), 2)), tmp_path, max_runs=0) is None
    assert past.read_all(tmp_path).runs == ()


def test_a_damaged_file_is_named_and_costs_no_other(tmp_path: Path) -> None:
    kept(tmp_path, run(case("made")))
    (tmp_path / "20250101T000000Z-00000000.json").write_text("{", encoding="utf-8")
    newer = '{"schema": "edgeq.past/9"}'
    (tmp_path / "20250101T000000Z-00000001.json").write_text(newer, encoding="utf-8")
    found = past.read_all(tmp_path)
    assert len(found.runs) == 1
    assert "not a past run" in found.damaged[0]
    assert "Upgrade edgeq" in found.damaged[1]


def test_answers_and_sentences_are_kept(tmp_path: Path) -> None:
    record = run(case("top1_agreement"), case("made"))
    past.keep(past_run(record, notes=("net: int8 is cleared",)), tmp_path, max_runs=9)
    (found,) = past.read_all(tmp_path).runs
    assert found.answers == {"net/int8": ShipDecision.CLEARED}
    assert found.said == ("net: int8 is cleared",)
    assert (found.passes, found.may_ship) == (True, True)


def first_schema(folder: Path, record: RunRecord) -> past.PastRun:
    """Return a run as the first schema kept it, read again."""
    path = past.keep(past_run(record), folder, max_runs=9)
    assert path is not None
    plain = json.loads(path.read_bytes())
    plain["schema"] = "edgeq.past/1"
    plain["may_ship"] = plain.pop("passes")
    del plain["answers"], plain["said"]
    path.write_text(json.dumps(plain), encoding="utf-8")
    (found,) = past.read_all(folder).runs
    return found


@pytest.mark.parametrize(
    ("record", "answer", "passes", "may_ship"),
    [
        (run(case("top1_agreement")), ShipDecision.CLEARED, True, True),
        (run(case("top1_agreement", Verdict.INCONCLUSIVE)), ShipDecision.UNPROVEN, True, False),
        (run(case("max_bytes")), ShipDecision.NOT_JUDGED, True, False),
        (
            run(case("top1_agreement"), case("types", Verdict.FAIL)),
            ShipDecision.REJECTED,
            False,
            False,
        ),
        (
            run(case("top1_agreement"), declared=(case_id("top1_agreement"), case_id("types"))),
            ShipDecision.REJECTED,
            False,
            False,
        ),
    ],
)
def test_a_run_of_the_first_schema_is_answered_from_its_cases(
    tmp_path: Path, record: RunRecord, answer: ShipDecision, *, passes: bool, may_ship: bool
) -> None:
    found = first_schema(tmp_path, record)
    assert found.answers == {"net/int8": answer}
    assert (found.passes, found.may_ship) == (passes, may_ship)
    assert found.schema == past.SCHEMA
    assert found.said == ()


@pytest.mark.parametrize("key", ["may_ship", "cases"])
def test_a_damaged_run_of_the_first_schema_is_named(tmp_path: Path, key: str) -> None:
    first_schema(tmp_path, run(case("made")))
    (path,) = tmp_path.iterdir()
    plain = json.loads(path.read_bytes())
    del plain[key]
    path.write_text(json.dumps(plain), encoding="utf-8")
    found = past.read_all(tmp_path)
    assert found.runs == ()
    assert "the past run is damaged" in found.damaged[0]


def test_a_case_of_no_model_is_damage(tmp_path: Path) -> None:
    kept(tmp_path, run(case("made")))
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text().replace("net/int8/made", "other/int8/made"), encoding="utf-8")
    assert "belongs to none of its models" in past.read_all(tmp_path).damaged[0]


def test_many_flips_are_not_kept_by_name() -> None:
    many = flips(**{f"n{number}": None for number in range(past.MAX_FLIPS + 1)})
    (model,) = past_run(run(agreement=many)).models.values()
    assert model.variants["int8"].flips is None


def test_the_run_before_is_compared_and_fails_nothing() -> None:
    before = past_run(at(with_value("max_bytes", 100.0), 1))
    record = follow(at(with_value("max_bytes", 101.0), 2), [before])
    assert record.previous is not None
    assert [one.kind for one in record.previous.changes] == [ChangeKind.WORSE]
    assert not any(one.fails for one in record.previous.changes)
    assert record.summary.passes
    assert record.changes == ()


def test_a_whole_run_is_preferred_over_a_later_part() -> None:
    whole = past_run(at(run(), 1))
    part = past_run(at(run(case("made"), partial=True), 2))
    record = at(run(), 3)
    assert previous(record, [whole, part]) is whole
    assert previous(record, [part]) is part


def test_runs_of_other_models_do_not_count() -> None:
    record = at(run(case("made")), 2)
    other = past_run(at(run(case("made", model="lite"), model="lite"), 1))
    assert previous(record, [other]) is None
    assert follow(record, []) is record


def test_what_was_not_run_before_is_not_new() -> None:
    left = run(case("made"), declared=(case_id("made"), case_id("types")), partial=True)
    record = follow(at(run(case("made"), case("types")), 2), [past_run(left)])
    assert record.previous is not None
    assert [one.gate for one in record.previous.changes] == ["made"]


def test_a_case_with_an_id_of_its_own_is_not_kept() -> None:
    assert past_run(run(case("made", method="a/b"), method="a/b")).cases == {}


ZONES = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(MOMENTS)
def test_a_time_comes_back_to_the_microsecond(moment: datetime) -> None:
    assert moment_of(moment_text(moment)) == moment


@given(MOMENTS, MOMENTS)
def test_texts_are_ordered_as_times(one: datetime, other: datetime) -> None:
    assert (moment_text(one) < moment_text(other)) == (one < other)


@given(MOMENTS)
def test_people_see_it_to_the_second(moment: datetime) -> None:
    seen = moment.astimezone(UTC).isoformat(" ", "seconds").removesuffix("+00:00")
    assert utc(moment_text(moment)) == f"{seen} UTC"


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000+00:00"],
)
def test_every_resolution_is_read(text: str) -> None:
    assert moment_of(text) == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "2026", "noon", "0001-01-01T00:00:00+01:00"])
def test_what_is_not_a_time_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(RecordError, match=r"run\.json: the run's start .* is not a time"):
        moment_of(text, where="run.json")
