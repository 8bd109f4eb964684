"""The packages of docs/extending.md, outside the tree: their gate and method work everywhere."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

import edgeq
from edgeq.history import past
from edgeq.history.accepted import FOLDER, read_all
from edgeq.history.compare import hold
from edgeq.judge.verdict import Verdict
from edgeq.record.change import ChangeKind
from tests.plugin.projects import SIZE, Project, case, statuses, text_of
from tests.plugin.test_accepted import edgeq as command
from tests.unit.tiny_model import Head, heads

PAGE = Path(edgeq.__file__).parent.parent / "docs" / "extending.md"
PACKAGE = re.compile(
    r"<!-- package: (\w+) -->\n```python\n(.*?)```\n\n```toml\n(.*?)```", re.DOTALL
)


def install(folder: Path, name: str) -> None:
    """Install a package of the page: its module, and what an installer notes about it."""
    packages = {
        found[1]: (found[2], found[3]) for found in PACKAGE.finditer(PAGE.read_text("utf-8"))
    }
    code, table = packages[name]
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    entries = tomllib.loads(table)["project"]["entry-points"]
    lines = [
        line
        for group, rows in entries.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in rows.items()))
    ]
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("\n".join(lines), "utf-8")


@pytest.fixture
def packages(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = project.root / "packages"
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def limit_p90(project: Project, packages: Path, *, top1_agreement: float) -> None:
    """Install the page's gate and give it a limit that holds, on enough rounds to be judged."""
    install(packages, "my_gates")
    project.spec["methods"] = []
    project.spec["gates"] = {"top1_agreement": top1_agreement, "p90_latency_ms": 1000.0}
    project.spec["latency"] = {"rounds": 64, "block": 2, "warmup": 1}


def test_a_gate_from_outside_works_like_our_own(project: Project, packages: Path) -> None:
    limit_p90(project, packages, top1_agreement=0.5)
    result = project.run("-v", "--junitxml=junit.xml")
    assert result.ret == 0, text_of(result)
    result.stdout.fnmatch_lines(["*::test_p90_latency_ms[[]tiny-vendor] PASSED*"])
    assert "p90_latency_ms" in text_of(result).split("= edgeq =")[1]

    answer = case(project.record, "tiny/vendor/p90_latency_ms")
    assert (answer.status, answer.unit, answer.limit) == (Verdict.PASS, "ms", 1000.0)
    assert answer.value is not None
    assert answer.value > 0

    named = {
        one.attrib["value"]
        for one in ET.parse(project.root / "junit.xml").iter("property")  # noqa: S314 - our own
    }
    assert "tiny/vendor/p90_latency_ms" in named

    page = (project.reports / "report.html").read_text("utf-8")
    assert "at most 1,000\u00a0ms" in page
    assert project.benchmarks(), "pytest-benchmark kept its rounds"


def test_a_gate_from_outside_fails_is_compared_and_explained(
    project: Project, packages: Path
) -> None:
    limit_p90(project, packages, top1_agreement=0.5)
    assert project.run().ret == 0
    done = command(project, "accept", "--reason", "first")
    assert done.returncode == 0, done.stderr
    project.spec["gates"]["p90_latency_ms"] = 1e-6
    project.write()
    result = project.run()
    assert result.ret == 1
    assert statuses(project.record)["tiny/vendor/p90_latency_ms"] is Verdict.FAIL
    (change,) = (one for one in project.record.changes if one.gate == "p90_latency_ms")
    assert change.before is not None
    runs = past.read_all(project.root / "reports" / past.FOLDER).runs
    assert all("tiny/vendor/p90_latency_ms" in run.cases for run in runs)


def test_the_challenge_asks_a_gate_from_outside(project: Project, packages: Path) -> None:
    limit_p90(project, packages, top1_agreement=0.9)
    project.write()
    done = command(project, "challenge", "--fault", "layer_zeroed", "--fault", "renamed_tensors")
    assert done.returncode == 0, done.stdout + done.stderr

    project.spec["gates"]["p90_latency_ms"] = 1e-6
    project.write()
    done = command(project, "challenge", "--fault", "layer_zeroed")
    assert done.returncode == 2, done.stdout + done.stderr
    said = " ".join(done.stderr.split())
    assert "no variant of 'tiny' passes its own gates" in said
    assert "vendor (p90_latency_ms: 90th percentile" in said


def test_an_unknown_gate_is_told_the_one_from_outside(project: Project, packages: Path) -> None:
    install(packages, "my_gates")
    project.spec["gates"] = {"p90_latency": 5.0}
    result = project.run()
    assert result.ret == 2
    assert "Did you mean 'p90_latency_ms'?" in text_of(result)


def test_a_gate_whose_package_is_gone_is_unknown_and_its_record_is_read(
    project: Project, packages: Path
) -> None:
    limit_p90(project, packages, top1_agreement=0.5)
    assert project.run().ret == 0
    (packages / "my_gates-1.0.dist-info" / "entry_points.txt").unlink()
    shown = command(project, "report", "reports/latest/run.json")
    assert shown.returncode == 0, shown.stderr
    assert project.run().ret == 2


def test_a_method_from_outside_is_made_and_judged(project: Project, packages: Path) -> None:
    install(packages, "my_methods")
    project.spec["methods"] = ["weight_only_int8_all"]
    project.spec["variants"] = {}
    project.spec["default_gates"] = True
    project.spec["gates"] = {}
    result = project.run("-m", "not latency")
    found = statuses(project.record)
    assert found["tiny/weight_only_int8_all/top1_agreement"] is not Verdict.MISSING, text_of(result)
    limit = case(project.record, "tiny/weight_only_int8_all/accuracy_drop").limit
    assert limit == 0.02, "its own default"
    assert found["tiny/weight_only_int8_all/types"] is Verdict.PASS


def test_a_task_from_outside_is_judged_by_its_own_gate(project: Project, packages: Path) -> None:
    install(packages, "my_tasks")
    angle = Head("angle", 1, 90.0)
    for name, head in (("net", angle), ("vendor", replace(angle, offset=359.0))):
        (project.root / f"{name}.tflite").write_bytes(heads(head, size=SIZE))
    project.spec["models"]["tiny"] |= {"task": "angle", "preprocessing": "keras-0-255"}
    project.spec["methods"] = []
    project.spec["gates"] = {"angle_error": 2.0}
    result = project.run("-k", "angle_error")
    judged = case(project.record, "tiny/vendor/angle_error")
    assert result.ret == 0, text_of(result)
    assert judged.status is Verdict.PASS
    assert judged.value == pytest.approx(1.0, abs=0.01)  # 359 degrees further is 1 back
    assert project.record.models[0].task == "angle"
    assert "Its figures for the task angle" in (project.reports / "report.html").read_text("utf-8")


def test_a_model_source_from_outside_is_exported_once(project: Project, packages: Path) -> None:
    install(packages, "my_models")
    releases = project.root / "releases"
    releases.mkdir()
    given = project.root / project.spec["models"]["tiny"]["source"]
    shutil.copyfile(given, releases / "v1.tflite")
    project.spec["models"]["tiny"]["source"] = f"newest:{releases}"
    project.spec["store"] = "store"
    result = project.run("-m", "size or proof")
    assert result.ret == 0, text_of(result)
    store = project.root / "store"
    (export,) = store.glob("float/*/model.tflite")
    before = export.stat().st_ctime_ns
    assert project.run("-m", "size or proof").ret == 0
    assert [file.stat().st_ctime_ns for file in store.glob("float/*/model.tflite")] == [before]


def test_a_model_source_from_outside_that_fails_is_one_sentence(
    project: Project, packages: Path
) -> None:
    install(packages, "my_models")
    project.spec["models"]["tiny"]["source"] = f"newest:{project.root / 'nothing'}"
    result = project.run("-m", "size")
    assert result.ret == 2
    output = " ".join(text_of(result).split())
    assert "holds no .tflite file" in output
    assert "Traceback" not in output


def test_samples_from_outside_are_evaluated_on(project: Project, packages: Path) -> None:
    install(packages, "my_samples")
    photos = project.root / "photos"
    photos.mkdir()
    images = project.spec["images"]
    for file in sorted((project.root / images["evaluation"]).rglob("*.png")):
        shutil.copyfile(file, photos / f"{file.parent.name}_{file.name}")
    images["evaluation"] = f"named:{photos}"
    images.pop("labels", None)
    result = project.run("-m", "agreement or accuracy")
    assert result.ret == 0, text_of(result)
    evaluated = project.record.models[0].images.evaluation
    assert evaluated is not None
    assert evaluated.source == "named:photos", "as seen from the project"
    assert evaluated.count == len(list(photos.iterdir()))
    assert evaluated.labelled


def test_samples_from_outside_that_fail_are_one_sentence(project: Project, packages: Path) -> None:
    install(packages, "my_samples")
    photos = project.root / "photos"
    photos.mkdir()
    (photos / "dog.png").write_bytes(b"")
    project.spec["images"]["evaluation"] = f"named:{photos}"
    result = project.run("-m", "agreement")
    assert result.ret == 2
    output = " ".join(text_of(result).split())
    assert "the sample source 'named' failed: ValueError" in output
    assert "Traceback" not in output


def test_a_kind_of_target_from_outside_is_checked(project: Project, packages: Path) -> None:
    install(packages, "my_targets")
    project.spec["targets"] = {"gentle": {"kind": "nice", "priority": 15}}
    project.write()
    done = command(project, "target", "check", "gentle")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gentle: this machine at a lower priority (kind nice)" in done.stdout
    assert "answers as known, time not applicable" in done.stdout


def test_settings_of_a_kind_from_outside_are_checked(project: Project, packages: Path) -> None:
    install(packages, "my_targets")
    project.spec["targets"] = {"gentle": {"kind": "nice", "priority": 30}}
    result = project.run()
    assert result.ret == 2
    output = " ".join(text_of(result).split())
    assert "targets.gentle: priority = 30 is not from 0 to 19" in output
    assert "Traceback" not in output


BOARD = """
import dataclasses
import edgeq

KIND = edgeq.TargetKind(
    name="board",
    summary="this machine under another name",
    measures=frozenset({"predictions", "time", "memory"}),
    start=lambda name, _: dataclasses.replace(edgeq.local_target(), name=name, local_files=False),
)
"""


def test_the_gate_judges_on_a_target_from_outside(project: Project, packages: Path) -> None:
    """From the test's name to the accepted record and the package that is shipped."""
    install(packages, "my_targets")
    (packages / "my_targets.py").write_text(BOARD, encoding="utf-8")
    project.spec["methods"] = []
    project.spec["targets"] = {"use": ["local", "far"], "far": {"kind": "board"}}
    result = project.run("-v", "--junitxml=junit.xml")
    assert result.ret == 0, text_of(result)
    result.stdout.fnmatch_lines(["*::test_top1_agreement[[]tiny-vendor@far] PASSED*"])
    there = {name for name in statuses(project.record) if name.endswith("@far")}
    assert {"tiny/vendor/top1_agreement@far", "tiny/vendor/latency_ratio@far"} <= there
    assert not any("max_bytes" in name for name in there)

    properties = {
        one.attrib["name"]: one.attrib["value"]
        for one in ET.parse(project.root / "junit.xml").iter("property")  # noqa: S314 - our own
    }
    assert properties["edgeq.answer.tiny/vendor@far"] == "cleared"
    assert properties["edgeq.may_ship"] == "true"
    (saved,) = project.benchmarks()
    timed = {one["param"] for one in json.loads(saved.read_text())["benchmarks"]}
    assert timed == {"tiny-vendor", "tiny-vendor@far"}

    done = command(project, "accept", "--reason", "first")
    assert done.returncode == 0, done.stderr
    (held,) = read_all(project.root / "reports" / FOLDER)
    assert there <= held.cases.keys()
    assert len(held.acceptances) == 2, "each target has conditions of its own"
    again = hold(project.record, project.root / "reports" / FOLDER)
    assert {change.kind for change in again.changes} == {ChangeKind.UNCHANGED}

    done = command(project, "bundle", "--output", "package")
    assert done.returncode == 0, done.stderr
    (metadata,) = (project.root / "package").rglob("metadata.json")
    assert json.loads(metadata.read_text())["targets"] == {"local": "cleared", "far": "cleared"}


def test_a_target_of_the_command_line_takes_the_specs_place(
    project: Project, packages: Path
) -> None:
    install(packages, "my_targets")
    project.spec["targets"] = {"gentle": {"kind": "nice"}}
    project.write()
    listed = project.gate("--target", "gentle", "--collect-only", "-q")
    assert listed.ret == 0, text_of(listed)
    names = text_of(listed)
    assert "test_top1_agreement[tiny-vendor@gentle]" in names
    assert "test_top1_agreement[tiny-vendor]" not in names
    assert "test_max_bytes[tiny-vendor]" in names, "files are judged here"
    assert "test_latency_ratio" not in names, "nobody times a worker that gives way to others"
    refused = project.gate("--target", "gentel")
    assert refused.ret == 2
    assert "Did you mean 'gentle'?" in text_of(refused)


def test_a_method_without_limits_is_refused(project: Project, packages: Path) -> None:
    install(packages, "my_methods")
    module = packages / "my_methods.py"
    code = re.sub(r"    limits=.*\n", "", module.read_text("utf-8"))
    module.write_text(code, encoding="utf-8")
    result = project.run()
    assert result.ret == 2
    said = " ".join(text_of(result).split())
    assert "the method 'weight_only_int8_all' has no default limits" in said
    assert "Traceback" not in said


def test_what_can_not_be_loaded_is_one_line(project: Project, packages: Path) -> None:
    install(packages, "my_gates")
    (packages / "my_gates.py").write_text("raise RuntimeError('no such thing')\n", "utf-8")
    result = project.run()
    assert result.ret == 2
    said = " ".join(text_of(result).split())
    assert "the gates of 'my_gates:GATE' can't be loaded: no such thing" in said
    assert "Traceback" not in said


def test_the_public_names_are_sorted_and_there() -> None:
    assert edgeq.__all__ == sorted(edgeq.__all__)
    assert all(getattr(edgeq, name) is not None for name in edgeq.__all__)
    assert set(edgeq.__all__) == {*edgeq._HOMES, "__version__"}
