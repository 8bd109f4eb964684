"""OpenSSH's own server in a private root on 127.0.0.1, and ssh's configuration to reach it.

The server's package is fetched by the machine's own apt and unpacked, not installed. As root the
server needs a user and a folder of its own, which it gets in a mount namespace.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE_S

PACKAGES = ("openssh-server", "libwrap0")


class NoServerError(Exception):
    """The server can't be had on this machine."""


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        config: A configuration for ``ssh -F`` in which the host is called ``board``.
        identity: The private key that it lets in.
        stranger: A private key that it does not let in.
        port: On 127.0.0.1.
        process: Of the server itself.
    """

    config: Path
    identity: Path
    stranger: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def connections(self) -> list[int]:
        """The processes of its connections now."""
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(pid) for pid in children.stdout.split()]


def unpacked(folder: Path) -> Path:
    """Return the root of an unpacked server.

    Raises:
        NoServerError: There is no apt, or the package can't be fetched.
    """
    root = folder / "root"
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NoServerError("needs apt-get and dpkg-deb")
    fetched = subprocess.run(
        ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *PACKAGES],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    if fetched.returncode:
        raise NoServerError(f"apt-get can't fetch openssh-server: {fetched.stderr.strip()}")
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    return root


@contextmanager
def serving(folder: Path, root: Path) -> Iterator[Server]:
    """Run the server of an unpacked package, with keys made for it.

    Args:
        folder: For keys and configuration.
        root: From ``unpacked``.
    """
    for name in ("host", "identity", "stranger"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
        )
    shutil.copyfile(folder / "identity.pub", folder / "authorized_keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder / 'host'}\n"
        f"AuthorizedKeysFile {folder / 'authorized_keys'}\nStrictModes no\n"
        "PidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\nMaxStartups 100\n"
    )
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    (folder / "ssh_config").write_text(
        f"Host board\n  HostName 127.0.0.1\n  User {user}\n  Port {port}\n"
        f"Host *\n  UserKnownHostsFile {folder / 'known_hosts'}\n  GlobalKnownHostsFile none\n"
    )
    command = [str(root / "usr/sbin/sshd"), "-D", "-e", "-f", str(folder / "sshd_config")]
    if os.geteuid() == 0:
        command = _as_root(folder, command)
    environment = {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(_libraries(root))}
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stderr=log, stdout=log, start_new_session=True
        )
    try:
        _wait(port, process, folder / "sshd.log")
        yield Server(folder / "ssh_config", folder / "identity", folder / "stranger", port, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _libraries(root: Path) -> list[str]:
    return [str(path) for path in root.glob("usr/lib/*") if path.is_dir()]


def _as_root(folder: Path, command: list[str]) -> list[str]:
    """Return the command in a mount namespace that holds the server's user and folder."""
    users = Path("/etc/passwd").read_text().splitlines()
    # bash would run the start-up files of whoever runs the tests before each command.
    mine = [f"{line.rpartition(':')[0]}:/bin/sh" for line in users if line[:5] != "sshd:"]
    (folder / "passwd").write_text(
        "\n".join([*mine, "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin", ""])
    )
    script = (
        'mount --bind "$1" /etc/passwd && mount -t tmpfs none /run && mkdir -m 755 /run/sshd'
        ' && shift && exec "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", script, "sh", str(folder / "passwd"), *command]


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise NoServerError(f"sshd does not start: {log.read_text('utf-8', 'replace')}")
