"""Finds the project of a session: the spec nearest to its tests.

In a repository with several projects, pytest is often called from the root. The location of a test
then determines its project, not the folder where pytest was called.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edgeq.errors import SpecError

OWN_FILE = "edgeq.toml"
SHARED_FILE = "pyproject.toml"
NAME = b"edgeq"

_DEEPEST = 4
_MAX_FOLDERS = 5000
_MAX_NAMED = 3
_PASSED_OVER = {"node_modules", "site-packages", "venv", "env", "build", "dist", "__pycache__"}


def nearest_spec(folder: Path) -> Path | None:
    """Return the nearest spec file, searching from a folder upwards, None if there is none.

    Raises:
        SpecError: A ``pyproject.toml`` that mentions edgeq can't be read.
    """
    specs = (spec_in(candidate) for candidate in (folder, *folder.parents))
    return next((spec for spec in specs if spec is not None), None)


def spec_in(folder: Path) -> Path | None:
    """Return the spec file in a folder, None if there is none.

    The raw bytes are checked first, so that projects without edgeq don't load the parsers.

    Raises:
        SpecError: A ``pyproject.toml`` that mentions edgeq can't be read.
    """
    own, shared = folder / OWN_FILE, folder / SHARED_FILE
    if own.is_file():
        return own
    if not shared.is_file():
        return None
    from edgeq.io.files import read_whole

    try:
        if NAME not in read_whole(shared):
            return None
    except OSError:
        return None  # tests that need a spec report that there is none
    from edgeq.config.load import find_spec_file

    return shared if find_spec_file(folder) == shared else None


def asked_folders(config: pytest.Config) -> tuple[Path, ...]:
    """Return the distinct folders where pytest was asked to look for tests.

    Module names (``--pyargs``) and paths that don't exist are ignored.
    """
    start = config.invocation_params.dir
    paths = (start / argument.partition("::")[0] for argument in config.args)
    folders = (path if path.is_dir() else path.parent for path in paths if path.exists())
    return tuple(dict.fromkeys(Path(os.path.normpath(folder)) for folder in folders))


def is_whole(config: pytest.Config, root: Path) -> bool:
    """Return whether pytest was asked for all tests of a project, not only for some folders."""
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        return root.is_relative_to(config.rootpath)
    return any(root.is_relative_to(folder) for folder in asked_folders(config))


def spec_of_session(config: pytest.Config) -> Path | None:
    """Return the spec of a session before its tests are known.

    It is the nearest to the arguments, else to the folder where pytest was called, else to pytest's
    root folder. None if there is none or if the arguments belong to several projects; the tests
    then decide.

    Raises:
        SpecError: A ``pyproject.toml`` that mentions edgeq can't be read.
    """
    named = dict.fromkeys(nearest_spec(folder) for folder in asked_folders(config))
    named.pop(None, None)
    if len(named) > 1:
        return None
    return next(iter(named), None) or spec_elsewhere(config)


def spec_of_test(config: pytest.Config, test: Path) -> Path | None:
    """Return a test's spec: the nearest to its file, else to the folder where pytest was called.

    The location of a suite given by module name, somewhere among the installed packages, says
    nothing about the project.

    Raises:
        SpecError: A ``pyproject.toml`` that mentions edgeq can't be read.
    """
    if any(test.is_relative_to(folder) for folder in asked_folders(config)):
        return nearest_spec(test.parent) or spec_elsewhere(config)
    return spec_elsewhere(config)


def spec_elsewhere(config: pytest.Config) -> Path | None:
    """Return the nearest spec to the folder where pytest was called, else to its root folder."""
    return nearest_spec(Path(config.invocation_params.dir)) or nearest_spec(config.rootpath)


def no_spec(config: pytest.Config, test: Path) -> SpecError:
    """Return the error for a test without a spec, which names the spec that was probably meant."""
    start = Path(config.invocation_params.dir)
    base = config.rootpath if start.is_relative_to(config.rootpath) else start
    meant = _by_nearness(_specs_below(base), test)
    if meant:
        names = [os.path.relpath(file, start) for file in meant[:_MAX_NAMED]]
        others = f" (or {', '.join(names[1:])})" if names[1:] else ""
        remedy = (
            f"{names[0]}{others} was probably meant: name it with --edgeq-config {names[0]}, or "
            f"move the test below {Path(names[0]).parent}"
        )
    else:
        remedy = (
            "Write one with `edgeq init`; `edgeq gate` alone validates the built-in models "
            "without a spec"
        )
    return SpecError(
        f"no spec: neither an {OWN_FILE} nor a {SHARED_FILE} with [tool.edgeq] in its folder or "
        "above",
        where=os.path.relpath(test, start),
        remedy=remedy,
    )


def two_specs(config: pytest.Config, first: Path | None, second: Path | None) -> SpecError:
    """Return the error for tests of two projects in one session."""
    start = Path(config.invocation_params.dir)
    files = [os.path.relpath(file, start) for file in (first, second) if file is not None]
    calls = " and ".join(f"`pytest {Path(file).parent}`" for file in files)
    return SpecError(
        f"tests of two projects in one session, of {' and of '.join(files)}",
        remedy=f"Run pytest once for each: {calls}; or name one spec with --edgeq-config",
    )


def _specs_below(base: Path) -> Iterator[Path]:
    """Yield the specs below a folder, limited in depth and without installed packages."""
    for number, (folder, below, _) in enumerate(os.walk(base)):
        if number >= _MAX_FOLDERS:
            return
        here = Path(folder)
        deep = len(here.relative_to(base).parts) >= _DEEPEST
        below[:] = [] if deep else sorted(name for name in below if not _is_passed_over(name))
        with suppress(SpecError, OSError):
            if (spec := spec_in(here)) is not None:
                yield spec


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name in _PASSED_OVER


def _by_nearness(files: Iterable[Path], test: Path) -> list[Path]:
    """Return files sorted by the number of folders that they share with a test, then by depth."""

    def apart(file: Path) -> tuple[int, int, str]:
        shared = len(Path(os.path.commonpath([file.parent, test.parent])).parts)
        return -shared, len(file.parts), str(file)

    return sorted(files, key=apart)
