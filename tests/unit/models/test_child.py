from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeq.config.structs import Make
from edgeq.errors import ConversionError, StoreError
from edgeq.models.child import idle, log_path, run_child
from edgeq.models.serving import one_line
from edgeq.store.content import Store

MAKE = Make(timeout_s=60)

CHILD = """
import mmap, os, signal, sys, tempfile, time
from edgeq.errors import ModelError

told = 0

def work(request):
    global told
    print("printed by the child")
    match request["do"]:
        case "answer":
            return {"doubled": request["number"] * 2}
        case "tell":
            told += 1
            print(f"the work of {request['what']}")
            return {"pid": os.getpid(), "told": told}
        case "look":
            return {"seen": sorted(os.environ)}
        case "refuse":
            raise ModelError("is not a model", where="net.keras", remedy="Train one")
        case "fail":
            raise RuntimeError("first line\\n   second line")
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "leave":
            print("left in", tempfile.mkstemp()[1], flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
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
        case "once":  # fails where it is not the first
            told += 1
            if told > 1:
                raise RuntimeError("not the first")
            return {"told": told}
        case "hang":
            time.sleep(600)
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


def test_a_child_sees_no_secret_of_its_parent(
    child: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "hunter2-and-more")
    monkeypatch.setenv("MODEL_DIR", "/models")
    monkeypatch.setenv("TZ", "UTC")
    limits = Make(timeout_s=60, environment=("MODEL_DIR",))
    seen = ask(child, tmp_path / "child.log", limits, do="look")["seen"]
    assert isinstance(seen, list)
    assert {"MODEL_DIR", "TZ", "PATH"} <= set(seen)
    assert "DEPLOY_TOKEN" not in seen


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("refuse", r"int8 of net: net\.keras: is not a model\. Train one"),
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


def test_what_a_killed_child_leaves_behind_is_deleted(child: str, tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    with pytest.raises(ConversionError, match="SIGKILL"):
        ask(child, log, do="leave")
    left = Path(log.read_text().split("left in ")[1].split()[0])
    assert left.parent.name.startswith("edgeq-")
    assert not left.parent.exists()


def test_a_full_disk_is_not_the_models_fault(child: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"No space left on device\. Free some space"):
        ask(child, tmp_path / "child.log", do="fill")


def test_a_log_that_can_not_be_written_is_an_error(child: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be written"):
        ask(child, tmp_path / "file" / "child.log", do="answer", number=1)


def tell(child: str, log: Path, what: str, **options: Any) -> tuple[int, int]:
    """Return the child's process and how often it was asked."""
    found = run_child(
        child, {"do": "tell", "what": what}, log=log, limits=MAKE, what="net", **options
    )
    return int(str(found["pid"])), int(str(found["told"]))


def test_a_kept_child_does_more_than_one_work_each_with_its_log(child: str, tmp_path: Path) -> None:
    logs = [tmp_path / name for name in ("a.log", "b.log")]
    with idle.kept():
        first, second = (tell(child, log, log.stem) for log in logs)
        assert first[0] == second[0]
        assert second[1] == 2
        idle.end_all()
        assert tell(child, logs[0], "again")[1] == 1
    assert "the work of again" in logs[0].read_text()
    assert "the work of b" in logs[1].read_text()
    assert "the work of a" not in logs[1].read_text()


def test_nobody_keeps_a_child_without_being_asked_to(child: str, tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    assert tell(child, log, "one")[1] == tell(child, log, "two")[1] == 1
    with idle.kept():
        tell(child, log, "kept")
        assert tell(child, log, "alone", fresh=True, pooled=False)[1] == 1
    with idle.kept():
        assert tell(child, log, "later")[1] == 1


@pytest.mark.parametrize("do", ["once", "exit", "fail"])
def test_what_fails_in_a_used_child_is_tried_in_a_fresh_one(
    child: str, tmp_path: Path, do: str
) -> None:
    log = tmp_path / "child.log"
    with idle.kept():
        tell(child, log, "before")
        if do == "once":
            assert ask(child, log, do=do) == {"told": 1}
        else:
            with pytest.raises(ConversionError):
                ask(child, log, do=do)
            assert log.read_text().count("printed by the child") == 1
        assert tell(child, log, "after")[1] == (2 if do == "once" else 1)


def test_a_long_reason_is_cut() -> None:
    assert len(one_line(ValueError("x" * 10_000))) < 400
    assert one_line(ValueError()) == "ValueError"


def test_logs_are_kept_by_what_was_made(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert log_path(store, "float", {"a": 1}) != log_path(store, "float", {"a": 2})
    assert log_path(store, "float", {"a": 1}).parent == tmp_path / "logs"
