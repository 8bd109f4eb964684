"""Runs over time: what a second and a third run know of the ones before."""

from __future__ import annotations

from edgeq.change import ChangeKind
from edgeq.history import past
from tests.plugin.projects import Project, text_of


def test_later_runs_know_the_ones_before(project: Project) -> None:
    project.spec["history"] = 2
    history = project.root / "reports" / past.FOLDER
    assert project.run("-m", "size").ret == 0
    assert project.record.previous is None
    assert len(past.read_all(history).runs) == 1

    (history / "20200101T000000Z-00000000.json").write_text("{", encoding="utf-8")
    project.save_model("vendor.tflite", io="uint8", classes=41)
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
    assert "Over the runs" in (project.reports / "report.html").read_text(encoding="utf-8")


def test_history_may_be_switched_off(project: Project) -> None:
    project.spec["history"] = 0
    assert project.run("-m", "size").ret == 0
    assert not (project.root / "reports" / past.FOLDER).exists()
    assert not (project.root / "reports" / "index.html").exists()
