"""``edgeq gate``: runs the shipped suite without a test file."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from edgeq.cli.options import config_option, targets_option

SUITE = "edgeq.gate.suite"
SETTINGS = Path(__file__).parents[1] / "gate" / "pytest.ini"
PLUGINS = ("edgeq.plugin", "benchmark", "edgeq.gate.shipped")


@click.command(
    short_help="Make, run and judge every declared variant.",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@config_option
@targets_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST ARGUMENTS]...")
def gate(config: Path | None, arguments: tuple[str, ...], targets: tuple[str, ...]) -> int:
    """Make, run and judge every declared variant; write reports/latest/.

    Runs the shipped suite in the current folder, without any test file, with the spec found here
    or in a parent folder, or else the built-in one. All other arguments go to pytest:

    \b
      edgeq gate -m "not latency"     without the timed cases (markers: size, agreement,
                                      accuracy, latency, memory, proof)
      edgeq gate -k int8              variants or gates with that name
      edgeq gate --lf -x              those that failed last time, until one fails again
      edgeq gate -v                   with each failure in full, as pytest shows it
      edgeq gate --benchmark-sort=name    with pytest-benchmark's table of times

    The project's own pytest settings and conftest.py files are meant for its own tests and are
    ignored; PYTEST_ADDOPTS applies. To run the gate with your own tests, put
    `from edgeq.gate import *` into a test file (edgeq init writes one) and run pytest.

    The exit code: 0 nothing fails, 1 a case fails or has no verdict, 2 bad input, 5 no such case.
    """  # noqa: D301 - click reads the escaped mark
    import pytest

    named = [word for name in targets for word in ("--edgeq-target", name)]
    if config is not None:
        named += ["--edgeq-config", str(config)]
    return int(pytest.main(pytest_arguments((*named, *arguments))))


def pytest_arguments(arguments: tuple[str, ...]) -> list[str]:
    """Return the arguments for pytest; if single tests of the suite are named, only they run."""
    chosen = any(argument.startswith(f"{SUITE}::") for argument in arguments)
    return [
        *("-c", str(SETTINGS), "--rootdir=.", "--noconftest", "--no-header"),
        *(word for name in PLUGINS for word in ("-p", name)),
        # This plugin imports all of Hypothesis at the end of a session that has no such tests.
        *("-p", "no:hypothesispytest"),
        # This one collects garbage five times at its end, to find what was raised in destructors.
        *("-p", "no:unraisableexception"),
        *("--edgeq-command", shlex.join(["edgeq", "gate", *arguments])),
        "--pyargs",
        *([] if chosen else [SUITE]),
        *arguments,
    ]
