"""Prose that reads as translated: ``python -m benchmarks.prose [--each] [FOLDER ...]``.

Looks through the documentation and through every string and docstring of the package for turns of
phrase that a native speaker would not write, and shows what to write instead. It finds patterns,
not style: a text without a hit may still be unclear.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_INDENT = re.compile(r"\n[ \t]+")


@dataclass(frozen=True)
class Rule:
    """A pattern that reads as translated.

    Attributes:
        pattern: What to look for, without regard to case.
        advice: What to write instead.
    """

    pattern: re.Pattern[str]
    advice: str

    @classmethod
    def of(cls, pattern: str, advice: str) -> Rule:
        """Return the rule of a regular expression; a space in it matches any white space."""
        return cls(re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE), advice)


_COMPARED = (
    "(more|less|longer|larger|slower|faster|worse|better|greater|further|smaller|fewer|other|one|"
    r"such|doubt|way|use)\b"
)

RULES = (
    Rule.of(rf"\b(?<!there\s)(is|are|was|were) no (?!{_COMPARED})\w+", "is not a"),
    Rule.of(r"\b(none|true|false|empty|nothing) where\b", "if"),
    Rule.of(
        r"\bwhere (there (is|are|was|were)|it (is|was) (not|none|known|unknown)|nothing|nobody"
        r"|none|no|possible|needed)\b",
        "if",
    ),
    Rule.of(r"\bheld against\b", "compared with"),
    Rule.of(r"\bby turns\b", "alternately"),
    Rule.of(r"\banew\b", "again, or rebuild"),
    Rule.of(r"\bmend(s|ed|ing)?\b", "fix, repair"),
    Rule.of(r"\bmore special\b", "more specific"),
    Rule.of(r"\b(can't|cannot|could not|can) be had\b", "is (not) available"),
    Rule.of(r"\bso-man", "every n-th"),
    Rule.of(r"\bfor longest\b", "least recently"),
    Rule.of(r"\breplaced? by your own\b", "replace with your own"),
    Rule.of(r"\bfor ever\b", "forever"),
    Rule.of(r"\bsees? to (that|it)\b", "say what it does"),
    Rule.of(r"\bnot? of use\b", "is not useful"),
    Rule.of(r"\bpart (by|from) (no|at most|more|less)\b", "differ by"),
    Rule.of(r"\bits ones?\b", "its own"),
    Rule.of(r"\bdoes so\b", "say what it does"),
)
"""Turns of phrase, and what a native speaker writes."""


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each passage: a document, or a module's strings."""
    content = path.read_text("utf-8")
    if path.suffix != ".py":
        yield (
            1,
            re.sub(
                r"```.*?```", lambda block: "\n" * block[0].count("\n"), content, flags=re.DOTALL
            ),
        )
        return
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, _INDENT.sub("\n", node.value)


def hits(path: Path) -> Iterator[tuple[int, str, Rule]]:
    """Yield the line, the words and the rule of each hit in a file."""
    for start, text in texts(path):
        for rule in RULES:
            for match in rule.pattern.finditer(text):
                line = start + text.count("\n", 0, match.start())
                yield line, " ".join(match[0].split()), rule


def files(folders: list[Path]) -> list[Path]:
    """Return the documents and modules in some folders, or the files themselves, in order."""
    every = [
        path
        for folder in folders
        for path in ((folder,) if folder.is_file() else folder.rglob("*"))
    ]
    return sorted(
        path for path in every if path.suffix in {".py", ".md", ".j2"} and "_site" not in path.parts
    )


DEFAULT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs", "edgeq")]


def main() -> None:
    """Print how often each pattern stands in each file, and on request where."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", nargs="*", type=Path, default=DEFAULT)
    parser.add_argument("--each", action="store_true", help="list every place")
    arguments = parser.parse_args()
    count: Counter[str] = Counter()
    for path in files(arguments.folder):
        for line, words, rule in hits(path):
            count[rule.advice] += 1
            if arguments.each:
                print(f"{path}:{line}: {words!r}: {rule.advice}")
    print(f"{sum(count.values())} turns of phrase that read as translated:")
    for advice, times in count.most_common():
        print(f"{times:5} better: {advice}")


if __name__ == "__main__":
    main()
