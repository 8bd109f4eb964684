"""The command line. Importing it imports only click; each command imports the rooms it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from edgeq import __version__
from edgeq.cli.accept import accept
from edgeq.cli.bundle import bundle
from edgeq.cli.challenge import challenge
from edgeq.cli.compare import compare
from edgeq.cli.doctor import doctor
from edgeq.cli.explain import explain
from edgeq.cli.gate import gate
from edgeq.cli.init import init
from edgeq.cli.repair import repair
from edgeq.cli.report import report
from edgeq.cli.store import store
from edgeq.cli.target import target
from edgeq.cli.verify import verify
from edgeq.errors import EdgeqError

__all__ = ["edgeq", "main"]

EXIT_INTERRUPTED = 130


class InOrder(click.Group):
    """Lists its commands in the order in which a project needs them, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands, in the order in which they were added."""
        return list(self.commands)


@click.group(
    cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="edgeq", message="%(prog)s %(version)s")
def edgeq() -> None:
    """The regression gate for quantized edge models.

    Says whether a quantized model may ship in place of its float baseline: each variant is
    rejected, not judged, unproven or cleared. Begin with `edgeq init` in your project's folder.
    Exit codes: 0 nothing fails, 1 a case fails, 2 bad input, 130 interrupted.
    """


for command in (
    init,
    doctor,
    gate,
    explain,
    accept,
    compare,
    challenge,
    repair,
    report,
    verify,
    bundle,
    store,
    target,
):
    edgeq.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; errors become one line on standard error."""
    _open_closed_streams()
    try:
        code = edgeq.main(arguments, prog_name="edgeq", standalone_mode=False)
    except EdgeqError as error:
        sys.stderr.write(f"edgeq: {' '.join(str(error).split())}\n")
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("edgeq: interrupted\n")
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else 0


def _open_closed_streams() -> None:
    """Open a standard stream that the caller closed, so that no file gets its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
