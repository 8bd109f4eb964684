"""edgeq is installed and nobody uses it: it costs nothing and leaves nothing."""

from __future__ import annotations

import json

import pytest

REPORT_MODULES = """
import json, sys
from pathlib import Path

def pytest_unconfigure(config):
    Path("modules.json").write_text(json.dumps(sorted(sys.modules)))
"""
HEAVY = {
    "PIL",
    "ai_edge_litert",
    "flatbuffers",
    "jinja2",
    "keras",
    "msgspec",
    "numpy",
    "scipy",
    "tensorflow",
}
OPTIONS = ("-p", "no:hypothesispytest", "-W", "error")


def test_the_plugin_alone_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(REPORT_MODULES)
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_subprocess(*OPTIONS)
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    modules = json.loads((pytester.path / "modules.json").read_text())
    assert "edgeq.plugin" in modules
    assert {name.partition(".")[0] for name in modules}.isdisjoint(HEAVY)
    own = {name for name in modules if name.startswith("edgeq.")}
    assert {name.split(".")[1] for name in own} == {"config", "errors", "plugin", "words"}
    assert {name for name in own if name.startswith("edgeq.config.")} == {"edgeq.config.markers"}
    assert not (pytester.path / "reports").exists()
    assert not (pytester.path / ".edgeq").exists()
    assert "edgeq:" not in "\n".join(result.outlines)


@pytest.mark.parametrize(
    ("body", "code"),
    [("def test_it(): assert False", 1), ("import nowhere", 2), ("", 5)],
)
def test_exit_codes_are_pytests_own(pytester: pytest.Pytester, body: str, code: int) -> None:
    pytester.makepyfile(body)
    assert pytester.runpytest_subprocess(*OPTIONS).ret == code
    assert not (pytester.path / "reports").exists()


def test_benchmarks_of_a_project_without_a_spec_stay_where_they_are(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makepyfile("def test_it(benchmark): benchmark.pedantic(int, rounds=2)")
    result = pytester.runpytest_subprocess(*OPTIONS, "--benchmark-autosave")
    assert result.ret == 0
    assert len(list(pytester.path.glob(".benchmarks/*/0001_*.json"))) == 1
    assert not (pytester.path / "reports").exists()
