"""Google's Edge TPU: what published rules let its compiler map, or what the compiler itself maps.

The rules are data with their sources. They say what *may* map, never what will, because the
compiler has unpublished limits. If the compiler is installed on this machine, it is used instead.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import msgspec

from edgeq.config.target_kinds import NoSettings
from edgeq.errors import EdgeqError
from edgeq.io import structs
from edgeq.targets.findings import Findings
from edgeq.targets.tools import run_tool
from edgeq.tflite.model_file import ModelFile, Operator, read_model
from edgeq.tflite.options import ACTIVATION

COMPILER = "edgetpu_compiler"
TIMEOUT_S = 600.0
MAPPED = "Mapped to Edge TPU"
UNFUSED = frozenset({"AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION"})
"""Operators that may map only without a fused activation function."""

OPEN_SHAPES = "its shapes are not fixed"

_EIGHT_BITS = frozenset({"int8", "uint8"})
_NAMES_SHOWN = 4
_RULES = Path(__file__).with_name("edge_tpu_rules.json")
_ROW = re.compile(r"([A-Z][A-Z0-9_]+)\s+(\d+)\s+(\S.*)")


class Listed(msgspec.Struct, frozen=True):
    """Operators that may map according to one source, with a known limitation or ``""``.

    ``read`` says when the source was read.
    """

    source: str
    read: str
    operators: dict[str, str]


class Rules(msgspec.Struct, frozen=True):
    """What is documented of the compiler, what else it maps, and what its reasons mean."""

    published: Listed
    seen: Listed
    reasons: dict[str, str]

    @property
    def operators(self) -> Mapping[str, str]:
        """All operators that may map, with their limitations."""
        return {**self.published.operators, **self.seen.operators}


@cache
def rules() -> Rules:
    """Return the rules."""
    return structs.from_json(_RULES.read_bytes(), Rules)


def examine(settings: NoSettings, path: Path) -> Findings:
    """Return which operators may map or, if the compiler is on this machine, which ones it maps.

    Raises:
        ModelError: The file can't be read.
        EdgeqError: The compiler fails.
    """
    del settings
    by_rules = judged(read_model(path))
    if shutil.which(COMPILER) is None:
        hint = f"hint       {COMPILER} is not on this machine: only it can say what maps"
        return msgspec.structs.replace(by_rules, lines=(*by_rules.lines, hint))
    compiled = explained(compile_log(path))
    return Findings(
        (*by_rules.lines, *compiled.lines),
        (*by_rules.problems, *compiled.problems),
        compiled.figures,
    )


def refusal(model: ModelFile, operator: Operator) -> str | None:
    """Return why an operator can't map, None if it may."""
    if operator.name not in rules().operators:
        return "it is not on the list of operators that map"
    computed = [
        model.tensors[index]
        for index in (*operator.inputs, *operator.outputs)
        if index >= 0 and not model.tensors[index].data_bytes
    ]
    others = sorted({tensor.dtype for tensor in computed} - _EIGHT_BITS)
    if others and operator.name != "QUANTIZE":
        return f"it computes with {others[0]}, not with 8 bits"
    if any(-1 in tensor.shape_signature for tensor in computed):
        return OPEN_SHAPES
    activation = dict(operator.options).get(ACTIVATION, "NONE")
    if operator.name in UNFUSED and activation != "NONE":
        return f"its fused {activation} is not supported"
    return None


def judged(model: ModelFile) -> Findings:
    """Return what the rules say about a file."""
    refusals = {operator.index: refusal(model, operator) for operator in model.operators}
    may = sum(reason is None for reason in refusals.values())
    named = ((operator.name, refusals[operator.index]) for operator in model.operators)
    why = Counter(f"{name}: {reason}" for name, reason in named if reason is not None)
    published, seen = rules().published, rules().seen
    lines = [
        f"rules      {published.source} (read {published.read}); {seen.source}",
        f"operators  {may} of {len(refusals)} may map to the Edge TPU",
    ]
    often = sorted(why.items(), key=lambda item: (-item[1], item[0]))
    lines += [f"on the CPU {count} {reason}" for reason, count in often[:_NAMES_SHOWN]]
    if len(often) > _NAMES_SHOWN:
        lines.append(f"on the CPU {len(often) - _NAMES_SHOWN} more kinds of operators")
    if OPEN_SHAPES in refusals.values():
        lines.append("hint       convert the model with a fixed batch, such as 1, and a fixed size")
    problems = () if may else (_nothing_maps(refusals.values()),)
    figures = {"npu_operators": may / len(refusals)} if refusals else {}
    return Findings(tuple(lines), problems, figures)


def _nothing_maps(refusals: Iterable[str | None]) -> str:
    reasons = Counter(reason for reason in refusals if reason is not None)
    why = "".join(
        f"; the most frequent reason is that {reason}" for reason, _ in reasons.most_common(1)
    )
    return f"no operator may map to the Edge TPU{why}"


def compile_log(path: Path) -> str:
    """Return the log that the compiler on this machine writes about a file.

    Raises:
        EdgeqError: The compiler fails, takes too long or writes no log.
    """
    with tempfile.TemporaryDirectory(prefix="edgeq-") as folder:
        command = [COMPILER, "--show_operations", "--out_dir", folder, str(path.resolve())]
        run_tool(command, name=COMPILER, timeout_s=TIMEOUT_S, where=path)
        logs = list(Path(folder).glob("*.log"))
        if len(logs) != 1:
            raise EdgeqError(f"{COMPILER} wrote {len(logs)} logs", where=path)
        return logs[0].read_text("utf-8", "replace")


def statuses(log: str) -> Counter[tuple[str, str]]:
    """Return the number of operators by name and status."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in log.splitlines():
        match = _ROW.fullmatch(row.strip())
        if match is not None:
            counts[match[1], match[3]] += int(match[2])
    return counts


def explained(log: str) -> Findings:
    """Return the findings in a compiler's log, with its reasons explained."""
    counts = statuses(log)
    total = sum(counts.values())
    mapped = sum(count for (_, status), count in counts.items() if status == MAPPED)
    lines = [f"compiler   {mapped} of {total} operators are mapped"]
    reasons = Counter[str]()
    for (_, status), count in counts.items():
        reasons[status] += count
    del reasons[MAPPED]
    for status, count in sorted(reasons.items()):
        meaning = rules().reasons.get(status)
        lines.append(f"on the CPU {count}: {status}" + (f" ({meaning})" if meaning else ""))
    problems = () if mapped else ("the compiler maps no operator to the Edge TPU",)
    figures = {"npu_operators": mapped / total} if total else {}
    return Findings(tuple(lines), problems, figures)
