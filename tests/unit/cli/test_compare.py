from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeq import cli
from edgeq.record import structs as records
from edgeq.record.structs import RunRecord
from tests.unit.history.figures import case, flips, run, with_value

SPEC = '[models.net]\nsource = "net.tflite"\n'
LONG = {f"{'photograph-with-a-long-name' * 4}-{number}": None for number in range(12)}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "edgeq.toml").write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(record: RunRecord, name: str) -> str:
    records.write(record, Path(name))
    return name


def benchmarks(name: str, median: float) -> str:
    stats = {"min": median, "median": median, "iqr": 0.0001, "rounds": 64}
    plain = {"machine_info": {}, "benchmarks": [{"name": "test_it", "stats": stats}]}
    Path(name).write_text(json.dumps(plain), encoding="utf-8")
    return name


def test_worse_is_one_and_no_worse_is_nought(capsys: pytest.CaptureFixture[str]) -> None:
    one = ran(with_value("max_bytes", 100.0), "a/run.json")
    two = ran(with_value("max_bytes", 101.0), "b/run.json")
    assert cli.main(["compare", one, two]) == 1
    assert capsys.readouterr().out.startswith(f"{one}, then {two}: 1 worse\nx worse net/int8/max_")
    assert cli.main(["compare", "b", "a"]) == 0
    assert "1 better" in capsys.readouterr().out
    assert cli.main(["compare", "a", "a"]) == 0
    assert capsys.readouterr().out == "a, then a: 1 unchanged\n"
    assert cli.main(["compare", "a", "b", "--fail-on", "never"]) == 0


def test_gone_fails_where_it_is_asked_for() -> None:
    ran(run(case("made"), case("types")), "a/run.json")
    ran(run(case("made")), "b/run.json")
    assert cli.main(["compare", "a", "b"]) == 0
    assert cli.main(["compare", "a", "b", "--fail-on", "gone"]) == 1


def test_accepted_is_what_the_spec_has(capsys: pytest.CaptureFixture[str]) -> None:
    ran(with_value("max_bytes", 100.0), "reports/latest/run.json")
    assert cli.main(["compare", "accepted", "reports/latest"]) == 2
    assert "nothing is accepted yet" in capsys.readouterr().err
    cli.main(["accept", "--reason", "x"])
    ran(with_value("max_bytes", 200.0), "reports/latest/run.json")
    assert cli.main(["compare", "accepted", "reports/latest"]) == 1


def test_the_output_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ran(with_value("top1_agreement", 1.0), "a/run.json")
    ran(with_value("top1_agreement", 0.88, agreement=flips(**LONG)), "b/run.json")
    assert cli.main(["compare", "a", "b"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) > 4
    assert "12 images got worse" in " ".join(lines)


def test_markdown_is_for_a_pull_request(capsys: pytest.CaptureFixture[str]) -> None:
    ran(with_value("max_bytes", 1000.0), "a/run.json")
    ran(with_value("max_bytes", 3000.0), "b/run.json")
    cli.main(["compare", "a", "b", "--format", "markdown"])
    assert capsys.readouterr().out.startswith(
        "### From a to b\n\n**1 worse**\n\n- \u2717 **worse** net/int8/max\\_bytes: 1 \u2192 3 kB"
    )


def test_json_holds_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    ran(run(case("made"), case("max_bytes", value=100.0)), "a/run.json")
    ran(run(case("made"), case("max_bytes", value=200.0)), "b/run.json")
    assert cli.main(["compare", "a", "b", "--format", "json"]) == 1
    plain = json.loads(capsys.readouterr().out)
    assert (plain["schema"], plain["before"], plain["after"]) == ("edgeq.compare/1", "a", "b")
    assert plain["counts"]["worse"] == plain["counts"]["unchanged"] == 1
    worse = {one["id"]: one for one in plain["changes"]}["net/int8/max_bytes"]
    assert (worse["kind"], worse["before"], worse["after"]) == ("worse", 100.0, 200.0)


def test_files_of_pytest_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = benchmarks("1.json", 0.010), benchmarks("2.json", 0.012)
    assert cli.main(["compare", one, two]) == 1
    assert "x worse test_it: median 10.0 -> 12.0 ms, 1.20x" in capsys.readouterr().out
    assert cli.main(["compare", one, two, "--tolerance", "0.3"]) == 0


def test_what_cant_be_compared_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    ran(run(), "a/run.json")
    times = benchmarks("1.json", 0.01)
    for arguments in (["a", times], ["a", "none"], ["a", "edgeq.toml"]):
        assert cli.main(["compare", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("edgeq: ")
        assert err.count("\n") == 1
