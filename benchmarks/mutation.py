"""Mutation score of edgeq's own tests, module by module: ``python -m benchmarks.mutation``.

Runs mutmut on the rooms that make verdicts and on the intervals that they rest on, each mutant with
the tests that run its function, then on a sample of the other modules that ``[tool.mutmut]`` names.
Prints a table, and every survivor that ``tests/equivalent_mutants.toml`` does not argue away.

A mutant that changes nothing but a sentence (a text constant with a space in it) is counted apart:
sentences are for people, and tests that repeat them letter by letter prove nothing.

Exit code 1 if less than 95 % are killed, a survivor is not listed, more than 5 % are listed, or
what is listed did not survive.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import fnmatch
import json
import os
import random
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MUTANTS = Path("mutants")
EQUIVALENT = Path("tests/equivalent_mutants.toml")

WHOLE = (
    "edgeq/judge/*.py",
    "edgeq/measure/bootstrap.py",
    "edgeq/measure/clusters.py",
    "edgeq/measure/contrast.py",
    "edgeq/measure/planning.py",
    "edgeq/measure/statistics.py",
    "edgeq/plugin/junit.py",
    "edgeq/plugin/left_out.py",
    "edgeq/plugin/outcomes.py",
    "edgeq/plugin/shipped.py",
    "edgeq/plugin/transport.py",
    "edgeq/record/exit_code.py",
    "edgeq/record/ship_decision.py",
)
"""Modules whose every mutant is tested; of the others that are mutated, a sample is."""

SAMPLED = 300
SEED = 17
MIN_KILLED = 0.95
MAX_EQUIVALENT = 0.05

KILLED = frozenset({1, 3})
"""Exit codes of pytest by which mutmut knows a failed test or an error in pytest itself."""

TIMED_OUT = frozenset({-24, 24, 36, 152, 255})


@dataclass(frozen=True)
class Mutant:
    """A change to a function.

    Attributes:
        name: mutmut's name of it.
        module: File of the function, relative to the project.
        function: Dotted name of the function.
        was: Lines of the function that the change replaces, joined by spaces.
        becomes: Lines in their place.
        wording: Whether it changes nothing but a sentence.
        exit_code: pytest's exit code, None if it has not been tested.
    """

    name: str
    module: str
    function: str
    was: str
    becomes: str
    wording: bool
    exit_code: int | None

    @property
    def killed(self) -> bool:
        """Whether a test failed, or never came to an end."""
        return self.exit_code in KILLED | TIMED_OUT

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same if mutants before this one come or go."""
        return self.function, self.was, self.becomes


class _Sentences(ast.NodeTransformer):
    """Replaces every text constant that has a space in it."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        sentence = isinstance(node.value, str) and " " in node.value.strip()
        return ast.Constant("a sentence") if sentence else node


def _functions(source: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.parse(source).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for function in inner:
            if isinstance(function, ast.FunctionDef):
                yield function.name, function


def _lines(source: Sequence[str], function: ast.FunctionDef) -> list[str]:
    """Return the lines of a function below its ``def``, where no mutant's own name is."""
    start, end = function.lineno, function.end_lineno
    signature = source[start - 1].replace(function.name, "")
    return [signature.strip(), *(line.strip() for line in source[start:end])]


def _shape(function: ast.FunctionDef) -> str:
    nodes = [function.args, *function.body]
    return "".join(ast.dump(_Sentences().visit(node)) for node in nodes)


def mutants_of(module: str) -> list[Mutant]:
    """Return the mutants of a module that mutmut has generated, with what became of them."""
    meta = json.loads((MUTANTS / f"{module}.meta").read_text(encoding="utf-8"))
    codes: dict[str, int | None] = meta["exit_code_by_key"]
    if not codes:
        return []
    source = (MUTANTS / module).read_text(encoding="utf-8")
    lines = source.splitlines()
    functions = dict(_functions(source))
    shape = cache(lambda name: _shape(functions[name]))
    text = cache(lambda name: _lines(lines, functions[name]))
    mutants = []
    for name, code in codes.items():
        dotted, _, generated = name.rpartition(".")
        original = generated.rpartition("__mutmut_")[0] + "__mutmut_orig"
        changes = [
            line
            for line in difflib.ndiff(text(original), text(generated))
            if line.startswith(("-", "+"))
        ]
        plain = generated.rpartition("__mutmut_")[0].removeprefix("x_")
        mutants.append(
            Mutant(
                name=name,
                module=module,
                function=f"{dotted}.{plain.removeprefix('xǁ').replace('ǁ', '.')}",
                was=" ".join(line[2:] for line in changes if line.startswith("-")),
                becomes=" ".join(line[2:] for line in changes if line.startswith("+")),
                wording=shape(original) == shape(generated),
                exit_code=code,
            )
        )
    return mutants


def modules() -> list[str]:
    """Return the modules that mutmut has mutated, by name."""
    metas = sorted(MUTANTS.glob("edgeq/**/*.py.meta"))
    return [path.relative_to(MUTANTS).as_posix().removesuffix(".meta") for path in metas]


def whole(module: str) -> bool:
    """Return whether every mutant of a module is tested."""
    return any(fnmatch.fnmatch(module, pattern) for pattern in WHOLE)


def sample(mutants: Iterable[Mutant], size: int = SAMPLED, seed: int = SEED) -> list[Mutant]:
    """Draw mutants that change more than a sentence, the same ones from the same seed."""
    names = sorted(
        (mutant for mutant in mutants if not mutant.wording), key=lambda mutant: mutant.name
    )
    return random.Random(seed).sample(names, min(size, len(names)))  # noqa: S311 - no secret


def _mutmut(names: Iterable[str], children: int) -> None:
    """Generate what is not there yet, and test mutants by name or pattern."""
    command = ["mutmut", "run", "--max-children", str(children), *names]
    subprocess.run(command, check=True)


def equivalents(path: Path = EQUIVALENT) -> dict[tuple[str, str, str], str]:
    """Return the listed mutants with the argument why no test can tell each from the original."""
    listed = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    return {(entry["function"], entry["was"], entry["becomes"]): entry["why"] for entry in listed}


def _room(module: str) -> str:
    return module if whole(module) else f"{'/'.join(module.split('/')[:2])} (sample)"


def _row(name: str, mutants: Sequence[Mutant], listed: Iterable[tuple[str, str, str]]) -> str:
    counted = [mutant for mutant in mutants if not mutant.wording]
    killed = sum(mutant.killed for mutant in counted)
    equivalent = sum(mutant.key in listed for mutant in counted if not mutant.killed)
    timed_out = sum(mutant.exit_code in TIMED_OUT for mutant in counted)
    cells = (
        len(counted),
        killed,
        timed_out,
        equivalent,
        len(counted) - killed - equivalent,
        f"{killed / len(counted):.1%}" if counted else "",
        len(mutants) - len(counted),
    )
    return f"| {name} | {' | '.join(map(str, cells))} |"


def table(mutants: Sequence[Mutant], listed: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, a row per module and per sampled room."""
    columns = "mutants", "killed", "by time", "equivalent", "survived", "score", "wording"
    yield f"| module | {' | '.join(columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    for name in dict.fromkeys(_room(mutant.module) for mutant in mutants):
        yield _row(name, [one for one in mutants if _room(one.module) == name], listed)
    yield _row("**all**", mutants, listed)


def report(mutants: Sequence[Mutant], every: Sequence[Mutant] = ()) -> int:
    """Print the table and the survivors, return the exit code.

    Args:
        mutants: All that have been tested.
        every: All that exist, if these are all that have to be tested: then each listed mutant must
            be a survivor, or one that was not drawn.
    """
    listed = equivalents()
    print("\n".join(table(mutants, listed)))
    counted = [mutant for mutant in mutants if not mutant.wording]
    survivors = [mutant for mutant in counted if not mutant.killed]
    unlisted = [mutant for mutant in survivors if mutant.key not in listed]
    for mutant in unlisted:
        print(f"\nsurvived: {mutant.name}\n  - {mutant.was}\n  + {mutant.becomes}")
    tested = {mutant.key for mutant in mutants}
    valid = {mutant.key for mutant in survivors} | {one.key for one in every} - tested
    stale = listed.keys() - valid if every else set()
    for function, was, becomes in sorted(stale):
        print(f"\nlisted, but did not survive: {function}\n  - {was}\n  + {becomes}")
    killed = 1 - len(survivors) / max(len(counted), 1)
    equivalent = (len(survivors) - len(unlisted)) / max(len(counted), 1)
    sound = killed >= MIN_KILLED and equivalent <= MAX_EQUIVALENT
    return 0 if sound and not unlisted and not stale else 1


def main() -> int:
    """Test mutants and print what became of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "modules", nargs="*", help="dotted names, e.g. edgeq.judge.costs; all if none is given"
    )
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--table", action="store_true", help="test nothing: show what earlier runs found"
    )
    options = parser.parse_args()
    if not options.table:
        names = options.modules or [
            pattern.removesuffix(".py").replace("/", ".") for pattern in WHOLE
        ]
        _mutmut((f"{name.removesuffix('.*')}.*" for name in names), options.children)
    mutants = [mutant for module in modules() for mutant in mutants_of(module)]
    if options.modules:
        chosen = {f"{name.replace('.', '/')}.py" for name in options.modules}
        return report([one for one in mutants if one.module in chosen])
    drawn = sample(one for one in mutants if not whole(one.module))
    if not options.table:
        _mutmut((mutant.name for mutant in drawn), options.children)
    names = {mutant.name for mutant in drawn}
    mutants = [mutant for module in modules() for mutant in mutants_of(module)]
    tested = [one for one in mutants if whole(one.module) or one.name in names]
    untested = Counter(one.module for one in tested if one.exit_code is None)
    for module, count in untested.items():
        print(f"{module}: {count} mutants have not been tested", file=sys.stderr)
    return report(tested, mutants)


if __name__ == "__main__":
    raise SystemExit(main())
