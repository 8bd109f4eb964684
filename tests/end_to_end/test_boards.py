"""Two boards by ssh that share a target's evaluations, one of which is lost on the way."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeq.record.structs import CaseRecord
from tests.end_to_end.projects import OWN_STORE, TWIN, Ran, gate, save_twin
from tests.end_to_end.sshd import Server, serving
from tests.plugin.projects import SIZE

BOARDS = """
[gates]
top1_agreement = 0.5
same_as_local = 0.0
[targets]
use = ["board"]
[targets.board]
kind = "ssh"
host = {hosts}
config = "{config}"
python = "{python}"
"""
LOST = """
import ai_edge_litert.interpreter as litert
import os, signal

true = litert.Interpreter.invoke

def invoke(self):
    size = tuple(self.get_input_details()[0]["shape"][1:3])
    if size == {size} and os.environ["SSH_CONNECTION"].endswith(" {port}"):
        if os.path.exists("{mark}"):  # the first photograph of the evaluation has been run
            with open(f"/proc/{{os.getppid()}}/stat") as shell:
                connection = int(shell.read().rpartition(")")[2].split()[1])
            os.kill(connection, signal.SIGKILL)
        open("{mark}", "w").close()
    return true(self)

litert.Interpreter.invoke = invoke
"""


@pytest.fixture(scope="module")
def second(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("second"), server.config.parent / "root") as running:
        yield running


def project(folder: Path, servers: tuple[Server, ...], hosts: str, lost: Server) -> Path:
    """Lay out a project whose ``hosts`` are such servers, one of which loses its connection."""
    folder.mkdir()
    save_twin(folder)
    config = folder / "ssh_config"
    for name, each in zip(("one", "two"), servers, strict=False):
        text = each.config.read_text().replace("Host board", f"Host {name}")
        text = text.replace("Host *", f"  IdentityFile {each.identity}")
        config.write_text((config.read_text() if config.exists() else "") + text)
    (folder / "sitecustomize.py").write_text(
        LOST.format(size=SIZE, port=lost.port, mark=folder / "lost"), "utf-8"
    )
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n', "utf-8")
    python.chmod(0o755)
    (folder / "edgeq.toml").write_text(
        OWN_STORE + TWIN + BOARDS.format(hosts=hosts, config=config, python=python), "utf-8"
    )
    return folder


def cases(ran: Ran) -> list[CaseRecord]:
    return [case for case in ran.record.cases if case.gate != "steady_memory"]


def test_a_board_that_is_lost_leaves_the_record_of_a_single_board(
    server: Server, second: Server, tmp_path: Path
) -> None:
    alone = gate(project(tmp_path / "alone", (server,), '["one"]', second))
    both = gate(project(tmp_path / "both", (server, second), '["one", "two"]', second))
    assert (alone.code, both.code) == (0, 0), both.output
    assert (both.folder / "lost").exists(), "the second board was in the middle of its part"
    assert cases(both) == cases(alone)
    (note,) = [note for note in both.record.models[0].notes if note.startswith("target board")]
    assert note.startswith("target board: two ran no part, or no further one: the connection to")
    assert not any(note.startswith("target") for note in alone.record.models[0].notes)
