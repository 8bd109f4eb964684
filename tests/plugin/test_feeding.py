"""A variant that is fed otherwise than its baseline, and what was accepted of it."""

from __future__ import annotations

from PIL import Image

from edgeq.judge.verdict import ShipDecision
from edgeq.record.change import ChangeKind
from tests.plugin.projects import Project, case, text_of
from tests.plugin.test_accepted import QUIET, edgeq, junit, kinds

NEAREST = "fed otherwise than the baseline: filter nearest, baseline bilinear"
OPEN = "the variant is fed differently (like the baseline, then filter nearest, baseline bilinear)"


def test_another_feeding_is_said_and_leaves_open_what_was_accepted(project: Project) -> None:
    del project.spec["gates"]["latency_ratio"], project.spec["gates"]["max_peak_memory"]
    assert project.run(*QUIET).ret == 0
    assert edgeq(project, "accept", "--reason", "first").returncode == 0

    project.spec["variants"]["vendor"]["preprocessing"] = {"filter": "nearest"}
    project.write()
    result = project.run(*QUIET, "--junitxml=junit.xml")
    assert result.ret == 0
    said = " ".join(text_of(result).split())
    assert f"note: tiny/vendor: {NEAREST}" in said
    assert "? inconclusive 3 cases, for example tiny/vendor/top1_agreement: " + OPEN in said
    assert "3 cases are inconclusive against the accepted record (a warning)" in said
    assert "If a variant is meant to be measured as it is now, accept its figures" in said
    told = junit(project)["tiny/vendor/top1_agreement"]
    assert told["edgeq.reason"].endswith(NEAREST)
    assert (told["edgeq.change"], told["edgeq.change_reason"]) == ("inconclusive", OPEN)
    answers = {one.name: one.answer for one in project.record.models[0].variants}
    assert answers == {"float16": ShipDecision.CLEARED, "vendor": ShipDecision.UNPROVEN}
    assert kinds(project)["tiny/vendor/max_bytes"] is ChangeKind.UNCHANGED
    page = (project.reports / "report.html").read_text("utf-8")
    assert NEAREST in page

    project.spec["inconclusive"] = "fail"
    project.write()
    failing = project.run(*QUIET)
    assert failing.ret == 1
    failing.assert_outcomes(passed=19, failed=3)
    assert (
        "The run fails: 3 cases are inconclusive against the accepted record (a failure"
    ) in " ".join(text_of(failing).split())
    assert not project.record.summary.passes

    accepting = edgeq(project, "accept", "-k", "vendor", "--reason", "the board scales so")
    assert accepting.returncode == 0, accepting.stderr
    again = project.run(*QUIET)
    assert again.ret == 0
    assert set(kinds(project).values()) == {ChangeKind.UNCHANGED}
    assert case(project.record, "tiny/vendor/top1_agreement").reason.endswith(NEAREST)

    del project.spec["variants"]["vendor"]["preprocessing"]
    project.write()
    assert project.run(*QUIET).ret == 1
    assert kinds(project)["tiny/vendor/top1_agreement"] is ChangeKind.INCONCLUSIVE


def test_samples_of_its_own_are_said_everywhere_and_must_pair(project: Project) -> None:
    del project.spec["gates"]["latency_ratio"], project.spec["gates"]["max_peak_memory"]
    for path in (project.root / "evaluation").rglob("*.png"):
        target = project.root / "camera" / path.relative_to(project.root / "evaluation")
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).save(target.with_suffix(".jpg"), quality=90)
    board = {"model": "tiny", "method": "float16", "evaluation": "camera"}
    project.spec["variants"]["board"] = board
    result = project.run(*QUIET, "--junitxml=junit.xml", "-n", "2")
    assert result.ret == 0
    samples = "on samples of its own: 12 photographs of camera"
    assert f"note: tiny/board: {samples}" in text_of(result)
    told = junit(project)
    assert told["tiny/board/top1_agreement"]["edgeq.reason"].endswith(samples)
    assert told["tiny/board/top1_agreement"]["edgeq.value"] == "1.0"
    assert "samples" not in told["tiny/float16/top1_agreement"]["edgeq.reason"]
    for file in ("report.html", "summary.md"):
        assert samples in (project.reports / file).read_text("utf-8")

    stray = next((project.root / "camera").rglob("*.jpg"))
    stray.rename(stray.with_name("stray.jpg"))
    refused = project.run(*QUIET)
    assert refused.ret == 2
    said = " ".join(text_of(refused).split())
    assert "variants.board.evaluation: 1 evaluation photograph without a counterpart here" in said
    assert "stray.jpg" in said
    assert project.record.summary.missing
