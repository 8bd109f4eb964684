"""A phone or board with Android, reached with ``adb``. It runs a bundle, as it has no Python.

``edgeq target add`` sends the bundle once. The worker itself travels in the command line, models
are received into unnamed files, and the worker ends when its standard input does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial

from edgeq.config.target_kinds import Adb
from edgeq.errors import EdgeqError
from edgeq.run.targets import Ended, Explanation, Target
from edgeq.targets import bundle
from edgeq.targets.parts import Supply


def start(name: str, settings: Adb) -> Target:
    """Return the command line that starts the worker on a phone.

    Raises:
        EdgeqError: There is no adb, or the target was not added.
    """
    packed = bundle.bundle(name, settings.machine, settings.folder)
    # On a phone the folder for temporary files is not /tmp.
    starting = f'export TMPDIR="{settings.folder}"; {packed.starting}; exit $?'
    return Target(name, _shell(name, settings, starting), explain=partial(explain, name, settings))


def prepare(name: str, settings: Adb, supply: Supply) -> Iterator[str]:
    """Fetch the bundle, send it to the phone, and yield lines for people.

    Raises:
        EdgeqError: A part can't be fetched, or the phone does not take the bundle.
    """
    _shell(name, settings, "")  # before anything is fetched for an adb that is missing
    yield from bundle.prepare(
        name,
        settings.machine,
        settings.folder,
        supply,
        command=partial(_shell, name, settings),
        explain=partial(explain, name, settings),
    )


def _shell(name: str, settings: Adb, text: str) -> tuple[str, ...]:
    """Return the command that runs a shell command on the phone; it keeps exit code and output."""
    if shutil.which(settings.adb) is None:
        raise EdgeqError(
            f"there is no {settings.adb!r} here",
            where=name,
            remedy="Install Android's platform tools (Debian: apt-get install adb), or name the "
            "program with `adb`",
        )
    chosen = () if settings.serial is None else ("-s", settings.serial)
    return (settings.adb, *chosen, "shell", "-T", text)


_REASONS = {
    "no devices": ("adb sees no phone", "Connect one, and switch on USB debugging"),
    "not found": ("adb does not see the phone {serial}", "Check `serial` with: adb devices"),
    "more than one": (
        "adb sees several phones",
        "Choose one with `serial`: adb devices lists them",
    ),
    "unauthorized": ("the phone does not trust this machine", "Answer the question on its screen"),
    "offline": ("the phone {serial} is offline", "Reconnect it, or run: adb reconnect"),
    "cannot connect to daemon": ("adb's server does not run", "Run: adb start-server"),
    "closed": ("the phone closed the connection", "Check that it is awake, and run again"),
}


def explain(name: str, settings: Adb, ended: Ended) -> Explanation | None:
    """Return what an exit code of ``adb`` means, None if it is the worker's own."""
    last = bundle.last_line(ended)
    if ended.code == 1 and ended.greeted:
        return Explanation(
            f"the connection to the phone was lost ({last})",
            "Check the cable and that the phone is on, and run again",
        )
    if ended.code == 1:
        for words, (what, remedy) in _REASONS.items():
            if words in last:
                return Explanation(f"{what.format(serial=settings.serial or '')} ({last})", remedy)
    return bundle.explain(name, settings.machine, settings.folder, ended)
