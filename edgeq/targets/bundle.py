"""A bundle of Python, numpy and LiteRT for a machine that has none of them.

It is made of the same parts as an emulated machine, without what a worker never opens, and packed
into one archive. The archive is sent to the machine once, into a folder that is named by its
sha256, and its own loader starts it there.

The worker itself is an argument of ``python -c``, as edgeq is not installed there.
"""

from __future__ import annotations

import ast
import base64
import gzip
import os
import re
import shlex
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeq.errors import EdgeqError
from edgeq.io.files import sha256_file
from edgeq.io.syntax import syntax_tree
from edgeq.processes.environment import allowed, without_proxies
from edgeq.run.targets import WORKER, Ended, Explanation
from edgeq.targets.parts import Supply, cache
from edgeq.targets.root import Root
from edgeq.words import size

STORE, LAYOUT = "bundle", 1
FILE = "bundle.tgz"
COMPLETE = "edgeq-bundle-is-complete"
"""Last file of the archive, which a truncated one lacks."""
NOT_THERE, OTHER_MACHINE, NOT_WRITABLE, DAMAGED = 71, 72, 73, 74
"""Exit codes of the shell on the machine."""
NOT_EXECUTABLE, NO_COMMAND = 126, 127
PUSH_TIMEOUT_S = 1800.0

_LIBRARIES = (
    r"ld-linux|libc\.|libm\.|libmvec|libdl|libpthread|librt|libutil|libstdc\+\+|libgcc_s|libz\.|"
    r"libexpat|libffi|libbz2|liblzma"
)
_KEPT = re.compile(
    rf"root/usr/bin/python[\d.]+|root/usr/lib/python[\d.]+/.*|"
    rf"root/usr/lib/[^/]+-linux-gnu/({_LIBRARIES})[^/]*|site/.*"
)
_UNUSED = re.compile(
    r"site/ai_edge_litert/(vendors|aot|tools)/.*|site/.*WebGpu.*|site/(.*/)?tests?/.*|"
    r"site/numpy/(f2py|typing|_core/include|random/lib)/.*|site/.*\.(pyi|a|h)|"
    r"root/usr/lib/python[\d.]+/(lib-dynload/_test\w*|config-\w*|unittest/|asyncio/).*"
)
TOO_OLD = 78
"""Exit code of a Python that is too old for the worker."""

MAX_CHARACTERS = 9000
"""Longest command that dropbear takes, the ssh server of many small boards."""


@dataclass(frozen=True)
class Bundle:
    """An archive for a machine, and where it goes there.

    Attributes:
        sha256: Of the archive.
        root: What it was made of.
        folder: The folder there below which it is unpacked; ``~`` is the user's home.
    """

    archive: Path
    sha256: str
    root: Root
    folder: str

    @property
    def place(self) -> str:
        """Where it lies there, as a shell reads it between double quotes."""
        folder = self.folder.replace("~", "$HOME", 1) if self.folder[0] == "~" else self.folder
        return f"{folder}/edgeq-{self.sha256[:16]}"

    @property
    def starting(self) -> str:
        """The shell command that starts the worker there."""
        place = '"$edgeq"'
        variables = " ".join(
            f"{key}={value}" for key, value in self.root.environment(place).items()
        )
        python = " ".join(self.root.python(place))
        return (
            f'edgeq="{self.place}"; [ -f "$edgeq/{COMPLETE}" ] || exit {NOT_THERE}; '
            f"{variables} {python} -c {shlex.quote(travelling(WORKER.read_bytes()))}"
        )

    @property
    def receiving(self) -> str:
        """The shell command that unpacks the archive there, from standard input."""
        return (
            f'edgeq="{self.place}"; [ -f "$edgeq/{COMPLETE}" ] && exit 0; '
            f'[ "$(uname -m)" = {self.root.machine} ] || '
            f"{{ uname -m >&2; exit {OTHER_MACHINE}; }}; "
            'rm -rf "$edgeq" "$edgeq.part"; '
            f'mkdir -p "$edgeq.part" && cd "$edgeq.part" || exit {NOT_WRITABLE}; '
            # A pipeline's end is tar's, so that gzip's failure is noted in a file.
            "{ gzip -dc || : >damaged; } | tar -xf - && [ ! -e damaged ] && "
            f'[ -f {COMPLETE} ] && cd .. && mv "$edgeq.part" "$edgeq" '
            f'|| {{ rm -rf "$edgeq.part"; exit {DAMAGED}; }}'
        )


def bundle(name: str, machine: str, folder: str) -> Bundle:
    """Return the bundle for a machine, packed from parts that were fetched before.

    Raises:
        EdgeqError: The target was not added.
    """
    root = Root(kind=STORE, machine=machine)
    parts = root.find(name)
    entry = cache(STORE).get_or_make(
        "archive",
        {"parts": parts.folder.name, "layout": LAYOUT},
        lambda place: pack(parts.folder, place / FILE),
    )
    archive = entry.folder / FILE
    return Bundle(archive, sha256_file(archive), root, folder)


def pack(parts: Path, archive: Path) -> None:
    """Pack what a worker needs of a root into an archive; the same root gives the same bytes."""
    names = sorted(str(path.relative_to(parts)) for path in parts.rglob("*") if path.is_file())
    with (
        archive.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in names:
            if _KEPT.fullmatch(name) and not _UNUSED.fullmatch(name):
                header = tarfile.TarInfo(name)
                stat = (parts / name).stat()
                header.size, header.mode = stat.st_size, 0o755 if stat.st_mode & 0o100 else 0o644
                with (parts / name).open("rb") as content:
                    tar.addfile(header, content)
        tar.addfile(tarfile.TarInfo(COMPLETE))


def prepare(
    name: str,
    machine: str,
    folder: str,
    supply: Supply,
    *,
    command: Callable[[str], Sequence[str]],
    explain: Callable[[Ended], Explanation | None],
) -> Iterator[str]:
    """Fetch the parts, pack them, send the archive, and yield lines for people.

    Raises:
        EdgeqError: A part can't be fetched, or the machine does not take the archive.
    """
    yield from Root(kind=STORE, machine=machine).prepare(name, supply)
    packed = bundle(name, machine, folder)
    length = size(packed.archive.stat().st_size)
    supply.say(f"sending {length} to {name}, unless it is there")
    push(name, packed, command(packed.receiving), explain, os.environ)
    yield f"there      {packed.place} ({length} packed, sha256 {packed.sha256})"


def push(
    name: str,
    packed: Bundle,
    command: Sequence[str],
    explain: Callable[[Ended], Explanation | None],
    environment: Mapping[str, str],
) -> None:
    """Send an archive to a machine that unpacks it, unless it is there.

    Raises:
        EdgeqError: The machine can't be reached or does not take it.
    """
    try:
        with packed.archive.open("rb") as archive:
            done = subprocess.run(  # noqa: S603 - the command of a target is the user's own
                command,
                stdin=archive,
                capture_output=True,
                check=False,
                timeout=PUSH_TIMEOUT_S,
                env=without_proxies(allowed(environment, remote=True)),
            )
    except subprocess.TimeoutExpired as error:
        raise EdgeqError(f"was not sent within {PUSH_TIMEOUT_S:g} s", where=name) from error
    except OSError as error:
        raise EdgeqError(f"{command[0]} can't be run: {error}", where=name) from error
    if done.returncode:
        ended = Ended(done.returncode, done.stderr.decode("utf-8", "replace"), greeted=False)
        known = explain(ended) or Explanation(
            f"does not take the bundle: exit code {ended.code} ({last_line(ended)})",
            f"Run there by hand: {packed.receiving}",
        )
        raise EdgeqError(known.what, where=name, remedy=known.remedy)


def explain(name: str, machine: str, folder: str, ended: Ended) -> Explanation | None:
    """Return what an exit code of the shell there means, None if it is not one of its own."""
    if ended.greeted:
        return None
    meanings = {
        NOT_THERE: ("the bundle is not there", f"Run: edgeq target add {name}"),
        OTHER_MACHINE: (
            f"the machine there is {last_line(ended)}, not {machine}",
            "Correct `machine` in the target's table",
        ),
        NOT_WRITABLE: (
            f"the folder {folder} can't be written there ({last_line(ended)})",
            "Name another with `folder`",
        ),
        DAMAGED: (
            f"the bundle was not received whole or not unpacked there ({last_line(ended)})",
            "Free 100 MB there, check that it has tar and gzip, and run it again",
        ),
    }
    if ended.code in {NOT_EXECUTABLE, NO_COMMAND}:
        return Explanation(
            f"the bundle can't be started there ({last_line(ended)})",
            f"If {folder} permits no programs, name another with `folder`; otherwise remove the "
            f"bundle there and run: edgeq target add {name}",
        )
    return Explanation(*meanings[ended.code]) if ended.code in meanings else None


def last_line(ended: Ended) -> str:
    """Return the last line that a command wrote before it ended."""
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    return lines[-1] if lines else "it gives no reason"


def travelling(worker: bytes) -> str:
    """Return code for ``python -c`` that runs a worker, or reports that this Python is too old.

    The home folder, which ``-c`` puts first in the import path, is removed from it. What the worker
    does not need to run, comments and docstrings, stays here.
    """
    packed = base64.b85encode(zlib.compress(_bare(worker), 9)).decode()
    return (
        "import sys;sys.version_info>=(3,9) or (sys.stderr.write('Python %d.%d'%"
        f"sys.version_info[:2]),sys.stderr.flush(),sys.exit({TOO_OLD}));"
        "sys.path[:]=filter(None,sys.path);"
        "import base64,zlib;"
        f"exec(compile(zlib.decompress(base64.b85decode('{packed}')),'worker.py','exec'))"
    )


def _bare(source: bytes) -> bytes:
    """Return Python source without comments and docstrings."""
    tree = syntax_tree(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            continue
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode()
