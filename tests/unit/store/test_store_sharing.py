"""The store under failures, and shared by threads and processes."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

from edgeq.errors import ImageError, StoreError
from edgeq.store import content as entries
from edgeq.store import content as module
from edgeq.store import locks
from edgeq.store.content import Store, key_of
from tests.unit.entries import FACTS, OTHER, Maker, flip_bit, leftovers


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.mark.parametrize(
    "error", [ImageError("truncated"), KeyboardInterrupt(), ValueError("a bug")]
)
def test_a_failure_leaves_nothing_behind(store: Store, error: BaseException) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_bytes(b"half")
        raise error

    with pytest.raises(type(error)) as caught:
        store.get_or_make("variants", FACTS, fail)
    assert caught.value is error
    assert leftovers(store) == []
    assert not (store.root / "variants").exists()
    assert store.get_or_make("variants", FACTS, Maker()).made


def test_what_a_killed_run_left_is_ignored_and_removed(store: Store) -> None:
    script = (
        "import os, pathlib, sys\n"
        "from edgeq.store.content import Store\n"
        "def die(folder):\n"
        "    (folder / 'half').write_bytes(b'half')\n"
        "    os.kill(os.getpid(), 9)\n"
        f"Store(pathlib.Path(sys.argv[1])).get_or_make('variants', {FACTS!r}, die)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(store.root)], check=False)
    assert killed.returncode == -9
    [abandoned] = leftovers(store)
    assert abandoned.startswith(f"variants-{key_of('variants', FACTS)}-")
    assert store.get_or_make("variants", OTHER, Maker()).made
    assert leftovers(store) == [abandoned]
    assert store.get_or_make("variants", FACTS, Maker()).made
    assert leftovers(store) == []


def test_work_that_becomes_no_entry_leaves_nothing(store: Store) -> None:
    with store.scratch("fetching") as folder, store.scratch("other") as other:
        assert folder != other
        (folder / "part").write_bytes(b"part")
        assert store.get_or_make("variants", FACTS, Maker()).made
        assert (folder / "part").exists()
    assert leftovers(store) == []
    with pytest.raises(ValueError, match="a bug"), store.scratch("fetching"):
        raise ValueError("a bug")
    assert leftovers(store) == []
    assert [path.name for path in store.folders()] == [key_of("variants", FACTS)]


def test_the_store_keeps_itself_out_of_git(store: Store) -> None:
    store.get_or_make("variants", FACTS, Maker())
    assert (store.root / ".gitignore").read_text("utf-8") == "*\n"


def test_others_may_read_what_was_made(store: Store) -> None:
    folder = store.get_or_make("variants", FACTS, Maker()).folder
    assert folder.stat().st_mode == folder.parent.stat().st_mode


def test_threads_make_an_entry_once(store: Store) -> None:
    make, together = Maker(), threading.Barrier(4)
    made: list[bool] = []

    def work() -> None:
        together.wait()
        made.append(Store(store.root).get_or_make("variants", FACTS, make).made)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.calls == 1
    assert sorted(made) == [False, False, False, True]


def test_four_processes_on_one_empty_store_make_every_entry_once(
    store: Store, tmp_path: Path
) -> None:
    script = (
        "import pathlib, sys, uuid\n"
        "from edgeq.store.content import Store\n"
        "root, log = map(pathlib.Path, sys.argv[1:])\n"
        "sys.stdin.readline()\n"
        "for name in 'abcdef':\n"
        "    def make(folder):\n"
        "        (folder / 'data').write_bytes(name.encode())\n"
        "        (log / f'{name}-{uuid.uuid4().hex}').touch()\n"
        "    entry = Store(root).get_or_make('variants', {'name': name}, make)\n"
        "    assert (entry.folder / 'data').read_bytes() == name.encode()\n"
    )
    log = tmp_path / "log"
    log.mkdir()
    command = [sys.executable, "-c", script, str(store.root), str(log)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        process.communicate(b"go\n")
    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(path.name[0] for path in log.iterdir()) == list("abcdef")
    assert leftovers(store) == []
    assert not (store.root / "quarantine").exists()


def test_making_may_need_another_entry(store: Store) -> None:
    def make(folder: Path) -> None:
        inner = store.get_or_make("floats", FACTS, Maker())
        shutil.copy(inner.folder / "model.tflite", folder / "copy.tflite")

    entry = store.get_or_make("variants", FACTS, make)
    assert (entry.folder / "copy.tflite").read_bytes() == b"made"


def test_a_root_that_can_not_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    make = Maker()
    with pytest.raises(StoreError, match=r"Not a directory|File exists") as caught:
        Store(tmp_path / "file" / "store").get_or_make("variants", FACTS, make)
    assert caught.value.remedy is not None
    assert "`store`" in caught.value.remedy
    assert make.calls == 0


def refuse(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, number: int) -> None:
    def raising(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(owner, name, raising)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_takes_nothing_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse(monkeypatch, module, "_flush", number)
    with pytest.raises(StoreError, match="can't be written") as caught:
        store.get_or_make("variants", FACTS, Maker())
    assert "Free some space" in (caught.value.remedy or "")
    assert leftovers(store) == []
    assert not list((store.root / "variants").glob("*"))


def test_a_disk_that_is_full_while_something_is_made(store: Store) -> None:
    def make(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StoreError, match=r"No space left on device\. Free some space"):
        store.get_or_make("variants", FACTS, make)


def test_a_full_folder_for_temporary_files_is_not_blamed_on_the_store(store: Store) -> None:
    def make(_: Path) -> None:
        raise OSError(
            errno.ENOSPC, os.strerror(errno.ENOSPC), "model.tflite", None, "/scratch/x.tflite"
        )

    with pytest.raises(StoreError, match=r"^/scratch: can't be written: No space left.*TMPDIR"):
        store.get_or_make("variants", FACTS, make)


def test_what_it_is_made_from_may_not_be_readable(store: Store) -> None:
    def make(_: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "photographs/a.png")

    with pytest.raises(StoreError, match=r"can't be made: .*photographs/a\.png"):
        store.get_or_make("variants", FACTS, make)


def test_another_failure_is_not_blamed_on_the_disk(store: Store) -> None:
    def make(_: Path) -> None:
        Path("no-such-photograph.png").read_bytes()

    with pytest.raises(StoreError, match=r"can't be made: .*no-such-photograph\.png") as caught:
        store.get_or_make("variants", FACTS, make)
    assert caught.value.remedy == "Fix what it is made from and run again"
    assert caught.value.where == str(store.root / "variants" / key_of("variants", FACTS))


def test_an_entry_that_may_not_be_read_is_no_damaged_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = store.get_or_make("variants", FACTS, Maker())
    refuse(monkeypatch, entries, "sha256_file", errno.EACCES)
    with pytest.raises(StoreError, match="can't be read: Permission denied"):
        store.get_or_make("variants", FACTS, Maker())
    assert entry.folder.exists()


@pytest.mark.parametrize("name", ["exists", "iterdir"])
def test_a_store_of_another_user_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    store.get_or_make("variants", FACTS, Maker())
    refuse(monkeypatch, Path, name, errno.EACCES)
    with pytest.raises(StoreError, match=r"can't be read: Permission denied\. Permit reading"):
        store.find("variants", FACTS) if name == "exists" else list(store.folders())


def test_a_damaged_entry_that_can_not_be_moved_is_refused(store: Store) -> None:
    entry = store.get_or_make("variants", FACTS, Maker())
    flip_bit(entry)
    (store.root / "quarantine").write_bytes(b"")
    with pytest.raises(StoreError, match=r"damaged .* and can't be set aside") as caught:
        store.get_or_make("variants", FACTS, Maker())
    assert caught.value.where == str(entry.folder)


@pytest.fixture
def held(store: Store) -> filelock.BaseFileLock:
    """The lock of the entry, in the hands of another process."""
    path = store.root / "locks" / f"variants-{key_of('variants', FACTS)}.lock"
    path.parent.mkdir(parents=True)
    return filelock.FileLock(path)


def test_waiting_for_another_process_has_an_end(
    store: Store, held: filelock.BaseFileLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "NOTICE_S", 0.01)
    monkeypatch.setattr(locks, "TIMEOUT_S", 0.05)
    with held, pytest.raises(StoreError, match="another process has held it for over") as caught:
        store.get_or_make("variants", FACTS, Maker())
    assert caught.value.where == held.lock_file
    assert store.get_or_make("variants", FACTS, Maker()).made


def test_waiting_for_another_process_is_said(
    store: Store,
    held: filelock.BaseFileLock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(locks, "NOTICE_S", 0.01)
    monkeypatch.setattr(locks, "TIMEOUT_S", 20.0)
    held.acquire()
    noticed = sys.stderr.write

    def release_then_write(text: str) -> int:
        held.release()
        return noticed(text)

    monkeypatch.setattr(sys.stderr, "write", release_then_write)
    assert store.get_or_make("variants", FACTS, Maker()).made
    assert f"waiting for another process, which holds {held.lock_file}" in capsys.readouterr().err


def test_a_lock_that_can_not_be_taken_is_refused(store: Store) -> None:
    store.root.mkdir()
    (store.root / "locks").write_bytes(b"")
    with pytest.raises(StoreError, match="can't be locked") as caught:
        store.get_or_make("variants", FACTS, Maker())
    assert "`store`" in (caught.value.remedy or "")


def test_the_owner_of_a_lock_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(locks, "NOTICE_S", 0.01)
    monkeypatch.setattr(locks, "TIMEOUT_S", 0.05)
    path = store.root / "locks" / f"variants-{key_of('variants', FACTS)}.lock"
    with locks.alone(path), pytest.raises(StoreError) as caught:
        store.get_or_make("variants", FACTS, Maker())
    owner = f"process {os.getpid()} on this machine"
    assert caught.value.what == f"can't be locked: {owner} has held it for over 0 s"
    assert f"waiting for {owner}, which holds {path}" in capsys.readouterr().err
    path.with_suffix(".owner").write_bytes(b'{"pid": 7, "host": "elsewhere"}')
    assert locks._owner(path.with_suffix(".owner")) == "process 7 on another machine"
    assert store.get_or_make("variants", FACTS, Maker()).made
    assert not path.with_suffix(".owner").exists()
