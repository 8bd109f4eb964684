"""Debian's adbd, the program that runs on phones, and adb's server, in a network of their own.

adbd lets anybody in, so it must not listen on this machine's network. adb's server listens on a
socket in the file system, through which ``adb`` reaches both from outside.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgeq.errors import EdgeqError
from edgeq.targets import fetching
from edgeq.targets.fetching import fetch_packages, own_mirror
from edgeq.targets.root import SUITE
from tests.patience import PATIENCE_S

SERIAL = "127.0.0.1:5555"
_TOOLS = "usr/lib/android-sdk/platform-tools"
_LOOPBACK = (
    "import fcntl,socket,struct;s=socket.socket();"
    "old=struct.unpack('16sh14x',fcntl.ioctl(s,0x8913,struct.pack('16sh14x',b'lo',0)))[1];"
    "fcntl.ioctl(s,0x8914,struct.pack('16sh14x',b'lo',old|1))"
)
"""Python that switches the loopback interface on (SIOCGIFFLAGS, SIOCSIFFLAGS)."""


class NoPhoneError(Exception):
    """The programs can't be had on this machine."""


@dataclass(frozen=True)
class Phone:
    """A running adbd that adb's server is connected to.

    Attributes:
        adb: The program ``adb``.
        environment: Variables by which it finds its server.
        process: Of the shell that runs adbd and the server.
    """

    adb: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    def connect(self, serial: str) -> bool:
        """Connect the server to an address of adbd; return whether it is."""
        done = subprocess.run(
            [str(self.adb), "connect", serial],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.startswith(("connected", "already"))


@contextmanager
def connected(folder: Path) -> Iterator[Phone]:
    """Fetch and run adbd and adb's server.

    Raises:
        NoPhoneError: They can't be had here.
    """
    if shutil.which("unshare") is None:
        raise NoPhoneError("needs unshare")
    root, place = folder / "root", folder / "packages"
    place.mkdir()
    machine = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        packages = fetch_packages(
            ["adb", "adbd"], machine=machine, suite=SUITE, mirror=own_mirror(), folder=place
        )
    except EdgeqError as error:
        raise NoPhoneError(f"adb can't be fetched: {error}") from error
    links: dict[str, str] = {}
    for package in packages:
        links |= fetching.extract(package, root, lambda path: path.startswith(("usr/lib", "lib")))
    fetching.copy_links(root, links)
    adb = _program(folder, root, "adb")
    adbd = _program(folder, root, "adbd")
    socket = folder / "server"
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "ADB_SERVER_SOCKET": f"localfilesystem:{socket}",
        "ADB_MDNS_AUTO_CONNECT": "0",
    }
    script = (
        f'python3 -c "{_LOOPBACK}"; {adbd} & exec {adb} -L localfilesystem:{socket} nodaemon server'
    )
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    with (folder / "adb.log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", *user, "--net", "sh", "-c", script],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        phone = Phone(adb, environment, process)
        _connect(phone, folder / "adb.log")
        yield phone
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _program(folder: Path, root: Path, name: str) -> Path:
    """Return a script that starts a program of the root with the root's own libraries."""
    (libraries,) = (path for path in root.glob("usr/lib/*-linux-gnu") if path.is_dir())
    (loader,) = list(libraries.glob("ld-linux-*.so.*"))
    script = folder / name
    script.write_text(
        f"#!/bin/sh\nexec {loader} --library-path {libraries}:{libraries}/android "
        f'{root / _TOOLS / name} "$@"\n'
    )
    script.chmod(0o755)
    return script


def _connect(phone: Phone, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and phone.process.poll() is None:
        socket = Path(phone.environment["ADB_SERVER_SOCKET"].partition(":")[2])
        if socket.exists() and phone.connect(SERIAL):
            return
        time.sleep(0.1)
    raise NoPhoneError(f"adbd does not start: {log.read_text('utf-8', 'replace')}")
