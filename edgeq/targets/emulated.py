"""An arm64 machine emulated by qemu, with Debian's Python for arm64 and LiteRT's wheels unpacked.

Nothing is installed and no root rights are needed: the emulator starts the loader in the unpacked
root, which starts its Python. Outputs are those of arm64's kernels. Latency and memory are the
emulator's own and mean nothing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edgeq.config.target_kinds import Emulated
from edgeq.errors import EdgeqError
from edgeq.run.targets import WORKER, Ended, Explanation, Target
from edgeq.targets.parts import Supply
from edgeq.targets.root import Root

KIND = "emulated"
MIN_QEMU = 8


def start(name: str, settings: Emulated) -> Target:
    """Return the command line that starts the worker in the emulator.

    Raises:
        EdgeqError: The target was not added, or its emulator no longer exists.
    """
    root = Root(kind=KIND, machine=settings.machine)
    folder = root.find(name).folder
    emulator = folder / "bin" / f"qemu-{settings.machine}"
    if not emulator.is_file():
        emulator = _own_emulator(settings.machine) or emulator
    if not emulator.is_file():
        raise EdgeqError(
            "was prepared with an emulator of the machine's own, which is gone",
            where=name,
            remedy=f"Run: edgeq target add {name}",
        )
    guest = root.environment(folder).items()
    command = [str(emulator), "-cpu", settings.cpu]
    command += [text for key, value in guest for text in ("-E", f"{key}={value}")]
    command += [text for key in ("LD_LIBRARY_PATH", "LD_PRELOAD") for text in ("-U", key)]
    command += [*root.python(folder), "-P", str(WORKER)]
    explained = partial(explain, settings, emulator)
    return Target(name, tuple(command), local_files=True, explain=explained)


def explain(settings: Emulated, emulator: Path, ended: Ended) -> Explanation | None:
    """Return what an emulator's end means, None if it is the worker's own."""
    if ended.greeted or "CPU model" not in ended.output:
        return None
    known = ", ".join(_printed(str(emulator), "-cpu", "help").split()[2:])  # "Available CPUs:"
    return Explanation(
        f"qemu has no processor {settings.cpu!r} ({ended.output.strip()})",
        f"Set cpu to one that it has: {known}",
    )


def prepare(name: str, settings: Emulated, supply: Supply) -> Iterator[str]:
    """Fetch what the emulated machine needs, and yield lines for people.

    Raises:
        EdgeqError: A part can't be fetched, or a file of parts can't be used.
    """
    emulator = {"qemu-user": f"usr/bin/qemu-{settings.machine}"}
    has_own = _own_emulator(settings.machine) is not None
    root = Root(kind=KIND, machine=settings.machine, tools=emulator, has_tools=has_own)
    yield from root.prepare(name, supply)


def _own_emulator(machine: str) -> Path | None:
    """Return an emulator on PATH that is recent enough, None if there is none."""
    for name in (f"qemu-{machine}", f"qemu-{machine}-static"):
        path = shutil.which(name)
        if path is not None and _version(path) >= MIN_QEMU:
            return Path(path)
    return None


def _version(emulator: str) -> int:
    """Return the major version of an emulator, 0 if it does not report one."""
    match = re.search(r"version (\d+)", _printed(emulator, "--version"))
    return int(match[1]) if match else 0


def _printed(emulator: str, *options: str) -> str:
    """Return what an emulator prints, an empty string if it does not run."""
    try:
        done = subprocess.run(  # noqa: S603 - edgeq's own, or a program on PATH
            [emulator, *options], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
