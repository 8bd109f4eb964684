"""Several projects in one repository: the spec that lies nearest to the tests holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeq.judge.verdict import Verdict
from edgeq.record import structs as records
from edgeq.record.structs import RunRecord
from tests.plugin.projects import Project, statuses, text_of, to_toml

SIZE = ("-m", "size", "-p", "no:cacheprovider")


@pytest.fixture
def monorepo(project: Project) -> Project:
    """A repository whose root has no spec, with ``services/vision`` and ``services/audio``."""
    for name in ("vision", "audio"):
        service = project.root / "services" / name
        (service / "tests").mkdir(parents=True)
        for file in ("net.tflite", "vendor.tflite"):
            shutil.copy(project.root / file, service)
        shutil.copytree(project.root / "evaluation", service / "evaluation")
        (service / "tests" / f"test_{name}.py").write_text("from edgeq.gate import *\n")
        table = project.spec | {"models": {name: project.spec["models"]["tiny"]}}
        table["variants"] = {"vendor": {"model": name, "file": "vendor.tflite"}}
        (service / "edgeq.toml").write_text(to_toml(table), encoding="utf-8")
    for path in ("net.tflite", "vendor.tflite", "test_gate.py"):
        (project.root / path).unlink()
    shutil.rmtree(project.root / "evaluation")
    (project.root / "test_other.py").write_text("def test_other(): pass\n", encoding="utf-8")
    return project


def run(monorepo: Project, *arguments: str) -> pytest.RunResult:
    return monorepo._pytester.runpytest_subprocess("-W", "error", *SIZE, *arguments)


def record_of(monorepo: Project, name: str) -> RunRecord:
    return records.read(monorepo.root / "services" / name / "reports" / "latest" / "run.json")


@pytest.mark.parametrize(
    "arguments",
    [
        ("services/vision",),
        ("services/vision/tests/test_vision.py",),
        ("services/vision/tests/test_vision.py::test_max_bytes", "test_other.py"),
        ("services/vision", "-n", "2"),
        ("services/vision", "--rootdir=services/vision"),
    ],
)
def test_the_spec_above_the_tests_holds(monorepo: Project, arguments: tuple[str, ...]) -> None:
    result = run(monorepo, *arguments)
    assert result.ret == 0, text_of(result)
    assert {case.model for case in record_of(monorepo, "vision").cases} == {"vision"}
    assert not (monorepo.root / "reports").exists()
    assert not (monorepo.root / "services" / "audio" / "reports").exists()
    assert "Report: services/vision/reports/latest/report.html" in result.outlines


def test_a_table_in_the_services_pyproject_holds(monorepo: Project) -> None:
    own = monorepo.root / "services" / "vision" / "edgeq.toml"
    table = {**monorepo.spec, "models": {"vision": monorepo.spec["models"]["tiny"]}}
    table["variants"] = {}
    (own.parent / "pyproject.toml").write_text(to_toml({"tool": {"edgeq": table}}))
    own.unlink()
    assert run(monorepo, "services/vision").ret == 0
    assert set(statuses(record_of(monorepo, "vision"))) == {
        "vision/float16/size_reduction",
        "vision/float16/max_bytes",
    }


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_one_service_below_the_root_is_found_by_its_tests(
    monorepo: Project, workers: tuple[str, ...]
) -> None:
    shutil.rmtree(monorepo.root / "services" / "audio")
    result = run(monorepo, *workers)
    assert result.ret == 0, text_of(result)
    found = record_of(monorepo, "vision")
    assert {case.status for case in found.cases} == {Verdict.PASS}
    assert not (monorepo.root / "reports").exists()
    assert not list(monorepo.root.glob(".benchmarks/*"))


def test_benchmarks_go_where_the_spec_lies_even_if_the_tests_showed_it(monorepo: Project) -> None:
    shutil.rmtree(monorepo.root / "services" / "audio")
    result = monorepo._pytester.runpytest_subprocess("-W", "error", "-m", "latency")
    assert result.ret == 0, text_of(result)
    saved = monorepo.root / "services" / "vision" / "reports" / "benchmarks"
    assert len(list(saved.rglob("*.json"))) == 1
    assert not list(monorepo.root.glob(".benchmarks/*"))


def test_a_spec_of_the_service_comes_before_that_of_the_root(monorepo: Project) -> None:
    monorepo.write()
    assert run(monorepo, "services/vision").ret == 0
    assert {case.model for case in record_of(monorepo, "vision").cases} == {"vision"}
    assert not (monorepo.root / "reports").exists()


@pytest.mark.parametrize("arguments", [(), ("services/audio", "services/vision"), ("-n", "2")])
def test_two_services_in_one_call_are_refused_by_name(
    monorepo: Project, arguments: tuple[str, ...]
) -> None:
    result = run(monorepo, *arguments)
    assert result.ret == 2
    said = " ".join(text_of(result).split())
    assert (
        "tests of two projects in one session, of services/audio/edgeq.toml and of "
        "services/vision/edgeq.toml. Run pytest once for each: `pytest services/audio` and "
        "`pytest services/vision`; or name one spec with --edgeq-config" in said
    )
    assert said.count("tests of two projects") == 1
    assert "Traceback" not in said
    assert not list(monorepo.root.rglob("run.json"))


def test_two_services_of_which_one_has_no_test_of_ours_are_no_two_projects(
    monorepo: Project,
) -> None:
    audio = monorepo.root / "services" / "audio" / "tests" / "test_audio.py"
    audio.write_text("def test_sound(): pass\n", encoding="utf-8")
    assert run(monorepo, "services/audio", "services/vision").ret == 0
    assert {case.model for case in record_of(monorepo, "vision").cases} == {"vision"}


def test_a_named_spec_holds_for_all_tests(monorepo: Project) -> None:
    result = run(monorepo, "services/audio", "--edgeq-config", "services/vision/edgeq.toml")
    assert result.ret == 0
    assert {case.model for case in record_of(monorepo, "vision").cases} == {"vision"}


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
@pytest.mark.parametrize("suite", ["from edgeq.gate import *\n", "def test(edgeq_variant): ...\n"])
def test_a_suite_without_a_spec_is_told_which_was_meant(
    monorepo: Project, suite: str, workers: tuple[str, ...]
) -> None:
    (monorepo.root / "tests" / "vision").mkdir(parents=True)
    (monorepo.root / "tests" / "vision" / "test_it.py").write_text(suite, encoding="utf-8")
    shutil.rmtree(monorepo.root / "services" / "audio")
    result = run(monorepo, "tests", *workers)
    assert result.ret == 2
    said = " ".join(text_of(result).split())
    assert (
        "tests/vision/test_it.py: no spec: neither an edgeq.toml nor a pyproject.toml with "
        "[tool.edgeq] in its folder or above. services/vision/edgeq.toml was probably meant: name "
        "it with --edgeq-config services/vision/edgeq.toml, or move the test below services/vision"
    ) in said
    assert said.count("no spec:") == 1
    assert "Traceback" not in said
    assert not list(monorepo.root.rglob("run.json"))


def test_the_spec_where_pytest_is_called_holds_for_tests_elsewhere(
    monorepo: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (monorepo.root / "tests").mkdir()
    (monorepo.root / "tests" / "test_it.py").write_text("from edgeq.gate import *\n")
    monkeypatch.chdir(monorepo.root / "services" / "vision")
    assert run(monorepo, "../../tests").ret == 0
    assert {case.model for case in record_of(monorepo, "vision").cases} == {"vision"}


def test_the_built_in_models_are_nobodys_suite(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_gate="from edgeq.gate import *\n")
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider")
    assert result.ret == 2
    said = " ".join(text_of(result).split())
    assert "test_gate.py: no spec: neither an edgeq.toml nor a pyproject.toml with" in said
    assert "Write one with `edgeq init`; `edgeq gate` alone validates the built-in models" in said
    assert not {"reports", ".edgeq"} & {path.name for path in Path(pytester.path).iterdir()}


def test_tests_that_do_not_use_edgeq_need_no_spec(monorepo: Project) -> None:
    result = monorepo._pytester.runpytest_subprocess("-W", "error", "test_other.py")
    assert result.ret == 0
