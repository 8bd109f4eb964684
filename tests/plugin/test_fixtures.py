"""The fixtures for suites of one's own."""

from __future__ import annotations

from edgeq.judge.verdict import Verdict
from tests.plugin.projects import Project, statuses, text_of

MINE = """
def test_mine(
    edgeq_variant, edgeq_baseline, edgeq_evaluation, edgeq_outputs, edgeq_spec, edgeq_run
):
    assert edgeq_variant.name in {"tiny/float16", "tiny/vendor"}
    assert edgeq_baseline.name == "tiny/baseline"
    assert edgeq_variant.path.stat().st_size == edgeq_variant.bytes
    assert edgeq_variant.sha256 != edgeq_baseline.sha256
    assert edgeq_baseline.operators.counts["SOFTMAX"] == 1
    assert len(edgeq_evaluation.photos) == 12
    assert edgeq_evaluation.labels().tolist() == edgeq_outputs.baseline.predicted.tolist()
    assert edgeq_outputs.baseline.scores.shape == edgeq_outputs.variant.scores.shape == (12, 40)
    assert edgeq_spec.models["tiny"].source == "net.tflite"
    assert edgeq_run.spec is edgeq_spec
    assert edgeq_variant.baseline is edgeq_baseline
    assert edgeq_variant.agreement.images == 12
"""
ONE = "def test_one(edgeq_variant): assert edgeq_variant.bytes\n"
IMAGES = "def test_images(edgeq_evaluation): assert edgeq_evaluation.photos\n"


def test_they_run_once_for_every_variant(project: Project) -> None:
    (project.root / "test_gate.py").write_text(MINE, encoding="utf-8")
    result = project.run("-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*::test_mine[[]tiny-float16] PASSED*", "*::test_mine[[]tiny-vendor] PASSED*"]
    )
    record = project.record
    assert statuses(record) == {
        "tiny/float16/test_gate::test_mine": Verdict.PASS,
        "tiny/vendor/test_gate::test_mine": Verdict.PASS,
    }
    assert record.partial
    assert len(record.summary.not_run) == 25


def test_what_they_cant_give_is_said_in_one_line(project: Project) -> None:
    (project.root / "test_gate.py").write_text(ONE + IMAGES, encoding="utf-8")
    project.spec["variants"]["vendor"]["file"] = "nowhere.tflite"
    project.spec["images"] = {}
    result = project.run()
    assert result.ret == 1
    result.assert_outcomes(passed=1, errors=3)
    said = text_of(result)
    assert "nowhere.tflite: no such file. Correct `file` in [variants.vendor]" in said
    assert "no evaluation set is named in the spec (`images.evaluation`)" in said
    assert "Traceback" not in said
    assert "edgeq/plugin" not in said
