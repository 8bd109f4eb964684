from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from edgeq import report
from edgeq.history.past import Past, past_run
from edgeq.judge.verdict import Verdict
from edgeq.report import index
from edgeq.report.trends import trends
from tests.unit.history.figures import case, run
from tests.unit.report.test_html import Page

HOSTILE = "<img src=x onerror=alert(1)>"


def three() -> Past:
    records = [
        run(),
        run(case("made", Verdict.FAIL), case("max_bytes", value=9e6), commit="abcdef0123456"),
        run(case("max_bytes", value=8.5e6), partial=True),
    ]
    return Past(
        tuple(
            past_run(msgspec.structs.replace(one, started=f"2026-01-0{day}T12:00:00+00:00"))
            for day, one in enumerate(records, 1)
        ),
        ("old.json: is damaged",),
    )


def test_the_runs_are_listed_the_latest_first() -> None:
    found = index.index_view(three(), (), latest=True)
    assert [line.started for line in found.runs] == [
        f"2026-01-0{day} 12:00:00 UTC" for day in (3, 2, 1)
    ]
    assert [line.mark.word for line in found.runs] == ["NOT JUDGED", "FAIL", "CLEARED"]
    assert [line.answers for line in found.runs] == [
        "The variant is not judged",
        "The variant is rejected",
        "The variant is cleared",
    ]
    assert found.runs[1].verdicts == "1 PASS, 1 FAIL"
    assert found.runs[1].commit == "abcdef01"
    assert found.runs[0].partial


def test_a_run_links_to_its_report_or_to_what_is_kept_of_it() -> None:
    named = replace(three(), files=("1.json", "2.json", "3.json"))
    links = [line.link for line in index.index_view(named, (), latest=True).runs]
    assert links == ["latest/report.html", "history/2.json", "history/1.json"]
    assert index.index_view(named, (), latest=False).runs[0].link == "history/3.json"
    assert '<a href="history/1.json">2026-01-01 12:00:00 UTC</a>' in index.render(
        named, trends(named.runs)
    )
    assert [line.link for line in index.index_view(three(), (), latest=False).runs] == [""] * 3


def test_what_a_run_found_stands_beside_its_mark() -> None:
    past = Past((past_run(run(), notes=("net: int8 is cleared on 100 images", HOSTILE)),))
    page = Page(index.render(past))
    assert "net: int8 is cleared on 100 images." in page.text
    assert "The variant is cleared" in page.text
    assert HOSTILE in page.text
    assert "img" not in page.tags


def test_the_numbers_stand_behind_the_trends() -> None:
    (table,) = index.index_view(three(), (), latest=True).tables
    row = next(one for one in table.rows if one.name == "int8/max_bytes")
    assert row.cells == ("8.5\u00a0MB", "9\u00a0MB", "8\u00a0MB")
    assert "made" not in {one.name.rpartition("/")[2] for one in table.rows}


def test_the_page_is_whole_and_says_what_could_not_be_read() -> None:
    page = Page(index.render(three(), trends(three().runs)))
    assert "3 runs of the gate" in page.text
    assert "old.json: is damaged" in page.text
    assert "max_bytes" in page.text
    links = [value for _, name, value in page.attributes if name == "href"]
    assert links == ["data:,", "latest/report.html"]
    assert "script" not in page.tags


def test_hostile_names_are_text() -> None:
    record = run(case("max_bytes", model=HOSTILE, method=HOSTILE), model=HOSTILE, method=HOSTILE)
    runs = [past_run(record), past_run(msgspec.structs.replace(record, started="2027"))]
    page = Page(index.render(Past(tuple(runs), (HOSTILE,)), trends(runs)))
    assert "img" not in page.tags
    assert HOSTILE in page.text


def test_it_is_written_and_an_empty_one_too(tmp_path: Path) -> None:
    path = report.write_index(Past(), tmp_path)
    assert path == tmp_path / "index.html"
    assert "0 runs of the gate" in Page(path.read_text(encoding="utf-8")).text
