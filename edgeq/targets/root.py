"""A folder with a Debian system's Python, LiteRT and what else a worker needs, made without root.

The packages are unpacked, not installed. The loader in the folder starts the Python in it, so that
nothing of the machine around it is used but its kernel.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from edgeq.errors import EdgeqError
from edgeq.store.content import Entry
from edgeq.targets import fetching
from edgeq.targets.fetching import fetch_packages, fetch_wheels, own_mirror
from edgeq.targets.parts import Supply, cache, hashed, pack, unpack
from edgeq.words import size

PARTS = "parts"
SUITE = "trixie"
"""Debian release, with qemu 10.0 and Mesa 25. The qemu 7.2 of the previous release crashes LiteRT
2.3, and LiteRT's GPU accelerator refuses its Mesa 22."""
PYTHON = "3.13"
"""Python version of that release."""
RUNTIME = "ai-edge-litert"

_LOADERS = {"aarch64": "ld-linux-aarch64.so.1", "x86_64": "ld-linux-x86-64.so.2"}
_DEBIAN = {"aarch64": "arm64", "x86_64": "amd64"}
MACHINES = frozenset(_DEBIAN)
"""Architectures for which LiteRT has wheels."""
_PACKAGES = (f"python{PYTHON}-minimal", f"libpython{PYTHON}-stdlib", "libstdc++6")
_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
_UNUSED = re.compile(
    rf"usr/lib/python{re.escape(PYTHON)}/"
    r"(test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|pydoc_data)/|"
    r"usr/lib/[^/]+/(gconv|perl|ossl-modules|engines-3)/|"
    r"usr/lib/llvm|usr/lib/[^/]+/libLLVM-|"
    r"usr/lib/[^/]+/libvulkan_(?!lvp)"  # the driver that needs no GPU is the one that is used
)


@dataclass(frozen=True, kw_only=True)
class Root:
    """What such a folder consists of.

    Attributes:
        kind: Kind of the targets that use it, for which the user's cache has a store.
        machine: Architecture, one of ``MACHINES``.
        packages: Debian packages beyond Python's own, for that architecture.
        wheels: Requirements beyond LiteRT and numpy.
        tools: Programs for this machine: the path in its package by the package's name.
        has_tools: Whether this machine has the tools already, so that they need not be fetched.
        extra: Regular expression of files that are kept beyond programs and libraries.
    """

    kind: str
    machine: str
    packages: tuple[str, ...] = ()
    wheels: tuple[str, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    has_tools: bool = False
    extra: str | None = None

    @property
    def facts(self) -> dict[str, str]:
        """What it is made for; the runtime is the version that is installed here."""
        facts = {"machine": self.machine, RUNTIME: version(RUNTIME), "python": PYTHON}
        return {**facts, "with": ", ".join(self.packages)} if self.packages else facts

    def find(self, name: str) -> Entry:
        """Return the entry made last, verified.

        Raises:
            EdgeqError: There is none.
        """
        store = cache(self.kind)
        fitting = [
            (key, known)
            for key, known in store.described(PARTS)
            if all(known.get(fact) == value for fact, value in self.facts.items())
        ]

        def made(key_and_facts: tuple[str, object]) -> int:
            return (store.root / PARTS / key_and_facts[0] / "entry.json").stat().st_mtime_ns

        for _, known in sorted(fitting, key=made, reverse=True):
            entry = store.find(PARTS, known)
            if entry is not None:
                return entry
        raise EdgeqError(
            f"is not prepared for {RUNTIME} {version(RUNTIME)}",
            where=name,
            remedy=f"Run: edgeq target add {name}",
        )

    def prepare(self, name: str, supply: Supply) -> Iterator[str]:
        """Fetch its parts, unpack them into the user's cache, and yield lines for people.

        Raises:
            EdgeqError: A part can't be fetched, or a file of parts can't be used.
        """
        store = cache(self.kind)
        with store.scratch("fetching") as folder:
            if supply.file is not None:
                facts, paths = unpack(supply.file, folder)
                if facts != self.facts:
                    raise EdgeqError(
                        f"holds the parts of another target: {_described(facts)}, not "
                        f"{_described(self.facts)}",
                        where=supply.file,
                        remedy=f"Write it with: edgeq target add {name} --save FILE",
                    )
                yield f"read       {supply.file}"
            else:
                facts, paths = self.facts, _fetch(self, supply, folder)
            if supply.save is not None:
                pack(supply.save, facts, paths)
                yield f"saved      {supply.save}"
            parts = hashed(paths)
            entry = store.get_or_make(
                PARTS, {**facts, "parts": parts}, lambda place: _unpack(self, place, paths)
            )
        for part, sha in parts.items():
            yield f"part       {part}  sha256 {sha}"
        yield f"{'made' if entry.made else 'was there':<11}{entry.folder}"

    def libraries(self, folder: str | Path) -> str:
        """Return the folder of the libraries in the root below ``folder``."""
        return f"{folder}/root/usr/lib/{self.machine}-linux-gnu"

    def python(self, folder: str | Path) -> list[str]:
        """Return the command that starts the Python of a root that lies in ``folder``."""
        libraries = self.libraries(folder)
        loader = f"{libraries}/{_LOADERS[self.machine]}"
        return [loader, "--library-path", libraries, f"{folder}/root/usr/bin/python{PYTHON}"]

    def environment(self, folder: str | Path) -> dict[str, str]:
        """Return the variables that this Python needs."""
        return {
            "PYTHONHOME": f"{folder}/root/usr",
            "PYTHONPATH": f"{folder}/site",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",  # so that the folder keeps the content that was hashed
        }


def _described(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in sorted(facts.items()))


def _fetch(root: Root, supply: Supply, folder: Path) -> list[Path]:
    tools = [] if root.has_tools else [f"{package}:HOST" for package in root.tools]
    names = [*_PACKAGES, *root.packages, *tools]
    mirror = supply.mirror or own_mirror()
    supply.say(f"fetching packages of Debian {SUITE} from {mirror}")
    packages = fetch_packages(
        names, machine=_DEBIAN[root.machine], suite=SUITE, mirror=mirror, folder=folder
    )
    supply.say(f"fetched {len(packages)} packages, {size(sum(p.stat().st_size for p in packages))}")
    wheels = fetch_wheels(
        [f"{RUNTIME}=={version(RUNTIME)}", "numpy>=2,<3", *root.wheels],
        python=PYTHON,
        platforms=[f"{platform}_{root.machine}" for platform in _PLATFORMS],
        folder=folder,
    )
    supply.say(f"fetched {len(wheels)} wheels, {size(sum(w.stat().st_size for w in wheels))}")
    return [*packages, *wheels]


def _unpack(root: Root, place: Path, paths: Sequence[Path]) -> None:
    """Unpack the needed contents of the parts into an entry's folder."""
    links: dict[str, str] = {}
    for path in paths:
        package = path.name.split("_")[0]
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                wheel.extractall(place / "site")
        elif package in root.tools:
            tool = root.tools[package]
            fetching.extract(path, place / "host", tool.__eq__)
            (place / "bin").mkdir(exist_ok=True)
            shutil.move(place / "host" / tool, place / "bin" / Path(tool).name)
            shutil.rmtree(place / "host")
        else:
            links |= fetching.extract(path, place / "root", lambda file: _is_needed(root, file))
    fetching.copy_links(place / "root", links)


def _is_needed(root: Root, path: str) -> bool:
    if root.extra is not None and re.fullmatch(root.extra, path):
        return True
    if path.startswith("lib/"):
        return True
    needed = path.startswith("usr/lib/") or path == f"usr/bin/python{PYTHON}"
    return needed and _UNUSED.match(path) is None
