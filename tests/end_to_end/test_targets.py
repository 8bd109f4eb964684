"""One spec on this machine, on a board by ssh, and on a board whose XNNPACK is not applied."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgeq.judge.verdict import ShipDecision, Verdict
from tests.end_to_end.projects import TWIN, Ran, gate, save_twin
from tests.end_to_end.sshd import Server

GATES = """
[gates]
max_bytes = "1 MB"
top1_agreement = 0.5
same_as_local = 0.0
latency_ratio = 1000.0
[latency]
rounds = 16
block = 2
warmup = 1
[targets]
use = ["local", "board", "old"]
"""
BOARD = """
[targets.{name}]
kind = "ssh"
host = "board"
config = "{config}"
identity = "{identity}"
python = "{python}"
"""
WITHOUT_XNNPACK = """
import ai_edge_litert.interpreter as litert

true = litert.Interpreter.__init__

def without(self, *arguments, **keys):
    kind = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    true(self, *arguments, **{**keys, "experimental_op_resolver_type": kind})

litert.Interpreter.__init__ = without
"""


@pytest.fixture(scope="module")
def ran(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("project")
    save_twin(folder)
    old = _old_python(folder / "old")
    boards = "".join(
        BOARD.format(name=name, config=server.config, identity=server.identity, python=python)
        for name, python in (("board", sys.executable), ("old", old))
    )
    return gate(folder, spec=TWIN + GATES + boards)


def _old_python(folder: Path) -> Path:
    """Return a Python in which LiteRT has no XNNPACK, as on boards where /proc can't be read."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WITHOUT_XNNPACK, encoding="utf-8")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n', "utf-8")
    python.chmod(0o755)
    return python


def test_each_target_has_an_answer(ran: Ran) -> None:
    (model,) = ran.record.models
    answers = {variant.name: variant.answer for variant in model.variants}
    assert answers == {
        "vendor": ShipDecision.CLEARED,
        "vendor@board": ShipDecision.CLEARED,
        "vendor@old": ShipDecision.REJECTED,
    }, ran.output
    assert not ran.record.summary.may_ship


def test_a_board_gives_the_same_outputs_and_is_timed_beside_its_own_baseline(ran: Ran) -> None:
    same = ran.case("tiny/vendor/same_as_local@board")
    assert (same.status, same.value) == (Verdict.PASS, 0.0)
    assert same.reason.startswith("the same as here, bit by bit")
    assert ran.verdict("tiny/vendor/latency_ratio@board") is Verdict.PASS
    board = next(each for each in ran.record.models[0].targets if each.name == "board")
    assert board.versions["ai-edge-litert"]
    assert board.machine.architecture == ran.record.machine.architecture


def test_a_board_without_xnnpack_is_one_error(ran: Ran) -> None:
    assert ran.code == 2
    (error,) = ran.record.errors
    assert error.startswith("target old: XNNPACK is not applied to the float32 model")
    cases = ran.record.verdicts("tiny", "vendor@old")
    assert cases
    assert {case.status for case in cases} == {Verdict.MISSING}


def test_the_page_says_where_it_may_run(ran: Ran) -> None:
    page = (ran.folder / "reports" / "latest" / "report.html").read_text("utf-8")
    assert "Where the variants may run" in page
    assert "Could not be used: XNNPACK is not applied" in page
    summary = (ran.folder / "reports" / "latest" / "summary.md").read_text("utf-8")
    assert "| vendor | ✓ cleared | ✓ cleared | ✗ rejected | ✗ rejected |" in summary
