"""Arm's Ethos-U NPU, estimated by Arm's compiler Vela; nothing is measured, and nothing runs.

Vela ends with exit code 0 and a time of 0 even if no operator runs on the NPU. The number of
operators that do therefore matters.
"""

from __future__ import annotations

import csv
import io
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from edgeq.config.target_kinds import EthosU
from edgeq.errors import EdgeqError, MissingExtraError
from edgeq.targets.findings import Findings
from edgeq.targets.tools import run_tool
from edgeq.words import share, size

PACKAGE, EXTRA = "ethos-u-vela", "ethos-u"
CONFIGURATION = "Arm/vela.ini"
"""Configuration file that comes with Vela."""
LARGE_SHARE = 0.1
"""Fraction of the cycles from which preprocessing in the graph is worth a hint."""

_USUAL = {
    "u55": ("Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "u65": ("Ethos_U65_High_End", "Dedicated_Sram"),
    "u85": ("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram"),
}
_COMPUTE = frozenset({"Conv2D", "DepthwiseConv2D", "Conv2DBackpropInput", "FullyConnected"})
_NAMES_SHOWN = 4


class NpuEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """Vela's estimates for a file, which are not measurements.

    Attributes:
        accelerator: The NPU and its number of multipliers.
        system_config: Clock and memories that the estimate assumes.
        memory_mode: Assignment of data to memories.
        npu_operators: Number of operators on the NPU, as Vela splits them.
        cpu_operators: Operators left to the CPU, by their names in the file.
        milliseconds: Estimated latency of the NPU's part in ms; the CPU's part is unknown.
        sram_bytes: Peak use of the SRAM in bytes.
        cycles: Estimated cycles of the NPU.
        before_compute: Fraction of the operators' cycles before the first convolution or dense
            layer, which is preprocessing that is part of the graph.
        version: Version of Vela.
    """

    accelerator: str
    system_config: str
    memory_mode: str
    npu_operators: int
    cpu_operators: dict[str, int]
    milliseconds: float
    sram_bytes: int
    cycles: int
    before_compute: float
    version: str


def examine(settings: EthosU, path: Path) -> Findings:
    """Return how a file would run on the NPU.

    Raises:
        MissingExtraError: Vela is not installed.
        EdgeqError: Vela fails or takes too long.
    """
    return described(estimate(settings, path))


def estimate(settings: EthosU, path: Path) -> NpuEstimate:
    """Return Vela's estimate of a file, made in a child process.

    Raises:
        MissingExtraError: Vela is not installed.
        EdgeqError: Vela fails or takes too long.
    """
    try:
        installed = version(PACKAGE)
    except PackageNotFoundError as error:
        needed = "a target of the kind ethos-u"
        raise MissingExtraError(PACKAGE, extra=EXTRA, needed_for=needed) from error
    usual_system, usual_memory = _USUAL[settings.accelerator.split("-")[1]]
    system = settings.system_config or usual_system
    memory = settings.memory_mode or usual_memory
    with tempfile.TemporaryDirectory(prefix="edgeq-") as folder:
        command = [sys.executable, "-P", "-m", "ethosu.vela", str(path.resolve())]
        command += ["--output-dir", folder, "--accelerator-config", settings.accelerator]
        command += ["--system-config", system, "--memory-mode", memory]
        command += ["--config", CONFIGURATION, "--verbose-performance"]
        run_tool(
            command,
            name="Vela",
            timeout_s=settings.timeout_s,
            where=path,
            remedy="Correct system_config, memory_mode or timeout_s, or take another file",
        )
        summary = _only(Path(folder), "*_summary_*.csv", path)
        layers = _only(Path(folder), "*_per-layer.csv", path)
    return read(summary, layers, accelerator=settings.accelerator, version=installed)


def read(summary: str, layers: str, *, accelerator: str, version: str) -> NpuEstimate:
    """Return the estimate in Vela's two tables.

    ``summary`` has one row for the whole network, with times in seconds and memory in KiB;
    ``layers`` has one per operator.

    Raises:
        EdgeqError: The tables do not have this form.
    """
    try:
        whole = next(csv.DictReader(io.StringIO(summary)))
        rows = list(csv.DictReader(io.StringIO(layers)))
        on_cpu = Counter(row["Original Operator"] for row in rows if row["Target"] != "NPU")
        return NpuEstimate(
            accelerator=accelerator,
            system_config=whole["system_config"],
            memory_mode=whole["memory_mode"],
            npu_operators=sum(row["Target"] == "NPU" for row in rows),
            cpu_operators=dict(sorted(on_cpu.items())),
            milliseconds=float(whole["inference_time"]) * 1000,
            sram_bytes=round(float(whole["sram_memory_used"]) * 1024),
            cycles=int(whole["cycles_total"]),
            before_compute=_before_compute(rows),
            version=version,
        )
    except (KeyError, ValueError, StopIteration) as error:
        raise EdgeqError(
            f"Vela {version} wrote tables that can't be read: {error!r}",
            remedy=f"Install the version that edgeq is tested with: pip install 'edgeq[{EXTRA}]'",
        ) from error


def _before_compute(rows: list[dict[str, str]]) -> float:
    total = sum(int(row["Op Cycles"]) for row in rows)
    before = 0
    for row in rows:
        if row["Original Operator"] in _COMPUTE:
            return before / total if total else 0.0
        before += int(row["Op Cycles"])
    return 0.0  # without such a layer, nothing counts as preprocessing


def described(npu: NpuEstimate) -> Findings:
    """Return an estimate as findings for people."""
    left = sum(npu.cpu_operators.values())
    configuration = f"{npu.system_config}, {npu.memory_mode}"
    lines = [
        f"estimate   Vela {npu.version}, {npu.accelerator}, {configuration}; not measured",
        f"operators  {npu.npu_operators} on the NPU, {left} on the CPU{_named(npu.cpu_operators)}",
    ]
    if not npu.npu_operators:
        problem = (
            "no operator runs on the NPU: it takes int8 weights and int8 or int16 activations, not "
            "float ones"
        )
        return Findings(tuple(lines), (problem,), {"npu_operators": 0.0})
    lines.append(
        f"time       {npu.milliseconds:.2f} ms on the NPU ({npu.cycles:,} cycles), SRAM "
        f"{size(npu.sram_bytes)}"
    )
    if npu.before_compute >= LARGE_SHARE:
        lines.append(
            f"hint       {share(npu.before_compute)} of the operators' cycles come before the "
            "first convolution: preprocessing that is part of the graph. A variant with "
            "fold_preprocessing = true saves most of them"
        )
    figures = {
        "npu_operators": npu.npu_operators / (npu.npu_operators + left),
        "npu_ms": npu.milliseconds,
        "sram": float(npu.sram_bytes),
    }
    return Findings(tuple(lines), figures=figures)


def _named(operators: Mapping[str, int]) -> str:
    if not operators:
        return ""
    often = sorted(operators.items(), key=lambda item: (-item[1], item[0]))
    names = [f"{count} {name}" for name, count in often[:_NAMES_SHOWN]]
    more = ["..."] if len(often) > _NAMES_SHOWN else []
    return f" ({', '.join([*names, *more])})"


def _only(folder: Path, pattern: str, path: Path) -> str:
    files = list(folder.glob(pattern))
    if len(files) != 1:
        raise EdgeqError(f"Vela wrote {len(files)} files {pattern}", where=path)
    return files[0].read_text("utf-8")
