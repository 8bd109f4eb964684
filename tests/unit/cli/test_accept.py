from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgeq import cli
from edgeq.config.load import load_spec, spec_sha256
from edgeq.history import accepted
from edgeq.judge.verdict import Verdict
from edgeq.record import structs as records
from edgeq.record.structs import RunRecord
from tests.unit.history.figures import case, case_id, run

SPEC = '[models.net]\nsource = "net.tflite"\n'


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "edgeq.toml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def ran(record: RunRecord, name: str = "reports/latest/run.json") -> None:
    """Write the record of a run of the spec."""
    own = spec_sha256(load_spec(Path()))
    records.write(msgspec.structs.replace(record, spec_sha256=own), Path(name))


def net() -> accepted.Accepted:
    return accepted.read(Path("reports/accepted/net.json"))


def test_the_last_run_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    ran(run())
    assert cli.main(["accept", "--reason", "the first"]) == 0
    said = capsys.readouterr().out
    assert said == "Accepted: 14 cases\n  reports/accepted/net.json\n"
    (acceptance,) = net().acceptances.values()
    assert acceptance.reason == "the first"
    assert acceptance.commit is None
    assert acceptance.date.endswith("+00:00")
    assert set(net().cases) == {one.id for one in run().cases}


def test_a_part_of_another_record_from_below(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(run(), "old.json")
    monkeypatch.chdir("sub")
    arguments = ["accept", "-k", "size or latency", "--reason", "x", "--record", "../old.json"]
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out.endswith("  ../reports/accepted/net.json\n")
    monkeypatch.chdir("..")
    assert set(net().cases) == {
        case_id(gate) for gate in ("size_reduction", "max_bytes", "latency_ratio", "max_latency_ms")
    }


def test_vanished_cases_are_named_and_pruned(capsys: pytest.CaptureFixture[str]) -> None:
    ran(run(case("made"), case("types")))
    cli.main(["accept", "--reason", "x"])
    ran(run(case("made")))
    capsys.readouterr()
    assert cli.main(["accept", "--reason", "x"]) == 0
    assert "Kept: 1 accepted case that the run does not declare" in capsys.readouterr().out
    assert cli.main(["accept", "--reason", "x", "--prune"]) == 0
    assert "Pruned: 1 accepted case" in capsys.readouterr().out
    assert set(net().cases) == {case_id("made")}


def test_what_options_left_out_of_a_run_has_not_vanished(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("edgeq.toml").write_text(f'methods = ["int8"]\n{SPEC}', encoding="utf-8")
    ran(run(case("made"), case("types"), case("max_partitions")))
    cli.main(["accept", "--reason", "x"])
    capsys.readouterr()
    narrowed = run(case("made"))  # with the hash of another spec
    records.write(narrowed, Path("reports/latest/run.json"))
    assert cli.main(["accept", "--reason", "x", "--prune"]) == 0
    assert "does not declare: net/int8/max_partitions\n" in capsys.readouterr().out
    assert set(net().cases) == {case_id("made"), case_id("types")}


def test_a_model_that_is_gone_loses_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    ran(run(case("made")))
    cli.main(["accept", "--reason", "x"])
    Path("edgeq.toml").write_text(SPEC.replace("models.net", "models.lite"), encoding="utf-8")
    ran(run(case("made", model="lite"), model="lite"))
    assert cli.main(["accept", "--reason", "x", "--prune"]) == 0
    assert "net.json removed" in capsys.readouterr().out
    assert [path.name for path in Path("reports/accepted").iterdir()] == ["lite.json"]


def test_another_projects_record_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    ran(run(case("made", model="lite"), model="lite"), "theirs.json")
    assert cli.main(["accept", "--reason", "x", "--record", "theirs.json"]) == 2
    assert capsys.readouterr().err == (
        "edgeq: theirs.json: is of another project: its models are lite, those of the spec net. "
        "Name a record of this project, or another spec with --config\n"
    )
    assert not Path("reports/accepted").exists()


def test_a_refusal_leaves_what_was_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    ran(run(case("made")))
    cli.main(["accept", "--reason", "x"])
    before = Path("reports/accepted/net.json").read_bytes()
    ran(run(case("made"), case("types", Verdict.FAIL)))
    capsys.readouterr()
    assert cli.main(["accept", "--reason", "y"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("edgeq: net/int8/types: FAIL; ")
    assert err.count("\n") == 1
    assert Path("reports/accepted/net.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing option '--reason'"),
        (["--reason", ""], "an acceptance needs a reason"),
        (["--reason", "x", "-k", "nothing"], "no case of the record is selected"),
        (["--reason", "x", "-k", "a b"], "'b' is not expected there"),
        (["--reason", "x", "--record", "none.json"], "none.json: can't be read"),
    ],
)
def test_bad_input(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    ran(run())
    assert cli.main(["accept", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not Path("reports/accepted").exists()
