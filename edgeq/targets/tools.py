"""Runs external programs: compilers, apt and pip."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeq.errors import EdgeqError
from edgeq.processes.environment import allowed

_ERRORS = ("E:", "ERROR:")


def run_tool(
    command: Sequence[str],
    *,
    name: str,
    timeout_s: float,
    where: Path | None = None,
    remedy: str | None = None,
    own_environment: bool = False,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run a program and return its standard output.

    Args:
        command: Program and arguments; no shell interprets them.
        name: Name of the program in errors.
        timeout_s: Seconds after which it is stopped.
        where: The file that it processes, for errors.
        remedy: What to do if it fails.
        own_environment: Whether it inherits all of this process's variables, as the user's own
            package tools must in order to find mirrors and proxies.
        variables: Further variables for it.

    Raises:
        EdgeqError: The program can't be started, fails or takes too long.
    """
    try:
        done = subprocess.run(  # noqa: S603 - only the tools needed for targets are run
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            env={
                **(os.environ if own_environment else allowed(os.environ)),
                **(variables or {}),
            },
        )
    except subprocess.TimeoutExpired as error:
        raise EdgeqError(
            f"{name} was stopped after {timeout_s:g} s", where=where, remedy=remedy
        ) from error
    except OSError as error:
        raise EdgeqError(f"{name} can't be run: {error}", where=where, remedy=remedy) from error
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        marked = [line for line in lines if line.startswith(_ERRORS)]
        reason = [*marked[:1], *lines[-1:], "no reason given"][0]
        raise EdgeqError(f"{name} failed: {reason}", where=where, remedy=remedy)
    return done.stdout
