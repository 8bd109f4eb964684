from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from edgeq.cli import main
from edgeq.config.target_kinds import KINDS, Measured, TargetKind
from edgeq.run.targets import Target, local_target
from edgeq.targets.findings import Findings
from edgeq.targets.parts import cache
from tests.unit.tiny_model import classifier


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a kind with several boards."""

    host: str


SPEC = """
[models.net]
source = "net.tflite"

[targets.pi]
kind = "ssh"
host = "nobody.invalid"

[targets.odd]
kind = "odd"

[targets.dead]
kind = "dead"

[targets.looks]
kind = "looks"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec with targets of kinds that are right, dead, and only look at files."""
    measures: frozenset[Measured] = frozenset({"predictions"})
    here = TargetKind(
        name="odd", summary="here", measures=measures, start=lambda *_: local_target()
    )
    end = (sys.executable, "-c", "raise SystemExit(3)")
    dead = TargetKind(
        name="dead", summary="dead", measures=measures, start=lambda name, _: Target(name, end)
    )
    looks = TargetKind(
        name="looks",
        summary="looks",
        measures=frozenset({"placement"}),
        estimates=True,
        examine=lambda _, path: Findings((path.name,), ("too small",)),
    )
    rows = {row.name: row for row in (here, dead, looks)}
    monkeypatch.setattr(KINDS, "_entries", {**KINDS._entries, **rows})
    (tmp_path / "edgeq.toml").write_text(SPEC, "utf-8")
    (tmp_path / "net.tflite").write_bytes(classifier())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_target_that_is_right_is_described(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["target", "check", "odd", "--model", "net.tflite"]) == 0
    out = capsys.readouterr().out
    assert "odd: here (kind odd); measures predictions" in out
    assert "answers as known, time not applicable" in out
    assert "the same as here, bit by bit" in out


def test_a_spec_that_only_declares_targets_is_enough(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "edgeq.toml").write_text('[targets.odd]\nkind = "odd"\n', "utf-8")
    assert main(["target", "check", "odd"]) == 0
    assert main(["target", "add", "odd"]) == 0
    assert main(["target", "list"]) == 0
    assert main(["target", "remove", "odd"]) == 0
    capsys.readouterr()
    assert main(["target", "check", "odd", "--variants"]) == 2
    assert "no model is declared" in capsys.readouterr().err


def test_a_target_that_needs_no_settings_needs_no_spec(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.tflite").write_bytes(classifier())
    assert main(["target", "check", "edge-tpu", "--model", "net.tflite"]) == 1
    assert "may map" in capsys.readouterr().out
    assert main(["target", "check", "ssh"]) == 2
    assert "'ssh' is a kind of target that needs a table" in capsys.readouterr().err


def test_a_target_that_does_not_start_is_bad_input(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["target", "check", "dead"]) == 2
    assert "ended with exit code 3 while it ran hello" in capsys.readouterr().err


def test_every_board_is_checked_although_one_does_not_answer(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(name: str, board: Board) -> Target:
        here = local_target()
        return here if board.host != "dead" else Target(name, ("/nobody",))

    measures: frozenset[Measured] = frozenset({"predictions"})
    row = TargetKind(
        name="farm",
        summary="boards",
        settings=Board,
        address="host",
        measures=measures,
        start=start,
    )
    monkeypatch.setattr(KINDS, "_entries", {**KINDS._entries, "farm": row})
    farm = '[targets.farm]\nkind = "farm"\nhost = ["one", "dead", "two"]\n'
    (project / "edgeq.toml").write_text(farm, "utf-8")
    assert main(["target", "check", "farm"]) == 1
    out = capsys.readouterr().out
    assert out.count("answers as known") == 4, "the first and the last board run two models each"
    assert "wrong      takes no part in evaluations: the worker of target 'farm' can't be" in out


def test_what_speaks_against_a_file_has_an_exit_code(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["target", "check", "looks", "--model", "net.tflite"]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == ["net.tflite", "wrong      too small"]
    assert main(["target", "check", "looks"]) == 1
    assert capsys.readouterr().out.splitlines()[2] == "tiny.tflite"


def test_targets_and_kinds_are_listed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["target", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["local", "local"]
    assert lines[1].split()[:2] == ["arm64", "emulated"]
    assert "pi ssh not used by the gate" in [" ".join(line.split()) for line in lines]
    assert any(line.split()[:1] == ["looks"] for line in lines[lines.index("Kinds:") :])
    assert not any(line.startswith("Prepared") for line in lines)


def test_what_is_prepared_is_listed_once_for_the_kinds_that_share_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(folder: Path) -> None:
        (folder / "part").write_bytes(b"x" * 5000)

    cache("bundle").get_or_make("parts", {}, make)
    assert main(["target", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if "repared" in line] == [
        "Prepared for ssh and adb"
    ]


def test_what_a_killed_run_left_is_removed_too(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = cache("bundle").root / "tmp" / "tmp-fetching-0"
    left.mkdir(parents=True)
    (left / "part.deb").write_bytes(b"x" * 5000)
    assert main(["target", "remove", "pi"]) == 0
    assert "removed 0 prepared targets of the kind bundle, 5 kB" in capsys.readouterr().out
    assert not left.exists()


def test_an_unknown_target_is_bad_input(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["target", "check", "look"]) == 2
    assert "unknown target 'look'. Did you mean 'looks'?" in capsys.readouterr().err


def test_what_is_added_is_checked_although_nothing_is_fetched(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["target", "add", "odd"]) == 0
    assert "nothing is fetched for a target of the kind odd" in capsys.readouterr().out
    assert main(["target", "add", "dead"]) == 2
    assert "exit code 3" in capsys.readouterr().err
    assert main(["target", "add", "looks"]) == 1
    assert "tiny.tflite" in capsys.readouterr().out
