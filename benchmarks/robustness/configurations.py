"""Hostile configurations through everything that reads a spec.

``python benchmarks/robustness/configurations.py --count 2000``: a sound spec with keys and values
changed, and its file's bytes changed. Every outcome must be one SpecError, or a spec of which every
number can be compared with, so that no limit passes by being none. Prints a table; the exit code is
1 where something else happened.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.robustness import mutations
from edgeq.config.load import load_spec
from edgeq.errors import SpecError
from edgeq.pipeline.run import Run

SOUND: dict[str, Any] = {
    "methods": ["dynamic_range", "int8", "int8@tensorflow"],
    "inconclusive": "warn",
    "confidence": 0.95,
    "allow_missing": ["accuracy_drop"],
    "reports": "reports",
    "store": ".edgeq",
    "models": {
        "net": {
            "source": "keras:EfficientNetV2B0",
            "weights": "imagenet",
            "seed": 1,
            "preprocessing": {"mean": [1.0, 2.0, 3.0], "std": [1.0, 1.0, 1.0], "filter": "bicubic"},
        }
    },
    "variants": {"vendor": {"model": "net", "file": "vendor.tflite", "method": "int8"}},
    "images": {"calibration": "cal", "evaluation": "eval", "max_evaluation": 100},
    "gates": {"top1_agreement": 0.97, "max_bytes": "9.5 MB", "int8": {"latency_ratio": 0.6}},
    "run": {"threads": 1, "kernels": "xnnpack", "timeout_s": 5.0, "memory_limit": 1_000_000_000},
    "latency": {"rounds": 64, "block": 4, "warmup": 2, "budget_s": 10.0},
}
VALUES: tuple[Any, ...] = (
    *(0, -1, 1, 2**31, 2**63, 10**400, -0.0, 1e308, 5e-324, math.inf, -math.inf, math.nan),
    *(True, False, "", " ", "a", "../../..", "/etc/passwd", "~", "\x00", "\ud7ff\uffff", "🦆" * 50),
    *("x" * 100_000, "9.5 MB", "1e400 GB", "nan", "int8@", "@", "keras:", "keras:__import__"),
    *([], [[]], [0], ["int8"] * 3, [math.nan] * 3, {}, {"": {}}, {"a": {"b": {"c": 1}}}),
    *("{{7*7}}", "$(touch pwned)", "`touch pwned`", "os:system", "<script>alert(1)</script>"),
)
KEYS = (
    "",
    "methodz",
    "net",
    "int8",
    "a.b",
    "__class__",
    "🦆",
    "x" * 1000,
    "weights",
    "gates",
    "\n",
)


def changed(draw: random.Random) -> str:
    """Return a spec's text with one to three keys or values changed."""
    table = copy.deepcopy(SOUND)
    for _ in range(draw.randint(1, 3)):
        holder: Any = table
        while True:
            key = draw.choice(list(holder)) if holder else ""
            inner = holder.get(key)
            if isinstance(inner, dict) and inner and draw.random() < 0.7:
                holder = inner
                continue
            break
        match draw.randrange(4):
            case 0:
                holder.pop(key, None)
            case 1:
                holder[draw.choice(KEYS)] = holder.pop(key, draw.choice(VALUES))
            case _:
                holder[key] = draw.choice(VALUES)
    return toml(table)


def toml(table: Mapping[str, Any]) -> str:
    """Return a table as TOML."""
    return "\n".join(f"{_quoted(key)} = {_value(value)}" for key, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float):
        return str(value)
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def content(draw: random.Random) -> bytes:
    """Return the bytes of a hostile file."""
    blind = (mutations.flip_bits, mutations.cut, mutations.grow, mutations.swap_a_block)
    match draw.randrange(10):
        case 0:
            return draw.choice(blind)(toml(SOUND).encode(), draw)
        case 1:
            return changed(draw).encode(
                draw.choice(("utf-16", "utf-32", "cp500", "utf-8-sig")), "replace"
            )
        case 2:
            deep = draw.choice((50, 5_000))
            return b"methods = " + b"[" * deep + b"]" * deep
        case _:
            return changed(draw).encode()


def outcome(file: Path) -> str:
    """Return what a spec's file comes to.

    Raises:
        SpecError: It is refused.
    """
    spec = load_spec(file.parent, file=file)
    declared = Run(spec).cases
    unsound = [one.id for one in declared if one.limit is not None and not math.isfinite(one.limit)]
    if unsound:
        return f"a limit that is not a number: {unsound[0]}"
    for number in _numbers(msgspec.to_builtins(spec, enc_hook=str)):
        if not math.isfinite(number):
            return f"a number that is none: {number}"
    return "a spec" if declared else "a spec without cases, which does not pass"


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, int | float):
        yield float(value)
    for one in value.values() if isinstance(value, dict) else value if _listed(value) else ():
        yield from _numbers(one)


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


def fuzz(count: int, root: Path) -> tuple[Counter[str], list[str]]:
    """Return how often each outcome was seen, and what must not happen."""
    outcomes: Counter[str] = Counter()
    faults = []
    file = root / "edgeq.toml"
    for number in range(count):
        file.write_bytes(content(random.Random(number)))  # noqa: S311
        try:
            found = outcome(file)
        except SpecError as error:
            found = "SpecError"
            if str(file) not in str(error):
                faults.append(f"{number}: does not name the file: {error}")
        except BaseException:  # noqa: BLE001 - that is what is looked for
            found = "a fault of edgeq"
            faults.append(f"{number}: {traceback.format_exc(limit=-3)}")
        if not found.startswith(("a spec", "SpecError")):
            faults.append(f"{number}: {found}")
        outcomes[found] += 1
    return outcomes, faults


def main() -> int:
    """Print the table; 1 where something happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgeq-specs-") as folder:
        outcomes, faults = fuzz(arguments.count, Path(folder))
        unwanted = sorted(path.name for path in Path(folder).iterdir())
    print("| outcome | configurations |\n|---|---|")
    for found, number in outcomes.most_common():
        print(f"| {found} | {number} |")
    for fault in faults[:20]:
        print(f"FAULT {fault}")
    print(f"{arguments.count} configurations, faults: {len(faults)}")
    return 1 if faults or unwanted != ["edgeq.toml"] else 0


if __name__ == "__main__":
    sys.exit(main())
