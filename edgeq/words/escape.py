"""Escaping of untrusted text for terminals, CI logs, HTML and Markdown.

Names from a model's file, a photograph or another person's record reach terminals and CI logs.
There a control character moves the cursor, a newline fakes a line of edgeq's, a direction character
changes the text that is shown, and some words are commands: a line that begins with ``::``
(GitHub), and ``##[`` or ``##vso[`` anywhere (GitHub before 2019, Azure, TeamCity).
"""

from __future__ import annotations

import re
import unicodedata

_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;", "$": "&#36;"}
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb]"
)
_COMMAND = re.compile(r"(?<!\S):(?=:)|#(?=#\w*\[)")
_SIGNS = re.compile(r"[\\`*_\[\]~]")
_REFERENCE = re.compile(r"(?<!\w)([@#])(?=\w)")
_LINK = re.compile(r"(?i)\b(https?|ftp)(://)|\b(www)(\.)")


def line(text: str) -> str:
    """Return text as one harmless line, with its spaces unchanged.

    Control and direction characters become ``?``, and a space is inserted into CI commands.
    """
    if not text.isascii() or not text.isprintable():
        text = "".join("?" if _is_hidden(sign) else sign for sign in text)
    return _COMMAND.sub(r"\g<0> ", text)


def printable(text: str) -> str:
    """Return text as ``line`` does, with single spaces, so that none can hide what follows."""
    return line(" ".join(text.split()))


def hidden(text: str) -> str:
    """Return text with control and direction characters as ``?``, and its lines unchanged."""
    return _HIDDEN.sub("?", text)


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in _HIDDEN_CATEGORIES


def markdown(text: str) -> str:
    """Return text that Markdown shows literally: no markup, HTML, link, mention, table border."""
    plain = _REFERENCE.sub("\\1\u200b", printable(text))
    plain = _LINK.sub(lambda match: f"{match[1] or match[3]}\u200b{match[2] or match[4]}", plain)
    return _SIGNS.sub(r"\\\g<0>", "".join(_ENTITIES.get(sign, sign) for sign in plain))


def columns(text: str) -> int:
    """Return the number of terminal columns that a printable text takes."""
    return sum(
        0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )


def shortened(text: str, longest: int) -> str:
    """Return a text of at most ``longest`` characters; one that was cut ends with an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def fitted(text: str, width: int) -> str:
    """Return a printable text, cut and ended with ``~`` if it takes more than ``width`` columns."""
    if columns(text) <= width:
        return text
    while columns(text) > width - 1:
        text = text[:-1]
    return f"{text}~"


def wrapped(text: str, width: int, *, indent: str = "") -> list[str]:
    """Return a printable text as lines of at most ``width`` columns.

    It is broken between words, and words longer than a line are cut. ``indent`` precedes every line
    but the first.
    """
    lines, line = [], ""
    for word in text.split(" "):
        rest = f"{line} {word}" if line else word
        if columns(rest) > width:
            if line.strip():
                lines.append(line)
            rest = indent + word
        while columns(rest) > width:
            fits = (n for n in range(len(rest), 0, -1) if columns(rest[:n]) <= width)
            # The rest of a cut word begins a line, where it must not be a command.
            end = next(n for n in fits if not rest[n:].startswith("::"))
            lines.append(rest[:end])
            rest = indent + rest[end:]
        line = rest
    return [*lines, line]
