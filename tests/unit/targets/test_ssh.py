from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from edgeq.config.target_kinds import Ssh
from edgeq.errors import EdgeqError
from edgeq.run.targets import WORKER, Ended
from edgeq.targets.bundle import MAX_CHARACTERS, TOO_OLD, travelling
from edgeq.targets.parts import Supply
from edgeq.targets.ssh import SSH_FAILED, explain, prepare, start

BOARD = Ssh(host="pi@board", python="/opt/my python/python3")


def ended(code: int, output: str = "", *, greeted: bool = False) -> str:
    explanation = explain("board", BOARD, Ended(code, output, greeted=greeted))
    return "" if explanation is None else f"{explanation.what}. {explanation.remedy}"


def test_settings_become_options(tmp_path: Path) -> None:
    key, config = tmp_path / "key", tmp_path / "ssh_config"
    key.touch()
    config.touch()
    settings = Ssh(host="board", port=2222, identity=str(key), config=str(config))
    command = start("pi", settings).command
    text = " ".join(command)
    assert "-p 2222" in text
    assert "-o IdentitiesOnly=yes" in text
    assert f"-i {key}" in text
    assert command[command.index("-F") + 1] == str(config)
    assert command[command.index("--") + 1] == "board"
    assert len(command) == command.index("--") + 3


@pytest.mark.parametrize("key", ["identity", "config"])
def test_a_file_that_is_missing_is_named(key: str, tmp_path: Path) -> None:
    settings = Ssh(host="board", **{key: str(tmp_path / "file")})  # type: ignore[arg-type]
    for refused in (lambda: start("pi", settings), lambda: list(prepare("pi", settings, Supply()))):
        with pytest.raises(EdgeqError, match="file: does not exist") as caught:
            refused()
        assert caught.value.remedy == f"Correct `{key}`"


def test_nobody_is_asked_for_a_password() -> None:
    assert "BatchMode=yes" in start("pi", BOARD).command


def test_the_remote_shell_starts_the_worker_whatever_its_pythons_name() -> None:
    outer = shlex.split(start("pi", BOARD).command[-1])
    assert outer[:3] == ["exec", "sh", "-c"]
    inner = outer[3].removesuffix("; exit $?")
    assert shlex.split(inner) == [BOARD.python, "-c", travelling(WORKER.read_bytes())]


def test_the_command_line_is_short_enough_for_every_system() -> None:
    assert len(start("pi", BOARD).command[-1]) < MAX_CHARACTERS


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("ssh: Could not resolve hostname board: Name or service not known", "find the host"),
        ("pi@board: Permission denied (publickey).", "accepts none of the keys"),
        ("Host key verification failed.", "is not the one that ssh knows"),
        ("ssh: connect to host board port 22: Connection refused", "refuses the ssh connection"),
        ("ssh: connect to host board port 22: Connection timed out", "does not answer"),
        ("ssh: connect to host board port 22: No route to host", "there is no route to"),
        ("Connection reset by 10.0.0.2 port 22", "closed the connection before"),
        ("Connection closed by 10.0.0.2 port 22", "closed the connection before"),
        ("kex_exchange_identification: read: reset", "can't connect to 'pi@board' (kex_exchange"),
        ("", "can't connect to 'pi@board' (it gives no reason)"),
    ],
)
def test_ssh_that_fails_says_why(output: str, words: str) -> None:
    assert words in ended(SSH_FAILED, output)


def test_a_lost_connection_is_not_a_missing_host() -> None:
    text = ended(SSH_FAILED, "client_loop: send disconnect: Broken pipe", greeted=True)
    assert "the connection to 'pi@board' was lost (client_loop" in text


@pytest.mark.parametrize("code", [126, 127])
def test_a_missing_python_is_named(code: int) -> None:
    text = ended(code, "sh: 1: python3: not found")
    assert "there is no '/opt/my python/python3' on 'pi@board' (sh: 1: python3: not found)" in text


def test_an_old_python_is_named() -> None:
    assert "is Python 3.6. Name a Python of 3.9 or newer" in ended(TOO_OLD, "Python 3.6")


@pytest.mark.parametrize(
    ("code", "greeted"), [(1, False), (139, False), (127, True), (TOO_OLD, True), (139, True)]
)
def test_the_workers_own_end_is_left_to_others(code: int, greeted: bool) -> None:
    assert ended(code, "Segmentation fault", greeted=greeted) == ""


def test_without_a_bundle_nothing_is_sent() -> None:
    (line,) = prepare("pi", BOARD, Supply())
    assert line.startswith("nothing    '/opt/my python/python3' there is used")


def test_a_board_without_a_python_is_told_of_the_bundle() -> None:
    assert "bring one along: bundle = true" in ended(127, "sh: python3: not found")


def test_a_bundle_that_does_not_start_is_no_missing_python() -> None:
    with_bundle = Ssh(host="board", bundle=True)
    explanation = explain("pi", with_bundle, Ended(127, "sh: not found", greeted=False))
    assert explanation is not None
    assert "the bundle can't be started there" in explanation.what


@pytest.mark.parametrize("folder", ["", "here", "/a b", "~", "/$(reboot)", "~/a;b", "/a'b"])
def test_a_folder_that_a_shell_would_read_otherwise_is_refused(folder: str) -> None:
    with pytest.raises(ValueError, match="is not a plain path"):
        Ssh(host="board", folder=folder)
