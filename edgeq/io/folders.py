"""Folders that take the place of others, so that a kill leaves one or the other."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

from edgeq.io.files import flush_folder

_HERE = -100
"""``AT_FDCWD``: relative paths start from the current folder."""
_EXCHANGE = 2
"""``RENAME_EXCHANGE`` of https://man7.org/linux/man-pages/man2/rename.2.html"""


def replace_folder(target: Path, new: Path) -> None:
    """Let a new folder take the place of another, which is not there any more then.

    Where the system can exchange two names at once, ``target`` names a whole folder at any moment;
    ``new`` names the old one in the end and is its owner's to remove. Elsewhere the old one is set
    aside for a moment, and ``restore_folder`` brings it back if the process ends between.

    Args:
        target: The folder to replace, which need not be there.
        new: The new one, on the same file system.

    Raises:
        OSError: Neither can be renamed. ``target`` is what it was.
    """
    if not target.exists():
        new.rename(target)
    elif not exchanged(new, target):
        _set_aside(target, new)
    flush_folder(target.parent)


def restore_folder(target: Path) -> None:
    """Bring back a folder that a killed process had set aside, or remove what it had replaced.

    Raises:
        OSError: It can't be renamed.
    """
    aside = _aside(target)
    if not aside.is_dir():
        return
    if target.exists():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.rename(target)


def exchanged(one: Path, other: Path) -> bool:
    """Exchange two names at once; return whether the system and the file system can do that."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return bool(rename(_HERE, paths[0], _HERE, paths[1], _EXCHANGE) == 0)


def _set_aside(target: Path, new: Path) -> None:
    aside = _aside(target)
    shutil.rmtree(aside, ignore_errors=True)
    target.rename(aside)
    try:
        new.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.before")
