"""A bundle for machines without Python, sent and started by adb and by ssh."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edgeq.config.target_kinds import KINDS, Adb, Ssh
from edgeq.errors import EdgeqError, WorkerError
from edgeq.run.session import Session
from edgeq.run.targets import Target
from edgeq.targets import adb, ssh, tiny
from edgeq.targets.check import beside_local, check
from edgeq.targets.parts import Supply
from edgeq.targets.root import MACHINES
from tests.end_to_end.adbd import SERIAL, NoPhoneError, Phone, connected
from tests.end_to_end.projects import OWN_STORE, TWIN, gate, save_twin
from tests.end_to_end.sshd import NoServerError, Server, serving, unpacked
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(
    platform.machine() not in MACHINES, reason="there is no bundle for this machine"
)

ALIAS = "127.0.0.2:5555"
PHONES = """
[gates]
same_as_local = 0.0
[targets]
use = ["phone"]
[targets.phone]
kind = "adb"
serial = {serials}
adb = "{android.adb}"
machine = "{android.machine}"
folder = "{android.folder}"
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phone]:
    try:
        with (
            connected(tmp_path_factory.mktemp("adb")) as running,
            pytest.MonkeyPatch.context() as patch,
        ):
            for key, value in running.environment.items():
                patch.setenv(key, value)
            yield running
    except NoPhoneError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def android(phone: Phone, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Adb:
    folder = tmp_path_factory.mktemp("data")
    machine = platform.machine()
    settings = Adb(serial=SERIAL, adb=str(phone.adb), machine=machine, folder=str(folder))  # type: ignore[arg-type]
    try:
        list(adb.prepare("phone", settings, Supply(save=cache / "parts.tar")))
    except EdgeqError as error:
        if "fetch" in str(error) or "apt" in str(error) or "pip" in str(error):
            pytest.skip(f"the parts can't be fetched here: {error}")
        raise
    return settings


@pytest.fixture(scope="module")
def target(android: Adb) -> Target:
    return adb.start("phone", android)


def test_a_phone_runs_models_with_the_bundles_own_python(android: Adb, target: Target) -> None:
    checked = check(KINDS.get("adb"), target)
    assert checked.problems == ()
    assert checked.facts.versions["python"].startswith("3.13")
    assert [run.loaded.partitions for run in checked.runs] == [1, 1]


def test_int8_answers_are_the_same_bit_by_bit(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes(tiny.model("int8"))
    assert beside_local(KINDS.get("adb"), target, path).sameness.differing == 0


def test_the_bundle_is_sent_once_and_named_by_its_content(android: Adb, cache: Path) -> None:
    (there,) = Path(android.folder).glob("edgeq-*")
    before = there.stat().st_mtime_ns
    list(adb.prepare("phone", android, Supply(file=cache / "parts.tar")))
    assert [path.name for path in Path(android.folder).glob("edgeq-*")] == [there.name]
    assert there.stat().st_mtime_ns == before


def test_a_phone_that_is_not_there_is_said(android: Adb, phone: Phone) -> None:
    settings = Adb(serial="R58M1", adb=str(phone.adb), machine=android.machine)
    with pytest.raises(WorkerError, match="adb does not see the phone R58M1"):
        Session(adb.start("phone", settings), timeout_s=60, memory_limit=None)


def test_a_bundle_that_is_gone_is_said(android: Adb, phone: Phone, tmp_path: Path) -> None:
    settings = Adb(serial=SERIAL, adb=str(phone.adb), machine=android.machine, folder=str(tmp_path))
    with pytest.raises(WorkerError, match="the bundle is not there") as caught:
        Session(adb.start("phone", settings), timeout_s=60, memory_limit=None)
    assert "edgeq target add phone" in str(caught.value)


def test_nothing_is_left_after_a_kill_in_the_middle(android: Adb, target: Target) -> None:
    session = Session(target, timeout_s=60, memory_limit=None)
    assert workers(android)
    session._worker._channel._process.kill()
    session.close()
    wait_for_none(android)


def test_two_serials_share_an_evaluation(
    android: Adb, phone: Phone, cache: Path, tmp_path: Path
) -> None:
    """Both are the same phone, which adb holds for two by their addresses."""
    assert phone.connect(ALIAS)
    second = msgspec.structs.replace(android, serial=ALIAS)
    list(adb.prepare("phone", second, Supply(file=cache / "parts.tar")))
    save_twin(tmp_path)
    spec = OWN_STORE + TWIN + PHONES.format(serials=[SERIAL, ALIAS, "R58M1"], android=android)
    (tmp_path / "edgeq.toml").write_text(spec, "utf-8")
    ran = gate(tmp_path)
    assert ran.code == 0, ran.output
    assert ran.verdict("tiny/vendor/same_as_local@phone").value == "PASS"
    (note,) = [note for note in ran.record.models[0].notes if note.startswith("target phone")]
    assert "R58M1 ran no part" in note
    assert ALIAS not in note
    wait_for_none(android)


def test_the_same_bundle_runs_over_ssh(cache: Path, android: Adb, tmp_path: Path) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("there is no ssh here")
    try:
        with serving(tmp_path, unpacked(tmp_path)) as server:
            settings = over_ssh(server, tmp_path / "there", android)
            list(ssh.prepare("board", settings, Supply(file=cache / "parts.tar")))
            checked = check(KINDS.get("ssh"), ssh.start("board", settings))
    except NoServerError as error:
        pytest.skip(str(error))
    assert checked.problems == ()
    assert checked.facts.versions["python"].startswith("3.13")


def over_ssh(server: Server, folder: Path, android: Adb) -> Ssh:
    return Ssh(
        host="board",
        config=str(server.config),
        identity=str(server.identity),
        bundle=True,
        machine=android.machine,
        folder=str(folder),
    )


def workers(android: Adb) -> list[int]:
    """Return the Pythons that run from the phone's folder."""
    running = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if words[0].startswith(android.folder.encode()):
            running.append(int(entry.name))
    return running


def wait_for_none(android: Adb) -> None:
    end = time.monotonic() + PATIENCE_S
    while workers(android):
        assert time.monotonic() < end
        time.sleep(0.2)
