"""The word for what a model is judged on: images or photographs, or samples if they are arrays."""

from __future__ import annotations

import re

_QUOTED = "|".join(
    (
        r"`[^`]*`",
        r"\[[^\]]*\]",
        *(rf"(?<!\w){mark}(?:(?!{mark}).)*{mark}(?!\w)" for mark in ("'", '"', "&#39;", "&#34;")),
        r"\S*[/_=]\S*",
        r"\w+\.\w+\S*",
    )
)
"""What stays as it is: names, keys, paths and commands."""
_CROPS = re.compile(r"([\d,]+) crops of ([\d,]+) photographs")
_WORDS = re.compile(rf"({_QUOTED})|\b(an? )?(image|photograph|photo|crop)(s?)\b", re.IGNORECASE)
_TEXTS = re.compile(r"(?<=>)[^<]+(?=<)")


def of_arrays(sentence: str) -> str:
    """Return a sentence about images as one about samples; names and paths stay as they are."""
    counted = _CROPS.sub(r"\1 samples (\2 of them independent)", sentence)
    return _WORDS.sub(_sample, counted)


def page_of_arrays(html: str) -> str:
    """Return a part of a page with each of its texts as ``of_arrays`` gives it."""
    return _TEXTS.sub(lambda text: of_arrays(text[0]), html)


def _sample(match: re.Match[str]) -> str:
    quoted, article, word, plural = match.groups()
    if quoted is not None:
        return str(quoted)
    before = "" if not article else "A " if article[0] == "A" else "a "
    return before + ("Sample" if word[0].isupper() and not article else "sample") + plural
