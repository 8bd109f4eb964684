from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeq.errors import ConversionError, StoreError
from edgeq.models.child import log_path, one_line, run_child
from edgeq.spec.structs import Make
from edgeq.store import Store

MAKE = Make(timeout_s=60)

CHILD = """
import mmap, os, signal, sys, time
from edgeq.errors import ModelError
from edgeq.models.child import serve

def work(request):
    print("printed by the child")
    match request["do"]:
        case "answer":
            return {"doubled": request["number"] * 2}
        case "refuse":
            raise ModelError("is no model", where="net.keras", remedy="Train one")
        case "fail":
            raise RuntimeError("first line\\n   second line")
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            print("the last words"); sys.stdout.flush(); os._exit(7)
        case "take":
            bytearray(10**9)
        case "touch":  # shared memory, which no limit of the system's counts as data
            memory = mmap.mmap(-1, 10**9)
            for start in range(0, 10**9, 4096):
                memory[start] = 1
            time.sleep(600)
        case "fill":
            with open("/dev/full", "wb") as file:
                file.write(b"x")
        case "hang":
            time.sleep(600)

serve(work)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "child_of_a_test.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "child_of_a_test"


def ask(child: str, log: Path, limits: Make = MAKE, **request: Any) -> dict[str, object]:
    return run_child(child, request, log=log, limits=limits, what="int8 of net")


def test_the_response_comes_back_and_the_output_goes_to_the_log(child: str, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "child.log"
    assert ask(child, log, do="answer", number=21) == {"doubled": 42}
    assert "printed by the child" in log.read_text()


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("refuse", r"int8 of net: net\.keras: is no model\. Train one"),
        ("fail", r"int8 of net: RuntimeError: first line second line\. See .*child\.log"),
        ("crash", "int8 of net: the process that made it was ended by SIGSEGV"),
        ("exit", "ended with exit code 7: the last words"),
    ],
)
def test_a_failure_is_one_line_with_its_log(
    child: str, tmp_path: Path, do: str, message: str
) -> None:
    log = tmp_path / "child.log"
    with pytest.raises(ConversionError, match=message) as caught:
        ask(child, log, do=do)
    assert caught.value.log == log
    assert "\n" not in str(caught.value)


def test_a_child_that_takes_too_long_is_stopped(child: str, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="took longer than 2 s and was stopped"):
        ask(child, tmp_path / "child.log", Make(timeout_s=2), do="hang")


@pytest.mark.parametrize("do", ["take", "touch"])
def test_a_child_that_takes_too_much_memory_is_named(child: str, tmp_path: Path, do: str) -> None:
    limits = Make(memory_limit=300_000_000)
    with pytest.raises(ConversionError, match="went over its memory limit of 300 MB") as caught:
        ask(child, tmp_path / "child.log", limits, do=do)
    assert "make.memory_limit" in str(caught.value)


def test_a_full_disk_is_not_the_models_fault(child: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"No space left on device\. Free some space"):
        ask(child, tmp_path / "child.log", do="fill")


def test_a_log_that_can_not_be_written_is_an_error(child: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be written"):
        ask(child, tmp_path / "file" / "child.log", do="answer", number=1)


def test_a_long_reason_is_cut() -> None:
    assert len(one_line(ValueError("x" * 10_000))) < 400
    assert one_line(ValueError()) == "ValueError"


def test_logs_are_kept_by_what_was_made(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert log_path(store, "float", {"a": 1}) != log_path(store, "float", {"a": 2})
    assert log_path(store, "float", {"a": 1}).parent == tmp_path / "logs"
