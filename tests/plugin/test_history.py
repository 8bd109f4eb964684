"""Runs over time: what a second and a third run know of the ones before."""

from __future__ import annotations

import pytest

from edgeq import report
from edgeq.cli import main
from edgeq.history import past
from edgeq.record.change import ChangeKind
from tests.plugin.projects import Project, text_of

CLOCK = """
from datetime import datetime
from pathlib import Path

from edgeq.plugin import state

class Clock(datetime):
    @classmethod
    def now(cls, tz):
        return datetime.fromisoformat(Path("now").read_text()).astimezone(tz)

state.datetime = Clock
"""


def test_later_runs_know_the_ones_before(project: Project) -> None:
    project.spec["history"] = 2
    history = project.root / "reports" / past.FOLDER
    assert project.run("-m", "size").ret == 0
    assert project.record.previous is None
    assert len(past.read_all(history).runs) == 1

    (history / "20200101T000000Z-00000000.json").write_text("{", encoding="utf-8")
    project.save_model("vendor.tflite", io="uint8", classes=60)
    result = project.run("-m", "size")
    assert result.ret == 0
    before = project.record.previous
    assert before is not None
    kinds = {one.id: one.kind for one in before.changes}
    assert kinds["tiny/vendor/max_bytes"] is ChangeKind.WORSE
    assert kinds["tiny/float16/max_bytes"] is ChangeKind.UNCHANGED
    assert "What changed since the previous run" in text_of(result)
    assert "History: " in text_of(result)

    assert len(past.read_all(history).runs) == 2
    assert project.run("-m", "size").ret == 0
    assert len(list(history.iterdir())) == 2
    index = (project.root / "reports" / "index.html").read_text(encoding="utf-8")
    assert "2 runs of the gate" in index
    assert "Trends over the runs" in (project.reports / "report.html").read_text(encoding="utf-8")


def test_history_may_be_switched_off(project: Project) -> None:
    project.spec["history"] = 0
    assert project.run("-m", "size").ret == 0
    assert not (project.root / "reports" / past.FOLDER).exists()
    assert not (project.root / "reports" / "index.html").exists()


@pytest.mark.parametrize(
    "times",
    [
        ("2026-05-01T12:00:00.100000", "2026-05-01T12:00:00.100001", "2026-05-01T12:00:00.9"),
        ("2026-05-01T12:00:00.100000",) * 3,
        ("2026-05-01T12:00:00", "2026-04-01T12:00:00.5", "2026-03-01T12:00:00"),
    ],
    ids=["within one second", "at one moment", "while the clock is set back"],
)
def test_the_order_of_runs_does_not_depend_on_the_clock(
    project: Project, times: tuple[str, ...]
) -> None:
    (project.root / "conftest.py").write_text(CLOCK, encoding="utf-8")
    history = project.root / "reports" / past.FOLDER
    for count, time in enumerate(times):
        (project.root / "now").write_text(f"{time}+00:00", encoding="utf-8")
        project.save_model("vendor.tflite", io="uint8", classes=40 + 10 * count)
        assert project.run("-k", "vendor and max_bytes").ret == 0
        record = project.record
        before = record.previous
        if count == 0:
            assert before is None
            continue
        assert before is not None
        assert before.started == past.read_all(history).runs[count - 1].started
        (change,) = before.changes
        assert change.kind is ChangeKind.WORSE
        page = (project.reports / report.HTML_FILE).read_text(encoding="utf-8")
        seen = page.partition('<script type="application/json"')[0]
        assert f"{time[:19].replace('T', ' ')} UTC" in seen
        assert time.rpartition(".")[2] == time or f"{time[:19].replace('T', ' ')}." not in seen
        assert f"in {count + 1} runs" in seen
        run_json = project.reports / report.RECORD_FILE
        assert main(["report", str(run_json), "--output", str(project.root / "again")]) == 0
        again = (project.root / "again" / report.HTML_FILE).read_text(encoding="utf-8")
        assert again == page
    assert len(past.read_all(history).runs) == len(times)
