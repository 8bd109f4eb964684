"""How many bound names say what a thing is: ``python -m benchmarks.names [--each] [FOLDER]``.

Walks the syntax trees of the package and counts every name that is bound: variables, arguments,
attributes of ``self``, loop and comprehension targets, ``with ... as``. Names such as ``found`` or
``one`` tell when a thing came about, not what it is; the share of those is shown, and with
``--each`` the functions that bind them.
"""

from __future__ import annotations

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

VAGUE = frozenset(
    {"one", "found", "said", "told", "kept", "held", "taken", "wanted", "made", "got"}
)


def bound(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each bound name of a module with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.arg(arg=name):
                yield name, node.lineno
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.ExceptHandler(name=str(name)):
                yield name, node.lineno


def main() -> None:
    """Print the share of vague names, and on request where they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("edgeq"))
    parser.add_argument("--each", action="store_true", help="list every place")
    arguments = parser.parse_args()
    count: Counter[str] = Counter()
    total = 0
    for path in sorted(arguments.folder.rglob("*.py")):
        for name, line in bound(ast.parse(path.read_text("utf-8"))):
            total += 1
            if name.strip("_") in VAGUE:
                count[name] += 1
                if arguments.each:
                    print(f"{path}:{line}: {name}")
    vague = sum(count.values())
    print(f"{vague} of {total} bound names are vague ({vague / max(total, 1):.1%}):")
    print(", ".join(f"{name} {times}" for name, times in count.most_common()))


if __name__ == "__main__":
    main()
