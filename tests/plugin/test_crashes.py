"""A variant that takes its worker along: it FAILS, named, and the others get their verdicts."""

from __future__ import annotations

from edgeq.judge.verdict import Verdict
from tests.plugin.projects import Project, statuses, text_of

CRASH = b"crashes when run"
HANG = b"hangs when run.."
OTHER_WORKER = """
import sys

from edgeq.run import targets
from edgeq.run.targets import Target

targets.local_target = lambda: Target("local", (sys.executable, "worker.py"), local_files=True)
"""
WORKER = """
import os, runpy, signal, sys, time
from pathlib import Path

from ai_edge_litert import interpreter
from edgeq.run.targets import WORKER

class Interpreter(interpreter.Interpreter):
    def __init__(self, model_path=None, model_content=None, **options):
        self.content = model_content or Path(model_path).read_bytes()
        super().__init__(model_path=model_path, model_content=model_content, **options)

    def invoke(self):
        if b"crashes when run" in self.content:
            os.kill(os.getpid(), signal.SIGSEGV)
        if b"hangs when run.." in self.content:
            time.sleep(600)
        super().invoke()

interpreter.Interpreter = Interpreter
runpy.run_path(str(WORKER), run_name="__main__")
"""
RUN_DEPENDENT = {
    "outputs",
    "steady_memory",
    "top1_agreement",
    "worst_cosine",
    "accuracy_drop",
    "latency_ratio",
    "max_peak_memory",
}


def test_a_crash_and_a_hang_cost_their_own_verdicts_only(project: Project) -> None:
    (project.root / "conftest.py").write_text(OTHER_WORKER, encoding="utf-8")
    (project.root / "worker.py").write_text(WORKER, encoding="utf-8")
    whole = (project.root / "vendor.tflite").read_bytes()
    project.spec["methods"] = []
    for name, mark in (("crash", CRASH), ("hang", HANG)):
        (project.root / f"{name}.tflite").write_bytes(whole + mark)
        project.spec["variants"][name] = {"model": "tiny", "file": f"{name}.tflite"}
    project.spec["run"] = {"timeout_s": 3.0}

    result = project.run()

    assert result.ret == 1
    # Each way to end is said once for a variant; what else it keeps from being judged points there.
    result.assert_outcomes(passed=25, failed=5)
    assert ", 9 not judged in " in result.outlines[-1]
    record = project.record
    assert record.errors == ()
    assert record.summary.complete
    answers = statuses(record)
    for name in ("crash", "hang"):
        failed = {k.split("/")[2] for k, v in answers.items() if f"/{name}/" in k and v != "PASS"}
        assert failed == RUN_DEPENDENT
    assert {v for k, v in answers.items() if "/vendor/" in k} == {Verdict.PASS}
    for one in record.cases:
        if one.status is Verdict.FAIL and one.variant == "crash":
            assert "SIGSEGV" in one.reason
        if one.status is Verdict.FAIL and one.variant == "hang":
            assert "silent for 3 s (run.timeout_s)" in one.reason
    errors = {one.name: one.error for one in record.models[0].variants}
    assert errors["vendor"] is None
    assert "SIGSEGV" in str(errors["crash"])
    assert "was silent for 3 s" in str(errors["hang"])
    assert "Traceback" not in text_of(result)
    result.stdout.fnmatch_lines(["FAIL tiny/crash/outputs: *SIGSEGV*"])
    result.stdout.fnmatch_lines(["answer * + cleared * x rejected * x rejected"])
