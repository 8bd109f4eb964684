"""Texts of others in formats of ours: shown as they are, never obeyed. Pure."""

from __future__ import annotations

import re
import unicodedata

_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;", "$": "&#36;"}
_SIGNS = re.compile(r"[\\`*_\[\]~]")
_REFERENCE = re.compile(r"(?<!\w)([@#])(?=\w)")
_LINK = re.compile(r"(?i)\b(https?|ftp)(://)|\b(www)(\.)")


def printable(text: str) -> str:
    """Return text on one line, with every control or direction character as ``?``."""
    one_line = " ".join(text.split())
    return "".join("?" if unicodedata.category(sign)[0] == "C" else sign for sign in one_line)


def markdown(text: str) -> str:
    """Return text that Markdown shows as it is: no markup, HTML, link, mention or table border."""
    plain = _REFERENCE.sub("\\1\u200b", printable(text))
    plain = _LINK.sub(lambda found: f"{found[1] or found[3]}\u200b{found[2] or found[4]}", plain)
    return _SIGNS.sub(r"\\\g<0>", "".join(_ENTITIES.get(sign, sign) for sign in plain))


def columns(text: str) -> int:
    """Return how many columns of a terminal a printable text takes."""
    return sum(
        0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )


def fitted(text: str, width: int) -> str:
    """Return a printable text, cut with ``~`` at its end where it takes more columns."""
    if columns(text) <= width:
        return text
    while columns(text) > width - 1:
        text = text[:-1]
    return f"{text}~"


def wrapped(text: str, width: int, *, indent: str = "") -> list[str]:
    """Return a printable text as lines of at most ``width`` columns.

    Args:
        text: Broken between words; a word that is longer than a line is cut.
        width: More than the indent's.
        indent: Before every line but the first.
    """
    lines, line = [], ""
    for word in text.split(" "):
        rest = f"{line} {word}" if line else word
        if columns(rest) > width:
            if line.strip():
                lines.append(line)
            rest = indent + word
        while columns(rest) > width:
            end = next(n for n in range(len(rest), 0, -1) if columns(rest[:n]) <= width)
            lines.append(rest[:end])
            rest = indent + rest[end:]
        line = rest
    return [*lines, line]
