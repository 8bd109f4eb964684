"""An arm64 machine emulated by qemu, with Debian's Python for arm64 and LiteRT's wheels unpacked.

Nothing is installed and no root rights are needed: the emulator starts the loader in the unpacked
root, which starts its Python. Outputs are those of arm64's kernels. Latency and memory are the
emulator's own and mean nothing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from edgeq.config.target_kinds import Emulated
from edgeq.errors import EdgeqError
from edgeq.run.targets import WORKER, Target
from edgeq.store.content import Entry
from edgeq.targets import debian
from edgeq.targets.fetching import fetch_packages, fetch_wheels, own_mirror
from edgeq.targets.parts import Supply, cache, hashed, pack, unpack
from edgeq.words import size

KIND, PARTS = "emulated", "parts"
SUITE = "trixie"
"""Debian release, with qemu 10.0. The qemu 7.2 of the previous release crashes LiteRT 2.3."""
PYTHON = "3.13"
"""Python version of that release."""
LEAST_QEMU = 8

_DEBIAN = {"aarch64": "arm64"}
_PACKAGES = (f"python{PYTHON}-minimal", f"libpython{PYTHON}-stdlib", "libstdc++6")
_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
_RUNTIME = "ai-edge-litert"
_UNUSED = re.compile(
    rf"usr/lib/python{re.escape(PYTHON)}/"
    r"(test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|pydoc_data)/|"
    r"usr/lib/[^/]+/(gconv|perl|ossl-modules|engines-3)/"
)


def start(name: str, settings: Emulated) -> Target:
    """Return the command line that starts the worker in the emulator.

    Raises:
        EdgeqError: The target was not added, or its emulator no longer exists.
    """
    entry = _entry(settings)
    if entry is None:
        raise EdgeqError(
            f"is not prepared for {_RUNTIME} {version(_RUNTIME)}",
            where=name,
            remedy=f"Run: edgeq target add {name}",
        )
    root, libraries = entry.folder / "root", f"usr/lib/{settings.machine}-linux-gnu"
    emulator = entry.folder / "bin" / f"qemu-{settings.machine}"
    if not emulator.is_file():
        emulator = _own_emulator(settings.machine) or emulator
    if not emulator.is_file():
        raise EdgeqError(
            "was prepared with an emulator of the machine's own, which is gone",
            where=name,
            remedy=f"Run: edgeq target add {name}",
        )
    guest = {
        "PYTHONHOME": str(root / "usr"),
        "PYTHONPATH": str(entry.folder / "site"),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # so that the cache keeps the content that was hashed
    }
    command = [str(emulator), "-cpu", settings.cpu]
    command += [text for key, value in guest.items() for text in ("-E", f"{key}={value}")]
    command += [text for key in ("LD_LIBRARY_PATH", "LD_PRELOAD") for text in ("-U", key)]
    command += [
        str(root / libraries / f"ld-linux-{settings.machine}.so.1"),
        "--library-path",
        str(root / libraries),
        str(root / "usr" / "bin" / f"python{PYTHON}"),
        "-P",
        str(WORKER),
    ]
    return Target(name, tuple(command), local_files=True)


def prepare(name: str, settings: Emulated, supply: Supply) -> Iterator[str]:
    """Fetch what the emulated machine needs, and yield lines for people.

    Raises:
        EdgeqError: A part can't be fetched, or a file of parts can't be used.
    """
    with tempfile.TemporaryDirectory(prefix="edgeq-target-") as temporary:
        folder = Path(temporary)
        if supply.file is not None:
            facts, paths = unpack(supply.file, folder)
            needed = _facts(settings)
            if facts != needed:
                raise EdgeqError(
                    f"holds the parts of another target: {_described(facts)}, not "
                    f"{_described(needed)}",
                    where=supply.file,
                    remedy=f"Write it with: edgeq target add {name} --save FILE",
                )
            yield f"read       {supply.file}"
        else:
            facts, paths = _facts(settings), _fetch(settings, supply, folder)
        if supply.save is not None:
            pack(supply.save, facts, paths)
            yield f"saved      {supply.save}"
        parts = hashed(paths)
        entry = cache(KIND).get_or_make(
            PARTS, {**facts, "parts": parts}, lambda place: _unpack(place, settings, paths)
        )
    for part, sha in parts.items():
        yield f"part       {part}  sha256 {sha}"
    yield f"{'made' if entry.made else 'was there':<11}{entry.folder}"


def _facts(settings: Emulated) -> dict[str, str]:
    return {"machine": settings.machine, _RUNTIME: version(_RUNTIME), "python": PYTHON}


def _described(facts: dict[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in sorted(facts.items()))


def _entry(settings: Emulated) -> Entry | None:
    """Return the entry with the parts unpacked last, verified, None if there is none."""
    store = cache(KIND)
    facts = _facts(settings)
    fitting = [
        (key, known)
        for key, known in store.described(PARTS)
        if all(known.get(name) == value for name, value in facts.items())
    ]

    def made(key_and_facts: tuple[str, object]) -> int:
        return (store.root / PARTS / key_and_facts[0] / "entry.json").stat().st_mtime_ns

    for _, known in sorted(fitting, key=made, reverse=True):
        entry = store.find(PARTS, known)
        if entry is not None:
            return entry
    return None


def _fetch(settings: Emulated, supply: Supply, folder: Path) -> list[Path]:
    emulator = _own_emulator(settings.machine)
    names = [*_PACKAGES, *([] if emulator else ["qemu-user:HOST"])]
    mirror = supply.mirror or own_mirror()
    supply.say(f"fetching packages of Debian {SUITE} from {mirror}")
    packages = fetch_packages(
        names, machine=_DEBIAN[settings.machine], suite=SUITE, mirror=mirror, folder=folder
    )
    supply.say(f"fetched {len(packages)} packages, {size(sum(p.stat().st_size for p in packages))}")
    wheels = fetch_wheels(
        [f"{_RUNTIME}=={version(_RUNTIME)}", "numpy>=2,<3"],
        python=PYTHON,
        platforms=[f"{platform}_{settings.machine}" for platform in _PLATFORMS],
        folder=folder,
    )
    supply.say(f"fetched {len(wheels)} wheels, {size(sum(w.stat().st_size for w in wheels))}")
    return [*packages, *wheels]


def _unpack(place: Path, settings: Emulated, paths: Sequence[Path]) -> None:
    """Unpack the needed contents of the parts into an entry's folder."""
    emulator = f"usr/bin/qemu-{settings.machine}"
    links: dict[str, str] = {}
    for path in paths:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                wheel.extractall(place / "site")
        elif path.name.startswith("qemu-user_"):
            debian.extract(path, place / "host", lambda file: file == emulator)
            (place / "bin").mkdir()
            shutil.move(place / "host" / emulator, place / "bin" / f"qemu-{settings.machine}")
            shutil.rmtree(place / "host")
        else:
            links |= debian.extract(path, place / "root", _is_needed)
    debian.copy_links(place / "root", links)


def _is_needed(path: str) -> bool:
    if path.startswith("lib/"):
        return True
    needed = path.startswith("usr/lib/") or path == f"usr/bin/python{PYTHON}"
    return needed and _UNUSED.match(path) is None


def _own_emulator(machine: str) -> Path | None:
    """Return an emulator on PATH that is recent enough, None if there is none."""
    for name in (f"qemu-{machine}", f"qemu-{machine}-static"):
        path = shutil.which(name)
        if path is not None and _version(path) >= LEAST_QEMU:
            return Path(path)
    return None


def _version(emulator: str) -> int:
    """Return the major version of an emulator, 0 if it does not report one."""
    try:
        done = subprocess.run(  # noqa: S603 - a program on PATH
            [emulator, "--version"], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r"version (\d+)", done.stdout)
    return int(match[1]) if match else 0
