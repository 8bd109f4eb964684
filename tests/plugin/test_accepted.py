"""A run beside what was accepted before: accept, a worse run, compare, prune."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from edgeq.faults.graph import Graph
from edgeq.history import accepted
from edgeq.judge.verdict import ShipDecision
from edgeq.plugin.terminal import ACCEPT
from edgeq.record.change import ChangeKind
from tests.patience import PATIENCE_S
from tests.plugin.projects import Project, save_photographs, text_of

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
    result = project.run()
    assert result.ret == 0
    assert ACCEPT in result.outlines
    assert kinds(project) == {}
    assert edgeq(project, "accept", "--reason", "first").returncode == 0

    result = project.run()
    assert result.ret == 0
    assert ACCEPT not in result.outlines
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
    assert "The run fails: 3 cases worse than accepted" in " ".join(text_of(part).split())
    shutil.rmtree(project.reports)  # nothing to be joined with
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
    shutil.rmtree(project.reports)
    result = project.run("-m", "size")  # as on a fresh checkout
    assert result.ret == 1
    assert "The run fails: 2 cases gone since the accepted record" in text_of(result)
    aside = project.run("--edgeq-without", "size")
    assert "2 gone" in text_of(aside)  # the other cases of that marker are still in the spec
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
    unread = "tiny.json: schema 'edgeq.accepted/9' is not one this version of edgeq reads"
    assert unread in said.partition("test_gate.py ..")[0]  # before the first test
    assert unread in said.partition("= edgeq: bad input =")[2]
    assert said.count(unread) == 2
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


PHOTOGRAPHS = 80
ELSEWHERE = """
from edgeq.results import recording

recording.processor_name = lambda: "another processor"
"""


@pytest.fixture
def released(project: Project) -> Project:
    """A project of float16 alone whose first run was accepted."""
    project.spec["gates"] = {**project.spec["gates"], **UNLIMITED, "min_accuracy": 0.1}
    del project.spec["variants"]["vendor"]
    shutil.rmtree(project.root / "evaluation")
    save_photographs(project.root / "evaluation", count=PHOTOGRAPHS)
    assert project.run().ret == 0
    assert edgeq(project, "accept", "--reason", "first release").returncode == 0
    return project


def retrain(project: Project, noise: float) -> None:
    """Put a float model of other weights in the place of the accepted one."""
    path = project.root / "net.tflite"
    graph = Graph(path.read_bytes(), path)
    generator = np.random.default_rng(0)
    for layer in graph.layers():
        values = graph.values(layer.weights)
        values[...] += generator.normal(0, noise * values.std(), values.shape).astype(values.dtype)
    path.write_bytes(graph.patched())


def test_a_retrained_float_model_that_lost_accuracy_fails(released: Project) -> None:
    retrain(released, 0.6)
    result = released.run(*QUIET, "--junitxml=junit.xml")
    assert result.ret == 1
    told = junit(released)
    drop = told["tiny/float16/accuracy_drop"]
    assert (drop["edgeq.status"], drop["edgeq.change"]) == ("PASS", "worse")
    assert drop["edgeq.change_reason"].startswith("the baseline is ")
    assert " points less accurate (100 -> " in drop["edgeq.change_reason"]
    assert f"% of {PHOTOGRAPHS} images, " in drop["edgeq.change_reason"]
    assert told["tiny/float16/min_accuracy"]["edgeq.change"] == "worse"
    assert told["tiny/float16/top1_agreement"]["edgeq.change"] in {"unchanged", "within noise"}
    assert told["tiny/float16/worst_cosine"]["edgeq.change"] == "incomparable"
    said = " ".join(text_of(result).split())
    assert "x worse tiny/float16/accuracy_drop: the baseline is " in said
    assert "2 cases worse than accepted" in said
    (variant,) = released.record.models[0].variants
    assert variant.answer is ShipDecision.REJECTED
    for file in ("report.html", "summary.md"):
        assert "points less accurate" in (released.reports / file).read_text("utf-8").replace(
            "\N{NO-BREAK SPACE}", " "
        )
    assert released.run("-m", "accuracy", "-n", "2").ret == 1
    assert edgeq(released, "accept", "-k", "accuracy", "--reason", "meant").returncode == 0
    assert released.run("-m", "accuracy").ret == 0


def test_a_retrained_float_model_that_lost_nothing_passes(released: Project) -> None:
    retrain(released, 0.002)
    result = released.run(*QUIET)
    assert result.ret == 0
    found = kinds(released)
    assert found["tiny/float16/accuracy_drop"] in {ChangeKind.UNCHANGED, ChangeKind.NOISE}
    assert found["tiny/float16/top1_agreement"] in {ChangeKind.UNCHANGED, ChangeKind.NOISE}
    assert ChangeKind.INCONCLUSIVE not in found.values()


def test_another_processor_changes_no_verdict_and_is_one_line(released: Project) -> None:
    (released.root / "conftest.py").write_text(ELSEWHERE, encoding="utf-8")
    result = released.run()
    assert result.ret == 0
    costs = {
        f"tiny/float16/{gate}" for gate in ("worst_cosine", "latency_ratio", "max_peak_memory")
    }
    assert {name for name, kind in kinds(released).items() if kind is ChangeKind.INCOMPARABLE} == (
        costs
    )
    assert text_of(result).count("? incomparable") == 1
    assert released.record.models[0].variants[0].answer is ShipDecision.CLEARED


def test_one_more_photograph_leaves_the_others_compared(released: Project) -> None:
    first = next((released.root / "evaluation").rglob("*.png"))
    first.with_name("zzz.png").write_bytes(first.read_bytes() + b"\0")
    result = released.run(*QUIET)
    assert result.ret == 0
    both = f"compared on the {PHOTOGRAPHS} images that both have"
    found = {one.gate: one for one in released.record.changes}
    assert found["accuracy_drop"].kind is ChangeKind.UNCHANGED
    assert found["accuracy_drop"].reason.startswith(both)
    retrain(released, 0.6)
    result = released.run(*QUIET)
    assert result.ret == 1
    assert f"x worse tiny/float16/accuracy_drop: {both}" in " ".join(text_of(result).split())


def test_other_photographs_are_inconclusive_and_never_cleared(released: Project) -> None:
    shutil.rmtree(released.root / "evaluation")
    save_photographs(released.root / "evaluation", count=PHOTOGRAPHS, seed=9)
    result = released.run(*QUIET)
    assert result.ret == 0
    said = " ".join(text_of(result).split())
    assert "? inconclusive tiny/float16/accuracy_drop: other images (80 images, sha256 " in said
    assert "4 cases are inconclusive against the accepted record (a warning)" in said
    assert "If a variant is meant to be measured as it is now, accept its figures" in said
    assert released.record.models[0].variants[0].answer is ShipDecision.UNPROVEN
    released.spec["inconclusive"] = "fail"
    released.write()
    assert released.run(*QUIET).ret == 1


def test_an_accepted_record_of_an_earlier_version_is_read(released: Project) -> None:
    path = released.root / "reports" / accepted.FOLDER / "tiny.json"
    plain = json.loads(path.read_text("utf-8"))
    del plain["image_keys"]
    for acceptance in plain["acceptances"].values():
        del acceptance["measured_with"]["baseline_right"]
        del acceptance["measured_with"]["evaluation_worth"]
        for variant in acceptance["variants"].values():
            del variant["right"], variant["agrees"]
    path.write_text(json.dumps(plain), encoding="utf-8")
    assert released.run(*QUIET).ret == 0
    assert set(kinds(released).values()) == {ChangeKind.UNCHANGED}
    retrain(released, 0.6)
    released.run(*QUIET)
    found = {one.gate: one for one in released.record.changes}
    assert found["accuracy_drop"].kind is ChangeKind.INCONCLUSIVE
    assert found["accuracy_drop"].reason.startswith("other baseline (sha256 ")
    assert found["min_accuracy"].kind is ChangeKind.WORSE  # its total is known
