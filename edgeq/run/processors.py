"""Names of processors, and what XNNPACK chooses its kernels by, from Linux's ``/proc/cpuinfo``."""

from __future__ import annotations

from collections.abc import Mapping

ARM = {
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd0d": "Cortex-A77",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd42": "Cortex-A78AE",
    "0xd44": "Cortex-X1",
    "0xd46": "Cortex-A510",
    "0xd47": "Cortex-A710",
    "0xd48": "Cortex-X2",
    "0xd49": "Neoverse-N2",
    "0xd4b": "Cortex-A78C",
    "0xd4d": "Cortex-A715",
    "0xd4e": "Cortex-X3",
    "0xd4f": "Neoverse-V2",
    "0xd80": "Cortex-A520",
    "0xd81": "Cortex-A720",
}
"""Arm's cores by the part number in MIDR_EL1, as their technical reference manuals give it."""

ARM_IMPLEMENTER = "0x41"

EXTENSIONS = (
    # Arm: half floats, dot products, bfloat16, int8 matrices, vectors, tiles
    *("asimdhp", "asimddp", "asimdfhm", "bf16", "i8mm", "sve", "sve2", "sme", "sme2"),
    *("ssse3", "sse4_1", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx_vnni_int8"),
    *("avx512f", "avx512bw", "avx512vbmi", "avx512_vnni", "gfni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_fp16"),
)
"""Extensions of processors by which XNNPACK chooses its kernels, as Linux names them."""


def processor(cpuinfo: str) -> str:
    """Return the name of a processor and its board, an empty string if neither is reported.

    The kernels of Arm's processors give them all the same name, if they give any, so that theirs
    is made from the numbers of the cores.

    Args:
        cpuinfo: Rows of ``/proc/cpuinfo``: a block for each kind of core, then one of the board.
    """
    blocks = _blocks(cpuinfo)
    facts = {key: value for block in reversed(blocks) for key, value in block.items()}
    board = facts.get("Model") or facts.get("Hardware", "")
    cores = ", ".join(dict.fromkeys(_arm_core(block) for block in blocks if "CPU part" in block))
    if cores:
        return f"{board} ({cores})" if board else cores
    return facts.get("model name") or board


def extensions(cpuinfo: str) -> tuple[str, ...]:
    """Return those of ``EXTENSIONS`` that the first core has."""
    first = next(iter(_blocks(cpuinfo)), {})
    reported = (first.get("Features") or first.get("flags", "")).split()
    return tuple(name for name in EXTENSIONS if name in reported)


def _blocks(cpuinfo: str) -> list[dict[str, str]]:
    rows = [[row.partition(":") for row in block.splitlines()] for block in cpuinfo.split("\n\n")]
    return [{key.strip(): value.strip() for key, _, value in block} for block in rows]


def _arm_core(core: Mapping[str, str]) -> str:
    """Return the name of a core with its revision, such as ``Cortex-A72 r0p3``."""
    implementer, part = core.get("CPU implementer", "unknown"), core["CPU part"]
    known = ARM.get(part) if implementer == ARM_IMPLEMENTER else None
    name = known or f"core {part} of implementer {implementer}"
    return f"{name} r{core.get('CPU variant', '0x?')[2:]}p{core.get('CPU revision', '?')}"
