from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.config.structs import DeclaredTarget
from edgeq.config.target_kinds import KINDS, Measured, NoSettings, TargetKind
from edgeq.errors import EdgeqError, SpecError
from edgeq.run.targets import local_target
from edgeq.targets.findings import Findings
from edgeq.targets.starting import boards_of, declared, kind_of, start
from tests.unit.config.writing import ROOT, spec


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds that are wrong in one way each."""
    measures: frozenset[Measured] = frozenset({"placement"})
    odd = TargetKind(name="odd", summary="", measures=measures, start=lambda *_: "ssh")  # type: ignore[arg-type]
    looks = TargetKind(
        name="looks", summary="", measures=measures, estimates=True, examine=lambda *_: Findings(())
    )
    monkeypatch.setattr(KINDS, "_entries", {**KINDS._entries, "odd": odd, "looks": looks})


def test_this_machine_needs_no_table() -> None:
    here = declared("local", spec())
    assert kind_of(here).name == "local"
    assert start("local", here, ROOT) == local_target()


def test_a_declared_target_starts_under_its_name() -> None:
    board = declared("pi", spec(targets={"pi": {"kind": "ssh", "host": "board"}}))
    assert start("pi", board, ROOT).name == "pi"
    assert not start("pi", board, ROOT).local_files


def test_each_board_of_a_target_is_a_target_of_its_own() -> None:
    keys = {"kind": "ssh", "host": ["pi@one", "pi@two"], "port": 22}
    boards = boards_of("pi", declared("pi", spec(targets={"pi": keys})))
    assert list(boards) == ["pi@one", "pi@two"]
    assert [start("pi", board, ROOT).command[-2] for board in boards.values()] == list(boards)
    assert list(boards_of("local", declared("local", spec()))) == ["local"]


def test_paths_start_from_the_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    root = tmp_path / "project"
    for file in (tmp_path / "me" / "key", root / "ssh" / "config"):
        file.parent.mkdir(parents=True)
        file.touch()
    keys = {"kind": "ssh", "host": "board", "identity": "~/key", "config": "ssh/config"}
    command = start("pi", declared("pi", spec(targets={"pi": keys})), root).command
    assert command[command.index("-i") + 1] == str(tmp_path / "me" / "key")
    assert command[command.index("-F") + 1] == str(root / "ssh" / "config")


def test_an_unknown_target_is_told_the_closest() -> None:
    with pytest.raises(SpecError, match="Did you mean 'local'"):
        declared("locla", spec())


def test_what_runs_no_models_is_not_started(kinds: None) -> None:
    with pytest.raises(EdgeqError, match="runs no models") as caught:
        start("x", DeclaredTarget(kind="looks", settings=NoSettings()), ROOT)
    assert caught.value.remedy == "It can measure: placement"


def test_a_kind_that_gives_no_target_is_named(kinds: None) -> None:
    with pytest.raises(EdgeqError, match="the target kind 'odd' gave str, not a Target"):
        start("x", DeclaredTarget(kind="odd", settings=NoSettings()), ROOT)
