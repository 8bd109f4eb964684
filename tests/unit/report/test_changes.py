from __future__ import annotations

import msgspec

from edgeq.judge.verdict import Verdict
from edgeq.record.change import Change, ChangeKind, Previous
from edgeq.record.structs import RunRecord
from edgeq.report import html, markdown, terminal
from edgeq.report.changes import (
    MARKS,
    MAX_LINES,
    TITLE,
    ChangesView,
    changes_view,
    markdown_lines,
    previous_view,
    terminal_lines,
)
from tests.unit.report.records import HOSTILE, HOSTILE_REASON, MODEL, case, full_record

WORSE, BETTER, GONE = ChangeKind.WORSE, ChangeKind.BETTER, ChangeKind.GONE


def change(
    kind: ChangeKind, gate: str = "max_bytes", reason: str = "so", method: str = "float16"
) -> Change:
    return Change(
        id=f"{MODEL}/{method}/{gate}",
        model=MODEL,
        method=method,
        gate=gate,
        kind=kind,
        reason=reason,
        fails=kind in {WORSE, GONE},
    )


def with_changes(*changes: Change) -> RunRecord:
    return msgspec.structs.replace(full_record(), changes=changes)


def shown(*changes: Change, max_lines: int | None = MAX_LINES) -> ChangesView:
    view = changes_view(changes, max_lines)
    assert view is not None
    return view


def test_every_kind_has_a_mark() -> None:
    assert set(MARKS) == set(ChangeKind)
    assert all(mark.ascii.isascii() for mark in MARKS.values())


def test_nothing_known_is_nothing_said() -> None:
    assert changes_view(()) is None
    assert TITLE not in html.render(full_record())
    assert TITLE not in markdown.render(full_record())
    assert TITLE not in terminal.render(full_record())


def test_the_worst_comes_first_and_unchanged_is_counted_only() -> None:
    view = shown(*(change(kind, gate=kind.name) for kind in reversed(ChangeKind)))
    assert [line.mark.word for line in view.lines] == [
        "worse",
        "gone",
        "inconclusive",
        "better",
        "new",
        "incomparable",
    ]
    assert view.summary == (
        "1 worse, 1 gone, 1 inconclusive, 1 better, 1 new, 1 incomparable, 1 within noise, "
        "1 unchanged"
    )


def test_what_is_within_noise_shows_where_images_changed_or_all_is_asked_for() -> None:
    quiet = change(ChangeKind.NOISE, gate="latency_ratio")
    images = msgspec.structs.replace(change(ChangeKind.NOISE), images_worse=("a.jpg",))
    assert [line.about for line in shown(quiet, images).lines] == [images.id]
    assert len(shown(quiet, images, max_lines=None).lines) == 2


def test_cases_with_one_reason_share_a_line() -> None:
    found = [
        change(ChangeKind.INCOMPARABLE, gate=f"g{number}", reason="other images")
        for number in range(9)
    ]
    (line,) = shown(*found).lines
    assert line.about == f"9 cases, for example {found[0].id}"
    assert line.reason == "other images"


def test_a_long_list_is_cut_and_says_so() -> None:
    view = shown(*(change(WORSE, gate=f"g{number}") for number in range(MAX_LINES + 3)))
    assert len(view.lines) == MAX_LINES
    assert view.more == 3
    assert "and 3 more in the report" in terminal_lines(view)
    assert "- 3 more are in the report" in markdown_lines(view)


def test_the_next_step_goes_with_what_was_found() -> None:
    assert "edgeq accept --reason TEXT" in shown(change(BETTER)).steps[0]
    (step,) = shown(change(BETTER), change(WORSE)).steps
    assert "If the loss is intended" in step
    assert "--prune" in shown(change(GONE)).steps[0]
    assert "meant to be measured as it is now" in shown(change(ChangeKind.INCONCLUSIVE)).steps[0]
    assert shown(change(ChangeKind.NEW)).steps == ()
    benchmark = Change(id="test_it", kind=WORSE, reason="slow")
    assert shown(benchmark).steps == ()


def test_a_failing_case_gives_its_reason_once_and_can_t_be_accepted() -> None:
    failing = case("float16", "types", Verdict.FAIL, reason="int8 weights")
    worse = change(WORSE, "types", reason="PASS, then FAIL: int8 weights")
    view = changes_view((worse,), cases=(failing,))
    assert view is not None
    assert [line.reason for line in view.lines] == ["PASS, then FAIL"]
    assert view.steps == ()
    other = changes_view((worse, change(WORSE)), cases=(failing,))
    assert other is not None
    assert other.steps


def test_what_changed_since_the_accepted_record_is_not_listed_again() -> None:
    accepted = (change(WORSE), change(ChangeKind.UNCHANGED, "made"))
    same = Previous(started="2026-11-30T12:00:00+00:00", changes=(change(WORSE),))
    view = previous_view(msgspec.structs.replace(with_changes(*accepted), previous=same))
    assert view is not None
    assert view.changes.lines == ()
    assert view.changes.summary == "1 worse, as since the accepted record"
    other = msgspec.structs.replace(same, changes=(change(WORSE), change(WORSE, "types")))
    view = previous_view(msgspec.structs.replace(with_changes(*accepted), previous=other))
    assert view is not None
    assert len(view.changes.lines) == 2


def test_every_report_shows_them() -> None:
    record = with_changes(change(WORSE, reason="12 kB, then 14 kB"), change(BETTER, "x"))
    page, summary, lines = html.render(record), markdown.render(record), terminal.render(record)
    for text in (page, summary, lines):
        assert TITLE in text
        assert "12 kB, then 14 kB" in text
        assert "1 worse, 1 better" in text
    assert f"x worse {MODEL}/float16/max_bytes: 12 kB, then 14 kB" in lines
    assert all(len(line) <= 100 for line in lines.splitlines())


def test_hostile_names_stay_text() -> None:
    record = with_changes(change(WORSE, reason=HOSTILE_REASON, method=HOSTILE))
    page, summary = html.render(record), markdown.render(record)
    assert HOSTILE not in page
    assert "</script><script>alert(2)" not in page
    assert HOSTILE not in summary
    assert "[a](http" not in summary
