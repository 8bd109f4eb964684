"""``edgeq.validate`` says what the gate says, without pytest: each test runs a script of a user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import edgeq
from edgeq.judge.verdict import Verdict
from edgeq.record.structs import RunRecord, from_json
from tests.plugin.projects import Project, statuses

TIMED = ("latency_ratio", "max_peak_memory")
SCRIPT = """
import sys
import edgeq
from edgeq.record.structs import to_json

record = edgeq.validate({spec})
print("to_json:", to_json(record).decode())
"""


def validate(folder: Path, spec: str) -> RunRecord:
    """Return the record that a script gets; ``spec`` is its argument, as Python."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(spec=spec)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a notebook's cell stays clean"
    before, _, record = done.stdout.partition("to_json:")
    assert before == ""
    return from_json(record.encode())


def verdicts(record: RunRecord) -> dict[str, object]:
    """Return the verdicts by case, with their values unless a clock has a say."""
    return {
        case.id: (case.status, None if case.gate in TIMED else case.value) for case in record.cases
    }


def test_it_says_what_the_gate_says_and_writes_nothing(project: Project) -> None:
    result = project.run()
    assert result.ret == 0
    before = {path for path in project.root.rglob("*") if ".edgeq" not in path.parts}
    record = validate(project.root, '"edgeq.toml"')
    assert verdicts(record) == verdicts(project.record)
    assert record.summary == project.record.summary
    assert [variant.answer for variant in record.models[0].variants] == [
        variant.answer for variant in project.record.models[0].variants
    ]
    assert {path for path in project.root.rglob("*") if ".edgeq" not in path.parts} == before


def test_a_table_is_a_spec(project: Project) -> None:
    project.spec["methods"] = []
    project.spec["gates"] = {"max_bytes": 10}
    record = validate(project.root, repr(project.spec))
    assert statuses(record)["tiny/vendor/max_bytes"] is Verdict.FAIL
    assert not record.summary.may_ship


def test_bad_input_is_said_once_and_the_rest_is_judged(project: Project) -> None:
    project.spec["models"]["gone"] = {"source": "gone.tflite"}
    project.write()
    record = validate(project.root, '"."')
    (error,) = record.errors
    assert "gone.tflite" in error
    assert {case.status for case in record.cases if case.model == "gone"} == {Verdict.MISSING}
    assert statuses(record)["tiny/vendor/top1_agreement"] is Verdict.PASS
    assert not record.summary.passes


def test_a_broken_variant_has_one_reason_as_in_the_gate(project: Project) -> None:
    whole = (project.root / "vendor.tflite").read_bytes()
    (project.root / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    project.spec["variants"]["cut"] = {"model": "tiny", "file": "cut.tflite"}
    assert project.run().ret == 2
    record = validate(project.root, '"edgeq.toml"')
    assert verdicts(record) == verdicts(project.record)
    assert record.errors == project.record.errors


def test_no_spec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(edgeq.EdgeqError, match=r"holds no edgeq\.toml"):
        edgeq.validate(tmp_path)
