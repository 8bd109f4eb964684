from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from edgeq.config.target_kinds import Emulated
from edgeq.errors import EdgeqError
from edgeq.run.targets import WORKER, Ended
from edgeq.targets import emulated, root
from edgeq.targets.parts import Supply
from tests.unit.targets.test_fetching import package

SETTINGS = Emulated()
LIBRARIES = "usr/lib/aarch64-linux-gnu"
FILES = {
    f"./{LIBRARIES}/ld-linux-aarch64.so.1": b"loader",
    f"./{LIBRARIES}/gconv/odd.so": b"odd",
    "./usr/bin/python3.13": b"python",
    "./usr/bin/other": b"other",
    "./usr/lib/python3.13/os.py": b"os",
    "./usr/lib/python3.13/test/test_os.py": b"test",
    "./usr/share/doc/x": b"doc",
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(emulated, "_own_emulator", lambda _: None)


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let packages and a wheel of small files be fetched."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    qemu = package(folder, {"./usr/bin/qemu-aarch64": b"qemu"}).rename(folder / "qemu-user_10.deb")
    python = package(folder, FILES).rename(folder / "python3.13.deb")
    wheel = folder / "numpy.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("numpy/__init__.py", "")

    def fetch(asked: root.Root, supply: Supply, place: Path) -> list[Path]:
        return [qemu, python, wheel]

    monkeypatch.setattr(root, "_fetch", fetch)


def prepared(**fields: object) -> list[str]:
    return list(emulated.prepare("arm64", SETTINGS, Supply(**fields)))  # type: ignore[arg-type]


def test_without_parts_it_says_what_to_run() -> None:
    with pytest.raises(EdgeqError, match="is not prepared for ai-edge-litert") as caught:
        emulated.start("arm64", SETTINGS)
    assert caught.value.remedy == "Run: edgeq target add arm64"


def test_what_is_needed_is_unpacked_and_started(fetched: object) -> None:
    lines = prepared()
    assert any(line.startswith("part       numpy.whl  sha256 ") for line in lines)
    folder = Path(lines[-1].split()[-1])
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "entry.json",
        "bin/qemu-aarch64",
        "site/numpy/__init__.py",
        f"root/{LIBRARIES}/ld-linux-aarch64.so.1",
        "root/usr/bin/python3.13",
        "root/usr/lib/python3.13/os.py",
    }
    target = emulated.start("arm64", Emulated(cpu="neoverse-n1"))
    command = list(target.command)
    assert command[:3] == [str(folder / "bin/qemu-aarch64"), "-cpu", "neoverse-n1"]
    assert command[-3:] == [str(folder / "root/usr/bin/python3.13"), "-P", str(WORKER)]
    assert f"PYTHONPATH={folder / 'site'}" in command
    assert "LD_PRELOAD" in command, "the host's own libraries are not arm64's"
    assert target.local_files


def test_the_same_parts_are_unpacked_once(fetched: object) -> None:
    first, again = prepared(), prepared()
    assert first[-1].startswith("made ")
    assert again[-1].startswith("was there")
    assert first[-1].split()[-1] == again[-1].split()[-1]


def test_what_a_killed_run_fetched_is_removed_by_the_next(tmp_path: Path, fetched: object) -> None:
    script = (
        "import os\n"
        "from edgeq.config.target_kinds import Emulated\n"
        "from edgeq.targets import emulated, root\n"
        "from edgeq.targets.parts import Supply\n"
        "def die(asked, supply, folder):\n"
        "    (folder / 'part.deb').write_bytes(b'part')\n"
        "    os.kill(os.getpid(), 9)\n"
        "root._fetch = die\n"
        "list(emulated.prepare('arm64', Emulated(), Supply()))\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    killed = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert killed.returncode == -9
    assert list((tmp_path / "cache").rglob("part.deb"))
    assert not any(temporary.iterdir())
    prepared()
    assert not list((tmp_path / "cache").rglob("part.deb"))


def test_another_machine_makes_the_same_from_a_file(
    tmp_path: Path, fetched: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "arm64.tar"
    key = Path(prepared(save=file)[-1].split()[-1]).name
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    monkeypatch.delattr(root, "_fetch")
    lines = prepared(file=file)
    assert Path(lines[-1].split()[-1]).name == key
    assert str(tmp_path / "other") in emulated.start("arm64", SETTINGS).command[0]


def test_the_parts_of_another_runtime_are_refused(
    tmp_path: Path, fetched: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "arm64.tar"
    prepared(save=file)
    monkeypatch.setattr(root, "version", lambda _: "9.9.9")
    with pytest.raises(EdgeqError, match=f"ai-edge-litert {version('ai-edge-litert')}"):
        prepared(file=file)
    with pytest.raises(EdgeqError, match=r"is not prepared for ai-edge-litert 9\.9\.9"):
        emulated.start("arm64", SETTINGS)


def test_damaged_parts_are_not_started(fetched: object, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(prepared()[-1].split()[-1])
    (folder / "bin/qemu-aarch64").write_bytes(b"else")
    with pytest.raises(EdgeqError, match="is not prepared"):
        emulated.start("arm64", SETTINGS)
    assert "set aside" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("printed", "major"),
    [
        ("qemu-aarch64 version 10.0.13 (Debian 1:10.0.13)", 10),
        ("qemu-aarch64 version 7.2.22 (Debian 1:7.2)", 7),
        ("what", 0),
    ],
)
def test_an_emulator_tells_its_version(tmp_path: Path, printed: str, major: int) -> None:
    path = tmp_path / "qemu"
    path.write_text(f"#!/bin/sh\necho '{printed}'\n")
    path.chmod(0o755)
    assert emulated._version(str(path)) == major
    assert emulated._version(str(tmp_path / "none")) == 0


def test_a_processor_that_qemu_does_not_have_is_named_with_those_that_it_has(
    tmp_path: Path,
) -> None:
    emulator = tmp_path / "qemu"
    emulator.write_text("#!/bin/sh\necho 'Available CPUs:'; echo '  a64fx'; echo '  max'\n")
    emulator.chmod(0o755)
    settings = Emulated(cpu="cortex-a99")
    refused = Ended(1, "qemu-aarch64: unable to find CPU model 'cortex-a99'\n", greeted=False)
    explained = emulated.explain(settings, emulator, refused)
    assert explained is not None
    assert explained.what.startswith("qemu has no processor 'cortex-a99' (qemu-aarch64: unable")
    assert explained.remedy == "Set cpu to one that it has: a64fx, max"
    for own in (Ended(1, "Traceback", greeted=False), dataclasses.replace(refused, greeted=True)):
        assert emulated.explain(settings, emulator, own) is None
