"""Checks that a release is whole: ``python -m benchmarks.release vX.Y.Z``.

The tag, ``edgeq.__version__``, the changelog and ``CITATION.cff`` must name the same version, and
the changelog must say what is in it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def problems(tag: str, root: Path = ROOT) -> list[str]:
    """Return what keeps a tag from being released, one sentence each.

    Args:
        tag: The tag, for example ``"v1.2.3"``.
        root: The repository.
    """
    if not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tag):
        return [f"{tag} is not a tag such as v1.2.3"]
    version = tag.removeprefix("v")
    found = []
    for name, pattern in (
        ("edgeq/__init__.py", r'(?m)^__version__ = "(.+)"$'),
        ("CITATION.cff", r"(?m)^version: (.+)$"),
    ):
        match = re.search(pattern, (root / name).read_text(encoding="utf-8"))
        if match is None or match[1] != version:
            found.append(f"{name} has version {match[1] if match else 'none'}, the tag {version}")
    return found + _changelog(version, (root / "CHANGELOG.md").read_text(encoding="utf-8"))


def _changelog(version: str, text: str) -> list[str]:
    sections = dict(re.findall(r"(?ms)^## \[(.+?)\][^\n]*\n(.*?)(?=^## |\Z)", text))
    if not sections.get(version, "").strip():
        return [f"CHANGELOG.md has no section [{version}] that says what is in it"]
    if sections.get("Unreleased", "").strip():
        return ["CHANGELOG.md still has changes under Unreleased"]
    return []


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the problems of a tag; return 1 if there are any."""
    tags = sys.argv[1:] if arguments is None else list(arguments)
    found = problems(tags[0] if len(tags) == 1 else "")
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
