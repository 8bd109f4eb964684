"""An emulated arm64 board: qemu, Debian's kernel, busybox and dropbear, started without root.

It has no Python. Its root lies in memory, and its network reaches nothing but this machine's
forwarded port.
"""

from __future__ import annotations

import gzip
import lzma
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edgeq.errors import EdgeqError
from edgeq.targets import fetching
from edgeq.targets.fetching import fetch_packages, own_mirror
from edgeq.targets.root import SUITE

BOOT_S = 120.0
ANSWER_S = 5.0
_SYSTEM = ("busybox-static", "dropbear-bin", "linux-image-cloud-arm64")
_PARTS = (
    "busybox",
    "dropbear",
    "linux-image-6",
    "libc6",
    "libcrypt1",
    "libgmp10",
    "libtom",
    "zlib1g",
)
_MODULES = ("net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net")
_FOLDERS = (
    *("dev", "proc", "sys", "tmp", "var", "var/tmp", "run", "root", "root/.ssh", "etc"),
    *("etc/dropbear", "bin", "usr", "usr/bin", "usr/sbin", "usr/lib"),
    *("usr/lib/aarch64-linux-gnu", "modules"),
)
_INIT = b"""#!/usr/bin/busybox sh
/usr/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/usr/sbin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts; mount -t devpts pts /dev/pts
for module in failover net_failover virtio_net; do insmod /modules/$module.ko; done
ifconfig lo up; ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
echo board is up
exec dropbear -R -F -E -s
"""


class NoBoardError(Exception):
    """The board can't be had on this machine."""


@dataclass(frozen=True)
class Board:
    """A running board.

    Attributes:
        port: Port of its ssh server on 127.0.0.1.
        identity: The private key that it lets root in with.
        config: A configuration for ``ssh -F``, for a host key that is new with every board.
    """

    port: int
    identity: Path
    config: Path


@contextmanager
def running(folder: Path) -> Iterator[Board]:
    """Fetch, build and boot a board.

    Raises:
        NoBoardError: A part can't be fetched, or it does not boot.
    """
    system, emulator = folder / "system", folder / "emulator"
    host = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    _unpack(_SYSTEM, "arm64", _PARTS, system)
    _unpack(("qemu-system-arm",), host, ("",), emulator)
    identity, config, log = folder / "identity", folder / "ssh_config", folder / "board.log"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", identity], check=True)
    config.write_text(
        f"Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile {folder / 'known_hosts'}\n"
    )
    initrd = folder / "initrd.gz"
    initrd.write_bytes(_initrd(system, identity.with_suffix(".pub").read_bytes()))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    (libraries,) = (path for path in emulator.glob("usr/lib/*-linux-gnu") if path.is_dir())
    (loader,) = list(libraries.glob("ld-linux-*.so.*"))
    (kernel,) = system.glob("boot/vmlinuz-*")
    command = [str(loader), "--library-path", f"{libraries}:{libraries}/pulseaudio"]
    command += [str(emulator / "usr/bin/qemu-system-aarch64"), "-machine", "virt", "-smp", "2"]
    command += ["-cpu", "cortex-a76", "-m", "1024", "-nographic", "-no-reboot"]
    command += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", "console=ttyAMA0 quiet"]
    forward = f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"
    command += ["-netdev", forward, "-device", "virtio-net-pci,netdev=net,romfile="]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + BOOT_S
        while b"board is up" not in log.read_bytes() or not _answers(port):
            if time.monotonic() > end or process.poll() is not None:
                raise NoBoardError(f"it does not boot: {log.read_text('utf-8', 'replace')[-500:]}")
            time.sleep(0.5)
        yield Board(port, identity, config)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    """Return whether the board's ssh server answers; on a busy machine it begins late."""
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port), ANSWER_S) as connection,
    ):
        return connection.recv(4) == b"SSH-"
    return False


def _unpack(names: tuple[str, ...], machine: str, parts: tuple[str, ...], root: Path) -> None:
    """Fetch packages, and unpack those whose names begin with one of ``parts``."""
    place = root.with_suffix(".packages")
    place.mkdir()
    try:
        packages = fetch_packages(
            names, machine=machine, suite=SUITE, mirror=own_mirror(), folder=place
        )
    except EdgeqError as error:
        raise NoBoardError(f"its parts can't be fetched: {error}") from error
    links: dict[str, str] = {}
    for package in packages:
        if package.name.startswith(parts):
            links |= fetching.extract(package, root, _is_needed)
    fetching.copy_links(root, links)


def _is_needed(path: str) -> bool:
    if path.startswith("usr/lib/modules/"):
        return path.endswith(tuple(f"{module}.ko.xz" for module in _MODULES))
    return path.startswith(
        ("usr/bin/", "usr/sbin/", "usr/lib/", "lib/", "boot/", "usr/share/qemu/")
    )


def _initrd(system: Path, key: bytes) -> bytes:
    """Return the board's root as a compressed cpio archive ("newc")."""
    archive = bytearray()

    def add(name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        path = name.encode() + b"\0"
        fields = (1, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(path), 0)
        archive.extend(b"070701" + b"".join(b"%08X" % field for field in fields) + path)
        archive.extend(bytes(-len(archive) % 4) + content)
        archive.extend(bytes(-len(archive) % 4))

    for name in _FOLDERS:
        add(name, 0o40755)
    add("lib", 0o120777, b"usr/lib")
    for pattern in ("usr/bin/*", "usr/sbin/dropbear", "usr/lib/aarch64-linux-gnu/*.so*"):
        for path in system.glob(pattern):
            add(str(path.relative_to(system)), 0o100755, path.read_bytes())
    for path in system.glob("usr/lib/ld-linux*"):
        add(str(path.relative_to(system)), 0o100755, path.read_bytes())
    for module in _MODULES:
        (path,) = system.glob(f"usr/lib/modules/*/kernel/{module}.ko.xz")
        content = lzma.decompress(path.read_bytes())
        add(f"modules/{path.name.removesuffix('.xz')}", 0o100644, content)
    add("root/.ssh/authorized_keys", 0o100600, key)
    add("etc/passwd", 0o100644, b"root::0:0:root:/root:/bin/sh\n")
    add("etc/shells", 0o100644, b"/bin/sh\n")
    add("init", 0o100755, _INIT)
    add("dev/console", 0o20600, b"", (5, 1))
    add("TRAILER!!!", 0)
    return gzip.compress(bytes(archive), 6)
