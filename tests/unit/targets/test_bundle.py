from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from edgeq.errors import EdgeqError
from edgeq.io.files import sha256_file
from edgeq.run import worker
from edgeq.run.targets import WORKER, Ended
from edgeq.targets import bundle, root
from edgeq.targets.bundle import (
    COMPLETE,
    MAX_CHARACTERS,
    TOO_OLD,
    Bundle,
    _bare,
    explain,
    pack,
    push,
    travelling,
)
from edgeq.targets.root import Root
from tests.patience import PATIENCE_S

HERE = os.uname().machine
MACHINE = HERE if HERE in root.MACHINES else "x86_64"
LIBRARIES = f"root/usr/lib/{MACHINE}-linux-gnu"
LOADER = Root(kind="bundle", machine=MACHINE).python("")[0].lstrip("/")
FILES = {
    LOADER: "#!/bin/sh\necho started $PYTHONHOME $PYTHONPATH $3 $4\n",
    f"{LIBRARIES}/libc.so.6": "libc",
    f"{LIBRARIES}/libsqlite3.so.0": "not opened",
    "root/usr/bin/python3.13": "python",
    "root/usr/lib/python3.13/os.py": "os",
    "site/numpy/__init__.py": "numpy",
    "site/numpy/tests/test_x.py": "not opened",
    "site/ai_edge_litert/interpreter.py": "litert",
    "site/ai_edge_litert/libLiteRtWebGpuAccelerator.so": "not opened",
    "site/ai_edge_litert/vendors/x/y.so": "not opened",
    "entry.json": "{}",
}


@pytest.fixture
def packed(tmp_path: Path) -> Bundle:
    """Return a bundle of small files, whose folder is below this test's."""
    parts = tmp_path / "parts"
    for name, text in FILES.items():
        (parts / name).parent.mkdir(parents=True, exist_ok=True)
        (parts / name).write_text(text)
    (parts / LOADER).chmod(0o755)
    archive = tmp_path / bundle.FILE
    pack(parts, archive)
    there = f"{tmp_path}/there"
    return Bundle(archive, sha256_file(archive), Root(kind="bundle", machine=MACHINE), there)


def shell(text: str, archive: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", text],
        input=archive,
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )


@pytest.fixture
def received(packed: Bundle, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    if HERE != MACHINE:
        pytest.skip(f"no bundle is for {HERE}")
    done = shell(packed.receiving, packed.archive.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    return packed


def test_what_a_worker_never_opens_stays_here(packed: Bundle) -> None:
    with tarfile.open(packed.archive) as archive:
        names = archive.getnames()
    lacks = {name for name, text in FILES.items() if text == "not opened"} | {"entry.json"}
    assert set(names) == set(FILES) - lacks | {COMPLETE}
    assert names[-1] == COMPLETE


def test_the_same_parts_give_the_same_archive(packed: Bundle, tmp_path: Path) -> None:
    os.utime(tmp_path / "parts" / LOADER, (1, 1))
    pack(tmp_path / "parts", tmp_path / "again.tgz")
    assert sha256_file(tmp_path / "again.tgz") == packed.sha256


def test_what_was_received_is_started_by_its_own_loader(received: Bundle) -> None:
    done = shell(received.starting)
    place = received.place
    python = f"{place}/root/usr/bin/python3.13"
    assert done.stdout.decode() == f"started {place}/root/usr {place}/site {python} -c\n"


def test_its_command_is_short_enough_for_dropbear(packed: Bundle) -> None:
    quoted = shlex.join(["exec", "sh", "-c", f"{packed.starting}; exit $?"])
    assert len(quoted) + len("~/.cache/edgeq") < MAX_CHARACTERS


def test_it_is_received_once(received: Bundle) -> None:
    loader = Path(received.place) / LOADER
    loader.write_text("changed")
    assert shell(received.receiving).returncode == 0
    assert loader.read_text() == "changed"


def test_the_home_there_is_not_the_one_here(packed: Bundle) -> None:
    elsewhere = Bundle(packed.archive, packed.sha256, packed.root, "~/.cache/edgeq")
    assert elsewhere.place.startswith("$HOME/.cache/edgeq/edgeq-")


@pytest.mark.parametrize("part", [0.0, 0.5, 0.98])
def test_a_truncated_archive_leaves_nothing(packed: Bundle, part: float) -> None:
    if HERE != MACHINE:
        pytest.skip(f"no bundle is for {HERE}")
    content = packed.archive.read_bytes()
    done = shell(packed.receiving, content[: int(len(content) * part)])
    assert done.returncode == bundle.DAMAGED
    assert list(Path(packed.folder).iterdir()) == []
    assert shell(packed.starting).returncode == bundle.NOT_THERE


def test_an_archive_without_its_last_file_is_not_whole(packed: Bundle) -> None:
    if HERE != MACHINE:
        pytest.skip(f"no bundle is for {HERE}")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("root/usr/bin/python3.13"))
    assert shell(packed.receiving, content.getvalue()).returncode == bundle.DAMAGED


def sent(packed: Bundle, text: str) -> str:
    with pytest.raises(EdgeqError) as caught:
        push(
            "pi", packed, ["sh", "-c", text], lambda ended: explain("pi", MACHINE, "/x", ended), {}
        )
    return str(caught.value)


def test_a_machine_that_can_not_take_it_is_told_apart(packed: Bundle, tmp_path: Path) -> None:
    other = Bundle(packed.archive, packed.sha256, Root(kind="bundle", machine="aarch64"), "/x")
    if HERE != "aarch64":
        assert f"the machine there is {HERE}" in sent(other, other.receiving)
    (tmp_path / "file").write_text("")
    inside = Bundle(packed.archive, packed.sha256, packed.root, f"{tmp_path}/file")
    if HERE == MACHINE:
        assert "can't be written there" in sent(inside, inside.receiving)
    assert "does not take the bundle: exit code 9 (why)" in sent(packed, "echo why >&2; exit 9")


def test_a_program_that_is_missing_here_is_one_error(packed: Bundle) -> None:
    with pytest.raises(EdgeqError, match="no-such-program can't be run"):
        push("pi", packed, ["no-such-program"], lambda _: None, {})


def test_the_end_of_a_worker_that_greeted_is_its_own() -> None:
    assert explain("pi", MACHINE, "/x", Ended(bundle.NOT_THERE, "", greeted=True)) is None
    explanation = explain("pi", MACHINE, "/x", Ended(bundle.NOT_THERE, "", greeted=False))
    assert explanation is not None
    assert explanation.remedy == "Run: edgeq target add pi"
    denied = explain("pi", MACHINE, "/x", Ended(126, "sh: x: Permission denied", greeted=False))
    assert denied is not None
    assert "If /x permits no programs" in denied.remedy


def test_a_target_that_was_not_added_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EdgeqError, match="is not prepared") as caught:
        bundle.bundle("pi", "aarch64", "/x")
    assert caught.value.remedy == "Run: edgeq target add pi"


def test_the_worker_arrives_whole_and_without_the_home_folder_in_its_path() -> None:
    code = travelling(b"print(__name__, '' in sys.path)\n")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout.split() == ["__main__", "False"]


def test_an_old_python_says_so_before_it_reads_the_worker() -> None:
    old = "import sys; sys.version_info = (3, 8, 1)\n"
    done = subprocess.run(
        [sys.executable, "-c", old + travelling(b"print('ran')\n")],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stdout, done.stderr) == (TOO_OLD, "", "Python 3.8")


def test_what_a_worker_does_not_need_to_run_stays_here() -> None:
    source = b'"""Long."""\ndef f():\n    """Only this."""\nclass A:\n    """B."""\n    c = 1 # d\n'
    bare = _bare(source)
    assert bare == b"def f():\n    pass\n\nclass A:\n    c = 1"


def test_the_worker_itself_is_the_same_without_its_comments() -> None:
    names = [name for name in vars(worker) if name.startswith(("op_", "Worker", "Model", "main"))]
    bare: dict[str, object] = {"__name__": "bare"}
    exec(compile(_bare(WORKER.read_bytes()), "worker.py", "exec"), bare)  # noqa: S102 - our own
    assert set(names) <= set(bare)
    assert bare["PROTOCOL"] == worker.PROTOCOL
