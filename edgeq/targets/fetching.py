"""Fetches parts: Debian packages with the machine's own apt, and wheels with its own pip.

No host is named here: apt's mirrors, proxies and keys are the machine's, and so are pip's indexes.
apt works in a folder of its own, so that nothing is installed and no root rights are needed. Both
verify what they fetch, apt by the mirror's signature and pip by the index's hashes.

A Debian package is an ``ar`` archive whose member ``data.tar.*`` holds the files.
"""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from edgeq.errors import EdgeqError
from edgeq.targets.tools import run_tool

TIMEOUT_S = 900.0
OFFLINE = "On a machine with a network use --save FILE, and --from FILE here"
_MAGIC, _HEADER = b"!<arch>\n", 60


def own_mirror() -> str:
    """Return the address of the Debian mirror that this machine uses.

    Raises:
        EdgeqError: The machine has no apt, or apt has no such mirror.
    """
    if shutil.which("apt-get") is None:
        raise EdgeqError("there is no apt-get here to fetch packages with", remedy=OFFLINE)
    text = _run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Label: Debian"],
        "apt-get",
    )
    sites = [line.split()[0] for line in text.splitlines() if line.endswith(" main")]
    if not sites:
        raise EdgeqError(
            "apt knows no mirror of Debian here",
            remedy="Run `apt-get update`, name a mirror with --mirror URL, or use --from FILE",
        )
    return sites[0]


def fetch_packages(
    names: Sequence[str], *, machine: str, suite: str, mirror: str, folder: Path
) -> list[Path]:
    """Fetch Debian packages and everything that they depend on into a folder, and return them.

    Args:
        names: Names of packages, ``NAME`` for the target machine or ``NAME:HOST`` for this one.
        machine: Debian's name of the architecture.
        suite: Debian release.
        mirror: Address of the mirror.
        folder: An empty folder, also used for apt's state.

    Raises:
        EdgeqError: The packages can't be fetched.
    """
    state, archives = folder / "apt", folder / "apt" / "cache" / "archives"
    for part in ("lists/partial", "cache/archives/partial", "sources"):
        (state / part).mkdir(parents=True)
    host = _run(["dpkg", "--print-architecture"], "dpkg").strip()
    keys = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed = f"Signed-By: {keys}\n" if keys.is_file() else ""
    (state / "sources" / "edgeq.sources").write_text(
        f"Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n"
        f"Architectures: {host} {machine}\n{signed}",
        encoding="utf-8",
    )
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": state / "sources",
        "Dir::State::lists": state / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::State::extended_states": state / "extended_states",
        "Dir::Cache": state / "cache",
        "Dir::Cache::archives": archives,
        "APT::Architecture": machine,
        "APT::Sandbox::User": "root",  # keeps the rights of the current user
        "APT::Install-Recommends": "false",
        "APT::Keep-Downloaded-Packages": "true",
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",
        "Debug::NoLocking": "true",
    }
    words = [text for key, value in options.items() for text in ("-o", f"{key}={value}")]
    words += ["-o", f"APT::Architectures::={machine}", "-o", f"APT::Architectures::={host}"]
    apt = ["apt-get", "-q", *words]
    _run([*apt, "update"], "apt-get update")
    here_or_there = [name.replace(":HOST", f":{host}") for name in names]
    _run(
        [*apt, "-y", "--download-only", "install", *here_or_there],
        "apt-get install --download-only",
    )
    return sorted(archives.glob("*.deb"))


def fetch_wheels(
    requirements: Sequence[str], *, python: str, platforms: Sequence[str], folder: Path
) -> list[Path]:
    """Fetch wheels for another machine with pip, without their dependencies, and return them.

    Raises:
        EdgeqError: There is no pip, or it does not find the wheels.
    """
    chosen = [text for platform in platforms for text in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", python, "--implementation", "cp", *chosen, "-d", str(folder)]
    _run([*command, *requirements], "pip download")
    return sorted(folder.glob("*.whl"))


def _run(command: Sequence[str], name: str) -> str:
    return run_tool(command, name=name, timeout_s=TIMEOUT_S, remedy=OFFLINE, own_environment=True)


def extract(package: Path, folder: Path, keep: Callable[[str], bool]) -> dict[str, str]:
    """Write a package's regular files below a folder, and return its links, which are not created.

    Returns:
        The target of every needed link by the link's path, both relative to the root.

    Raises:
        EdgeqError: The file is not a package, or its compression is not supported by Python.
    """
    links: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_data(package.read_bytes()))) as files:
            for member in files:
                path = PurePosixPath(member.name)
                if not keep(str(path)) or ".." in path.parts:
                    continue
                content = files.extractfile(member) if member.isreg() else None
                if content is not None:
                    _write(content, folder / path, executable=bool(member.mode & 0o100))
                elif member.issym():
                    links[str(path)] = _resolved(path.parent, member.linkname)
                elif member.islnk():
                    links[str(path)] = str(PurePosixPath(member.linkname))
    except (OSError, tarfile.TarError, ValueError) as error:
        raise EdgeqError(f"is not a package that can be read: {error}", where=package) from error
    return links


def _write(content: IO[bytes], file: Path, *, executable: bool) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with content, file.open("wb") as copy:
        shutil.copyfileobj(content, copy)
    file.chmod(0o755 if executable else 0o644)


def copy_links(folder: Path, links: dict[str, str]) -> None:
    """Put copies in place of links, which may refer to each other in any order.

    A copy has a sha256 of its own, and no path can lead out of the folder.
    """
    for path in links:
        target, hops = path, 0
        while target in links and hops < len(links):
            target, hops = links[target], hops + 1
        source = folder / target
        if source.is_file() and not (folder / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / path)


def _resolved(parent: PurePosixPath, link: str) -> str:
    """Return a link's target relative to the root, without ``..``."""
    steps: list[str] = []
    for step in (PurePosixPath("/") / parent / link).parts[1:]:
        if step == "..":
            del steps[-1:]
        else:
            steps.append(step)
    return "/".join(steps)


def _data(archive: bytes) -> bytes:
    """Return the member of a package that holds its files.

    Raises:
        ValueError: There is no such member.
    """
    if not archive.startswith(_MAGIC):
        raise ValueError("no ar archive")
    place = len(_MAGIC)
    while place + _HEADER <= len(archive):
        header = archive[place : place + _HEADER]
        name, size = header[:16].decode("ascii", "replace").strip().rstrip("/"), int(header[48:58])
        place += _HEADER
        if name.startswith("data.tar"):
            return archive[place : place + size]
        place += size + size % 2
    raise ValueError("no data.tar in it")
