"""Workers that die, hang, babble or eat memory: each is one named error, and none stays behind."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgeq.errors import (
    ModelRefusedError,
    WorkerCrashedError,
    WorkerError,
    WorkerMemoryError,
    WorkerTimeoutError,
)
from edgeq.run import channel, conversation
from edgeq.run.conversation import Conversation, Request
from edgeq.run.failures import Doing
from edgeq.run.protocol import Frame
from edgeq.run.targets import Target
from tests.patience import PATIENCE_S

Scripted = Callable[[str], Target]


def talk(
    target: Target, *, timeout_s: float = PATIENCE_S, limit: int | None = None
) -> Conversation:
    return Conversation(target, timeout_s=timeout_s, memory_limit=limit, where="net/int8")


def ask_for_images(
    conversation: Conversation, images: tuple[int, int] | None, **listeners: Any
) -> None:
    """Ask to infer a part of so many images."""
    (_,) = conversation.ask_each("infer", (Request({}, images=images),), **listeners)


def failure(
    target: Target, *, timeout_s: float = PATIENCE_S, limit: int | None = None, images: bool = False
) -> WorkerError:
    """Return the error of one request to a worker that fails."""
    conversation = talk(target, timeout_s=timeout_s, limit=limit)
    with pytest.raises(WorkerError) as caught:
        ask_for_images(conversation, (0, 5) if images else None)
    conversation.close()
    return caught.value


def test_a_signal_is_named_with_the_last_words(scripted: Scripted) -> None:
    error = failure(
        scripted(
            "hello(); read()\nprint('last words', file=sys.stderr, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGSEGV)"
        )
    )
    assert type(error) is WorkerCrashedError
    assert str(error) == "net/int8: the worker ended by SIGSEGV while it ran infer"
    assert error.output == "last words"


def test_a_crash_tells_how_far_the_work_was(scripted: Scripted) -> None:
    script = "hello(); read(); write(kind='progress', done=3)\nos.abort()"
    error = failure(scripted(script), images=True)
    assert "ended by SIGABRT while it ran infer (image 3 or later)" in str(error)


def test_a_worker_sees_no_secret_of_its_parent(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "hunter2-and-more")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2-and-more@proxy:80")
    error = failure(
        scripted(
            "hello(); read(); print(sorted(os.environ), file=sys.stderr, flush=True); sys.exit(3)"
        )
    )
    assert "'PATH'" in error.output
    assert "DEPLOY_TOKEN" not in error.output
    assert "HTTPS_PROXY" not in error.output


@pytest.mark.parametrize(
    ("code", "said"), [(3, "with exit code 3 "), (139, "with exit code 139 (SIGSEGV) ")]
)
def test_an_exit_code_is_named(scripted: Scripted, code: int, said: str) -> None:
    error = failure(scripted(f"hello(); read(); sys.exit({code})"))
    assert type(error) is WorkerCrashedError
    assert said in str(error)


def test_something_that_kills_the_worker_is_suspected_to_be_the_system(scripted: Scripted) -> None:
    error = failure(scripted("hello(); read(); os.kill(os.getpid(), signal.SIGKILL)"))
    assert "ended by SIGKILL" in str(error)
    assert error.remedy is not None
    assert "memory" in error.remedy


def test_a_worker_that_closes_its_pipe_and_stays_is_stopped(scripted: Scripted) -> None:
    error = failure(scripted("hello(); read(); os.close(1); time.sleep(600)"))
    assert type(error) is WorkerCrashedError
    assert "closed its pipe" in str(error)


def test_a_hang_ends_at_the_time_limit(scripted: Scripted) -> None:
    error = failure(scripted("hello(); read(); time.sleep(600)"), timeout_s=0.5)
    assert type(error) is WorkerTimeoutError
    assert error.what == (
        "the worker was silent for 0.5 s (run.timeout_s) during one inference, and was stopped"
    )
    assert error.remedy == (
        "If one inference may take longer than 0.5 s, raise run.timeout_s; otherwise the model "
        "hangs there"
    )


def test_a_hang_tells_how_far_the_work_was(scripted: Scripted) -> None:
    script = "hello(); read(); write(kind='progress', done=3)\ntime.sleep(600)"
    error = failure(scripted(script), timeout_s=1, images=True)
    assert "during one inference after 3 of 5 images or more, and was stopped" in str(error)


UNTIL = """
def until(name):
    while not os.path.exists(name): time.sleep(0.01)
"""


def hurried(step: float) -> Callable[[], float]:
    """Return a clock that goes on by so many seconds each time somebody looks."""
    counted = itertools.count()
    return lambda: step * next(counted)


def test_long_silence_is_told_again_and_again(scripted: Scripted, tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    script = (
        f"{UNTIL}\nhello(); asked = read(); write(kind='progress', done=3)\n"
        f"until({str(answer)!r}); write(kind='result', id=asked['id'])"
    )
    told: list[tuple[Doing, float]] = []

    def waiting(doing: Doing, seconds: float) -> None:
        if doing == Doing("infer", 5, 10):  # before, the worker may still be starting
            told.append((doing, seconds))
        if len(told) == 2:
            answer.touch()

    conversation = Conversation(
        scripted(script), timeout_s=60, memory_limit=None, where="net", clock=hurried(30)
    )
    ask_for_images(conversation, (2, 10), waiting=waiting)
    conversation.close()
    (_, first), (_, second), *_ = told
    assert 0 < first < second
    assert first % 30 == second % 30 == 0


def test_a_worker_that_answers_soon_is_not_mentioned(scripted: Scripted) -> None:
    told: list[Doing] = []
    conversation = Conversation(
        scripted("hello(); asked = read(); write(kind='result', id=asked['id'])"),
        timeout_s=60,
        memory_limit=None,
        where="net",
        waiting=lambda doing, _: told.append(doing),
        clock=lambda: 7.0,
    )
    conversation.ask("load", {})
    conversation.close()
    assert told == []


def test_a_listener_that_stops_the_run_ends_the_worker(scripted: Scripted) -> None:
    def stop(doing: Doing, _: float) -> None:
        if doing.op == "load":
            raise KeyboardInterrupt

    conversation = Conversation(
        scripted("hello(); read(); time.sleep(600)"),
        timeout_s=60,
        memory_limit=None,
        where="net",
        waiting=stop,
        clock=hurried(30),
    )
    with pytest.raises(KeyboardInterrupt):
        conversation.ask("load", {})
    assert conversation.over


def test_the_start_of_a_worker_is_not_timed_as_its_model_is(scripted: Scripted) -> None:
    error = failure(scripted("time.sleep(1.0); hello(); read(); time.sleep(600)"), timeout_s=0.2)
    assert type(error) is WorkerTimeoutError
    assert "silent for 0.2 s (run.timeout_s) during one inference" in str(error)


def test_a_worker_that_never_starts_is_given_up(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "START_S", 0.3)
    with pytest.raises(WorkerTimeoutError, match=r"silent for 0\.3 s .* during its start"):
        talk(scripted("time.sleep(600)"), timeout_s=0.2)


def test_progress_starts_the_time_limit_again(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "hello(); asked = read()\n"
        "for done in range(8): write(kind='progress', done=done)\n"
        "write(kind='result', id=asked['id'])"
    )
    told: list[tuple[int, int]] = []
    # Twenty seconds pass with each message, as the client's clock has it.
    clock = SimpleNamespace(monotonic=lambda: 20.0 * len(told))
    monkeypatch.setattr(channel, "time", clock)

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    talking = talk(scripted(script), timeout_s=30.0)
    ask_for_images(talking, (2, 10), progress=tell)
    talking.close()
    assert told == [(2 + done, 10) for done in range(8)]


@pytest.mark.parametrize(
    "answer",
    [
        "sys.stdout.buffer.write(b'Hello, world'); sys.stdout.flush()",
        "write(kind='surprise', id=2)",
        "write(kind='result', id=77)",
        "write(id=2)",
    ],
)
def test_an_answer_that_is_none_ends_the_worker(scripted: Scripted, answer: str) -> None:
    error = failure(scripted(f"hello(); read()\n{answer}\ntime.sleep(600)"))
    assert type(error) is WorkerError
    assert "is not valid" in str(error)


@pytest.mark.parametrize(
    "words", ["terminate called: std::bad_alloc", "cannot allocate memory for thread-local data"]
)
def test_a_crash_for_want_of_memory_names_the_limit(scripted: Scripted, words: str) -> None:
    script = f"hello(); read(); print({words!r}, file=sys.stderr, flush=True); os.abort()"
    error = failure(scripted(script), limit=2_000_000_000)
    assert type(error) is WorkerMemoryError
    assert "its memory limit of 2 GB while it ran infer" in str(error)
    without = failure(scripted(script))
    assert type(without) is WorkerCrashedError


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_resident_memory_is_watched(scripted: Scripted) -> None:
    script = "hello(); read(); block = b'x' * 300_000_000; time.sleep(600)"
    error = failure(scripted(script), limit=150_000_000)
    assert type(error) is WorkerMemoryError


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [
        (["ValueError"], ModelRefusedError),
        (["RuntimeError"], ModelRefusedError),
        (["ModuleNotFoundError", "ImportError"], WorkerError),
        (["KeyError"], WorkerError),
        (["MemoryError"], WorkerMemoryError),
    ],
)
def test_what_the_worker_reports_becomes_its_own_error(
    scripted: Scripted, kinds: list[str], kind: type[WorkerError]
) -> None:
    script = f"hello(); read(); write(kind='error', id=2, kinds={kinds}, message='the\\nreason')"
    error = failure(scripted(script), limit=2_000_000_000)
    assert type(error) is kind
    assert "the reason" in str(error) or kind is WorkerMemoryError


def test_an_error_that_the_worker_reports_does_not_end_it(scripted: Scripted) -> None:
    conversation = talk(
        scripted(
            "hello(); read(); write(kind='error', id=2, kinds=['ValueError'], message='no')\n"
            "read(); write(kind='result', id=3, fine=True)\nread()"
        )
    )
    with pytest.raises(ModelRefusedError):
        conversation.ask("load", {})
    assert conversation.ask("load", {}).header["fine"] is True
    conversation.close()


def test_the_next_request_is_on_its_way_before_a_worker_answers(scripted: Scripted) -> None:
    script = """
hello()
for at in (2, 4):
    first, second = read(), read()
    write(kind='result', id=at, number=first['number'])
    write(kind='result', id=at + 1, number=second['number'])
read()
"""
    conversation = talk(scripted(script))
    asked = conversation.ask_each("infer", (Request({"number": number}) for number in range(4)))
    assert [answer.header["number"] for answer in asked] == [0, 1, 2, 3]
    assert not conversation.over
    conversation.close()


def test_a_refusal_with_another_request_on_its_way_ends_the_worker(scripted: Scripted) -> None:
    script = (
        "hello(); read(); read(); write(kind='error', id=2, kinds=['ValueError'], message='no')"
    )
    conversation = talk(scripted(script + "; time.sleep(600)"))
    with pytest.raises(ModelRefusedError, match="no"):
        list(conversation.ask_each("infer", (Request({}), Request({}))))
    assert conversation.over


def test_results_that_nobody_takes_are_not_mistaken_for_others(scripted: Scripted) -> None:
    script = "hello(); read(); read(); write(kind='result', id=2); time.sleep(600)"
    conversation = talk(scripted(script))
    asked = conversation.ask_each("infer", (Request({}), Request({})))
    next(asked)
    asked.close()
    with pytest.raises(WorkerError, match="this worker has ended"):
        conversation.ask("infer", {})


def test_after_its_end_a_worker_is_not_asked_again(scripted: Scripted) -> None:
    conversation = talk(scripted("hello(); read(); os.abort()"))
    with pytest.raises(WorkerCrashedError):
        conversation.ask("infer", {})
    with pytest.raises(WorkerError, match="this worker has ended"):
        conversation.ask("infer", {})
    conversation.close()


def test_a_caller_that_gives_up_in_the_middle_leaves_no_worker(scripted: Scripted) -> None:
    script = "hello(); read(); write(kind='progress', done=0); time.sleep(600)"
    conversation = talk(scripted(script))

    def give_up(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_for_images(conversation, (0, 1), progress=give_up)
    with pytest.raises(WorkerError, match="has ended"):
        conversation.ask("infer", {})


def test_another_protocol_is_refused(scripted: Scripted) -> None:
    with pytest.raises(WorkerError, match="speaks protocol 99") as caught:
        talk(scripted("hello(99); read()"))
    assert caught.value.remedy is not None
    assert "worker.py" in caught.value.remedy


def test_a_first_answer_without_the_facts_is_none(scripted: Scripted) -> None:
    with pytest.raises(WorkerError, match="is not valid"):
        talk(scripted("first = read(); write(kind='result', id=first['id']); time.sleep(600)"))


def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(WorkerError, match="target 'board' can't be started") as caught:
        talk(Target("board", ("no-such-command-anywhere", "worker.py")))
    assert caught.value.remedy == "Check the command: no-such-command-anywhere worker.py"


def test_a_large_request_to_a_chatty_worker_does_not_lock(scripted: Scripted) -> None:
    # Both pipes fill: the worker writes a megabyte of log before it reads four of request.
    script = (
        "hello(); sys.stderr.write('x' * 1_000_000); sys.stderr.flush()\n"
        "asked = read(); rest = sys.stdin.buffer.read(4_000_000)\n"
        "write(kind='result', id=asked['id'], got=len(rest)); read()"
    )
    conversation = talk(scripted(script))
    frame: Frame = conversation.ask("load", {}, (np.zeros(4_000_000, np.uint8),))
    assert frame.header["got"] == 4_000_000
    conversation.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    return status.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_worker_does_not_outlive_a_client_that_is_killed(tmp_path: Path) -> None:
    client = tmp_path / "client.py"
    client.write_text(
        "import os, signal\n"
        "from edgeq.run.session import Session\n"
        "from edgeq.run.targets import local_target\n"
        "session = Session(local_target(), timeout_s=60, memory_limit=None)\n"
        "print(session._worker._channel._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n",
        "utf-8",
    )
    ended = subprocess.run(
        [sys.executable, str(client)],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert ended.returncode == -signal.SIGKILL
    pid = int(ended.stdout)
    end = time.monotonic() + PATIENCE_S
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(pid)


ANSWER = (
    "text = json.dumps({'kind': 'result', 'id': asked['id'], 'blobs': []}).encode()\n"
    "frame = struct.pack('<I', len(text)) + text\n"
)


def test_a_frame_that_drips_has_an_end(scripted: Scripted) -> None:
    drip = (
        f"hello(); asked = read()\n{ANSWER}"
        "for byte in frame * 1000:\n"
        "    sys.stdout.buffer.write(bytes([byte])); sys.stdout.flush(); time.sleep(0.2)"
    )
    error = failure(scripted(drip), timeout_s=1.0)
    assert type(error) is WorkerTimeoutError


@pytest.mark.parametrize(
    "told", ["0", "n % 3", "-1", "n * 10**9", "'many'", "None"], ids=lambda told: f"done={told}"
)
def test_progress_must_rise_and_has_an_end(scripted: Scripted, told: str) -> None:
    script = (
        "import itertools\nhello(); read()\n"
        f"for n in itertools.count(): write(kind='progress', done={told})"
    )
    error = failure(scripted(script), images=True)
    assert "is not valid: progress" in str(error)


def test_progress_of_what_has_no_steps_is_no_answer(scripted: Scripted) -> None:
    error = failure(scripted("hello(); read(); write(kind='progress', done=0); read()"))
    assert "is not valid: progress 0" in str(error)


@pytest.mark.parametrize("blobs", ["[{'dtype': 'uint8', 'shape': [60 * 10**9]}]"])
def test_more_bytes_than_are_expected_are_not_read(scripted: Scripted, blobs: str) -> None:
    script = (
        "hello(); asked = read()\n"
        f"text = json.dumps({{'kind': 'result', 'id': asked['id'], 'blobs': {blobs}}}).encode()\n"
        "sys.stdout.buffer.write(struct.pack('<I', len(text)) + text)\n"
        "while True: sys.stdout.buffer.write(bytes(1 << 20))"
    )
    error = failure(scripted(script))
    assert "arrays of 60000000000 bytes; at most 64000000 are expected" in str(error)


def test_a_process_that_holds_a_dead_workers_pipes_is_not_waited_for(
    scripted: Scripted, tmp_path: Path
) -> None:
    script = (
        "import subprocess\nhello(); read()\n"
        "subprocess.Popen(['sleep', '30'], start_new_session=True); os._exit(3)"
    )
    start = time.monotonic()
    error = failure(scripted(script))
    assert "ended with exit code 3" in str(error)
    assert time.monotonic() - start < 25
