"""A run beside what was accepted before: accept, a worse run, compare, prune."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

from edgeq.change import ChangeKind
from edgeq.history import accepted
from tests.patience import PATIENCE_S
from tests.plugin.projects import Project, text_of

QUIET = ("-m", "not latency")
UNLIMITED = {"top1_agreement": 0.0, "worst_cosine": -1.0, "accuracy_drop": 1.0}


def edgeq(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgeq.cli", *arguments],
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def kinds(project: Project) -> dict[str, ChangeKind]:
    return {change.id: change.kind for change in project.record.changes}


def junit(project: Project) -> dict[str, dict[str, str]]:
    document = ET.parse(project.root / "junit.xml")  # noqa: S314 - pytest wrote it
    found = (
        {one.attrib["name"]: one.attrib["value"] for one in test.iter("property")}
        for test in document.iter("testcase")
    )
    return {one["edgeq.id"]: one for one in found}


def test_accept_a_worse_run_compare_and_accept_again(project: Project) -> None:
    project.spec["gates"] |= UNLIMITED
    # One that was trained on after its baseline: what it stores is not the baseline's any more.
    project.spec["variants"]["vendor"]["weights"] = "trained"
    del project.spec["gates"]["latency_ratio"], project.spec["gates"]["max_peak_memory"]
    assert project.run().ret == 0
    assert kinds(project) == {}
    assert edgeq(project, "accept", "--reason", "first").returncode == 0

    result = project.run()
    assert result.ret == 0
    assert set(kinds(project).values()) == {ChangeKind.UNCHANGED}
    assert "What changed since the accepted record: 21 unchanged" in text_of(result)

    project.save_model("vendor.tflite", io="uint8", seed=2)
    result = project.run("--junitxml=junit.xml")
    assert result.ret == 1
    result.assert_outcomes(passed=18, failed=3)
    told = junit(project)
    assert sum(one["edgeq.change"] == "worse" for one in told.values()) == 3
    agreement = told["tiny/vendor/top1_agreement"]
    assert agreement["edgeq.status"] == "PASS"
    assert agreement["edgeq.accepted_value"] == "1.0"
    assert "images got worse" in agreement["edgeq.change_reason"]
    assert kinds(project)["tiny/vendor/top1_agreement"] is ChangeKind.WORSE
    assert kinds(project)["tiny/vendor/made"] is ChangeKind.UNCHANGED
    assert kinds(project)["tiny/float16/top1_agreement"] is ChangeKind.UNCHANGED
    said = " ".join(text_of(result).split())
    assert "tiny/vendor/top1_agreement is worse than accepted: 100 -> " in said
    assert "x worse tiny/vendor/top1_agreement: 100 -> " in said
    assert "images got worse and none better (exact McNemar p" in said
    assert (
        "The run fails: 3 cases worse than accepted. 1 of 2 variants is cleared. tiny: vendor "
        in said
    )
    (worse,) = (one for one in project.record.changes if one.gate == "top1_agreement" and one.fails)
    assert "11/000.png" in worse.images_worse
    assert not project.record.summary.passes
    assert not project.record.summary.may_ship

    compared = edgeq(project, "compare", "accepted", "reports/latest")
    assert compared.returncode == 1
    assert "3 worse" in compared.stdout

    part = project.run("-m", "agreement")
    assert part.ret == 1
    assert "The run fails: 2 cases worse than accepted" in " ".join(text_of(part).split())
    assert project.run("-k", "float16").ret == 0

    project.run()
    assert edgeq(project, "accept", "-k", "vendor", "--reason", "meant").returncode == 0
    assert project.run().ret == 0


def test_a_vanished_case_fails_until_it_is_pruned(project: Project) -> None:
    del project.spec["gates"]["latency_ratio"], project.spec["gates"]["max_peak_memory"]
    project.run()
    edgeq(project, "accept", "--reason", "first")
    del project.spec["gates"]["max_bytes"]
    project.write()
    result = project.run()
    assert result.ret == 1
    assert "The run fails: 2 cases gone since the accepted record" in text_of(result)
    assert "edgeq accept --prune --reason TEXT" in text_of(result)
    assert project.run("-m", "size").ret == 0
    project.run()
    assert edgeq(project, "accept", "--prune", "--reason", "not needed").returncode == 0
    assert project.run().ret == 0


def test_an_accepted_record_that_cant_be_read_is_bad_input(project: Project) -> None:
    folder = project.root / "reports" / accepted.FOLDER
    folder.mkdir(parents=True)
    (folder / "tiny.json").write_text('{"schema": "edgeq.accepted/9"}', encoding="utf-8")
    result = project.run("-m", "size", "--edgeq-reports", "elsewhere")
    assert result.ret == 2
    said = " ".join(text_of(result).split())
    assert "tiny.json: schema 'edgeq.accepted/9' is not one this version of edgeq reads" in said
    assert "Traceback" not in said


def test_better_than_accepted_invites_to_accept(project: Project) -> None:
    del project.spec["gates"]["latency_ratio"]
    project.spec["gates"] |= UNLIMITED
    project.save_model("vendor.tflite", io="uint8", seed=2)
    project.run(*QUIET)
    assert edgeq(project, "accept", "-k", "agreement", "--reason", "first").returncode == 0
    project.save_model("vendor.tflite", io="uint8")
    result = project.run("-m", "agreement")
    assert result.ret == 0
    assert "+ better tiny/vendor/top1_agreement" in text_of(result)
    assert "edgeq accept --reason TEXT" in text_of(result)
