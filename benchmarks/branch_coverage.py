"""Lines and branches that the unit tests run, room by room: ``tox -e coverage``.

Reads what ``coverage json`` wrote (``coverage.json``) and prints a table.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

COUNTS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def rooms(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Return the counts of coverage.py added up by room, a module at the top by its own name."""
    counts: dict[str, Counter[str]] = {}
    for file, facts in sorted(files.items()):
        room = Path(file).parts[1].removesuffix(".py")
        counts.setdefault(room, Counter()).update({name: facts["summary"][name] for name in COUNTS})
    return counts


def table(counts: Mapping[str, Counter[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, a row per room and one for all."""
    yield "| room | lines | run | branches | taken |"
    yield "|---|---|---|---|---|"
    whole = sum(counts.values(), Counter[str]())
    for room, count in [*counts.items(), ("**all**", whole)]:
        lines, run, branches, taken = (count[name] for name in COUNTS)
        shares = f"{_share(run, lines)} | {branches:,} | {_share(taken, branches)}"
        yield f"| {room} | {lines:,} | {shares} |"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def main() -> int:
    """Print the table."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "coverage.json")
    print("\n".join(table(rooms(json.loads(path.read_text(encoding="utf-8"))["files"]))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
